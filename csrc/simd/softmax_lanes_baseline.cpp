// Softmax over lanes, compiled for any processor.
#include "softmax_lanes.hpp"

namespace skm {
namespace {

#include "softmax_plain.inl"
// The vectors and their exponential come first.
#include "softmax_lanes.inl"

}  // namespace

const SoftmaxKernels& softmax_kernels_baseline() noexcept { return kKernels; }

}  // namespace skm
