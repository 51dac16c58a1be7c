// Zipf numbers, eight at a time.
#include <immintrin.h>

#include "zipf.hpp"

namespace skm {
namespace {

#include "lanes_avx512.inl"
#include "log2_exp2.inl"
#include "zipf.inl"

}  // namespace

const ZipfKernels& zipf_kernels_avx512() noexcept { return kKernels; }

}  // namespace skm
