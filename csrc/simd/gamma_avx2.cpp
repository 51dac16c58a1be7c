// Gamma draws for AVX2.
#include "gamma.inl"

namespace skm {

const GammaKernels& gamma_kernels_avx2() noexcept { return kKernels; }

}  // namespace skm
