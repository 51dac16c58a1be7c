// Gamma draws for AVX-512.
#include "gamma.inl"

namespace skm {

const GammaKernels& gamma_kernels_avx512() noexcept { return kKernels; }

}  // namespace skm
