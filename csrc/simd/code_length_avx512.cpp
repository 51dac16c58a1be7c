// Byte code lengths with the table in registers and the first-level cache: 64 symbols at a time, each
// of the six byte planes looked up by four permutations of 64 bytes.
#include <immintrin.h>

#include "code_length.hpp"

namespace skm {
namespace {

// 255 + 255 a step into 16 bits: 64 steps stay below 2^15, which the signed pairwise sum needs.
constexpr std::size_t kSteps = 64;

struct Quarters {
  __mmask64 second, third, fourth;
};

inline __m512i look_up(const std::uint8_t* plane, __m512i symbols, Quarters in) {
  // vpermb reads the low 6 bits of an index; the masks say which quarter the high 2 bits mean.
  __m512i found = _mm512_permutexvar_epi8(symbols, _mm512_load_si512(plane));
  found = _mm512_mask_permutexvar_epi8(found, in.second, symbols, _mm512_load_si512(plane + 64));
  found = _mm512_mask_permutexvar_epi8(found, in.third, symbols, _mm512_load_si512(plane + 128));
  return _mm512_mask_permutexvar_epi8(found, in.fourth, symbols, _mm512_load_si512(plane + 192));
}

inline std::uint64_t total_of(__m512i words) {
  return static_cast<std::uint64_t>(
      static_cast<std::uint32_t>(_mm512_reduce_add_epi32(_mm512_madd_epi16(words, _mm512_set1_epi16(1)))));
}

inline std::uint64_t join(const std::uint64_t* plane_sums) {
  std::uint64_t total = 0;
  for (int k = 0; k < BytePlanes::kCount; ++k) total += plane_sums[k] << (8 * k);
  return total;
}

bool sum_bytes(const std::uint8_t* symbols, std::size_t count, const std::uint64_t* table,
               const BytePlanes& planes, std::uint64_t* total) {
  const __m512i ones = _mm512_set1_epi8(1);
  std::uint64_t plane_sums[BytePlanes::kCount] = {};
  __m512i highest = _mm512_setzero_si512();
  std::size_t i = 0;
  while (i + 64 <= count) {
    const std::size_t left = (count - i) / 64;
    const std::size_t end = i + 64 * (left < kSteps ? left : kSteps);
    __m512i sums[BytePlanes::kCount];
    for (__m512i& sum : sums) sum = _mm512_setzero_si512();
    for (; i < end; i += 64) {
      const __m512i x = _mm512_loadu_si512(symbols + i);
      const __mmask64 bit7 = _mm512_movepi8_mask(x);
      const __mmask64 bit6 = _mm512_movepi8_mask(_mm512_add_epi8(x, x));
      const Quarters in = {_kandn_mask64(bit7, bit6), _kandn_mask64(bit6, bit7), _kand_mask64(bit6, bit7)};
      __m512i found = x;
      for (int k = 0; k < BytePlanes::kCount; ++k) {
        found = look_up(planes.plane[k], x, in);
        sums[k] = _mm512_add_epi16(sums[k], _mm512_maddubs_epi16(found, ones));
      }
      highest = _mm512_max_epu8(highest, found);
    }
    for (int k = 0; k < BytePlanes::kCount; ++k) plane_sums[k] += total_of(sums[k]);
  }
  if (_mm512_cmpeq_epu8_mask(highest, _mm512_set1_epi8(-1)) != 0) return false;
  std::uint64_t rest = 0;
  for (; i < count; ++i) rest += table[symbols[i]];
  *total = join(plane_sums) + rest;
  return rest < CodeLengthTable::kImpossible;
}

void lengths(const double* probabilities, std::size_t count, double scale, std::uint64_t* units) {
  for (std::size_t s = 0; s < count; ++s) units[s] = length_units(probabilities[s], scale);
}

constexpr CodeLengthKernels kKernels = {sum_bytes, lengths};

}  // namespace

const CodeLengthKernels& code_length_kernels_avx512() noexcept { return kKernels; }

}  // namespace skm
