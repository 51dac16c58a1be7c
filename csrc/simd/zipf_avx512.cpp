// Zipf numbers, eight at a time.
#include <immintrin.h>

#include "zipf.hpp"

namespace skm {
namespace {

#include "lanes_avx512.inl"
#include "log2_exp2.inl"
#include "zipf.inl"

// Sixteen entries of 16 bits, read as the lower halves of 32.
std::size_t look_up(const std::uint16_t* guide, const std::uint64_t* words, std::size_t count,
                    std::uint64_t* numbers, std::uint32_t* unknown) noexcept {
  const __m512i all = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
  std::size_t noted = 0;
  for (std::size_t j = 0; j < count; j += 16) {
    const __m256i low = _mm512_cvtepi64_epi32(lanes::right<64 - kGuideBits>(lanes::load(words + j)));
    const __m256i high = _mm512_cvtepi64_epi32(lanes::right<64 - kGuideBits>(lanes::load(words + j + 8)));
    const __m512i index = _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
    const __m512i entry =
        _mm512_and_si512(_mm512_i32gather_epi32(index, guide, 2), _mm512_set1_epi32(0xFFFF));
    lanes::store(numbers + j, _mm512_cvtepu32_epi64(_mm512_castsi512_si256(entry)));
    lanes::store(numbers + j + 8, _mm512_cvtepu32_epi64(_mm512_extracti64x4_epi64(entry, 1)));
    const std::size_t left = count - j;
    const __mmask16 counted = left < 16 ? static_cast<__mmask16>((1u << left) - 1) : __mmask16{0xFFFF};
    const __mmask16 zero = counted & _mm512_testn_epi32_mask(entry, entry);
    const __m512i position = _mm512_add_epi32(all, _mm512_set1_epi32(static_cast<int>(j)));
    _mm512_storeu_si512(unknown + noted, _mm512_maskz_compress_epi32(zero, position));
    noted += static_cast<unsigned>(__builtin_popcount(zero));
  }
  return noted;
}

constexpr ZipfKernels kKernels = {run_kind<false>, run_kind<true>, places, look_up};

}  // namespace

const ZipfKernels& zipf_kernels_avx512() noexcept { return kKernels; }

}  // namespace skm
