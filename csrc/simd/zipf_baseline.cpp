// Zipf numbers, one at a time, in plain C++: what every other instruction set must equal.
#include "zipf.hpp"

namespace skm {
namespace {

#include "lanes_scalar.inl"
#include "log2_exp2.inl"
#include "zipf.inl"

constexpr ZipfKernels kKernels = {run_kind<false>, run_kind<true>, places, look_up_each};

}  // namespace

const ZipfKernels& zipf_kernels_baseline() noexcept { return kKernels; }

}  // namespace skm
