// Gamma draws for any processor.
#include "gamma.inl"

namespace skm {

const GammaKernels& gamma_kernels_baseline() noexcept { return kKernels; }

}  // namespace skm
