// rANS rounds with AVX-512: two vectors of sixteen coders.
#include <immintrin.h>

#include "rans.hpp"

namespace skm::simd {
namespace {

constexpr int kVectors = static_cast<int>(kRansWays) / 16;

/// A gather into zeros. The instruction merges into its destination and so waits for what that held last:
/// left to itself GCC, seeing a full mask, drops the zeros and chains one vector's work to the other's,
/// which doubles the time of encoding. The asm hides that the mask is full.
template <int kScale>
inline __m512i gathered(const void* table, __m512i index) {
  __mmask16 all = 0xFFFF;
  asm("" : "+Yk"(all));
  return _mm512_mask_i32gather_epi32(_mm512_setzero_si512(), all, index, table, kScale);
}

inline __m512i load_symbols(const std::uint8_t* symbols) {
  return _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(symbols)));
}

inline __m512i load_symbols(const std::uint16_t* symbols) {
  return _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(symbols)));
}

/// floor(state / freq) << bits | state % freq, plus cum, for state < freq << (32 - bits), bits >= 12.
inline __m512i pushed(__m512i state, __m512i freq, __m512i cum, __m128i bits) {
  // The quotient is below 2^20, so single precision finds it to within one either way: two roundings
  // of 2^-24 come to less than 1/4. The remainder then says which.
  const __m512 ratio = _mm512_div_ps(_mm512_cvtepu32_ps(state), _mm512_cvtepi32_ps(freq));
  const __m512i quotient = _mm512_cvttps_epi32(ratio);
  const __m512i rest = _mm512_sub_epi32(state, _mm512_mullo_epi32(quotient, freq));
  const __m512i one = _mm512_sll_epi32(_mm512_set1_epi32(1), bits);
  const __m512i step = _mm512_sub_epi32(one, freq);  // quotient one more, remainder freq less
  const __mmask16 below = _mm512_movepi32_mask(rest);
  const __mmask16 above = _mm512_cmpge_epi32_mask(rest, freq);
  __m512i result = _mm512_add_epi32(_mm512_sll_epi32(quotient, bits), _mm512_add_epi32(rest, cum));
  result = _mm512_mask_sub_epi32(result, below, result, step);
  return _mm512_mask_add_epi32(result, above, result, step);
}

template <typename Symbol>
std::uint8_t* encode(const Symbol* symbols, std::size_t rounds, const std::uint32_t* table, unsigned bits,
                     std::uint32_t* states, std::uint8_t* end, bool* impossible) {
  const __m128i shift = _mm_cvtsi32_si128(static_cast<int>(bits));
  const __m128i room = _mm_cvtsi32_si128(static_cast<int>(32 - bits));
  __mmask16 bad = 0;
  __m512i state[kVectors];
  for (int v = 0; v < kVectors; ++v) state[v] = _mm512_loadu_si512(states + 16 * v);
  while (rounds-- > 0) {
#pragma GCC unroll 4
    for (int v = kVectors - 1; v >= 0; --v) {
      const __m512i symbol = load_symbols(symbols + rounds * kRansWays + static_cast<std::size_t>(16 * v));
      const __m512i entry = gathered<4>(table, symbol);
      const __m512i freq = _mm512_and_si512(entry, _mm512_set1_epi32(0xFFFF));
      bad |= _mm512_testn_epi32_mask(freq, freq);
      const __m512i most = _mm512_sub_epi32(_mm512_sll_epi32(freq, room), _mm512_set1_epi32(1));
      const __mmask16 full = _mm512_cmpgt_epu32_mask(state[v], most);
      const __m512i words = _mm512_maskz_compress_epi32(full, state[v]);
      const auto count = static_cast<unsigned>(__builtin_popcount(full));
      end -= 2 * count;
      _mm256_mask_storeu_epi16(end, static_cast<__mmask16>((1U << count) - 1), _mm512_cvtepi32_epi16(words));
      const __m512i kept = _mm512_mask_srli_epi32(state[v], full, state[v], 16);
      state[v] = pushed(kept, freq, _mm512_srli_epi32(entry, 16), shift);
    }
  }
  for (int v = 0; v < kVectors; ++v) _mm512_storeu_si512(states + 16 * v, state[v]);
  *impossible = bad != 0;
  return end;
}

/// States below 2^16 take a word each, in the order of the lanes.
inline __m512i refilled(__m512i state, const std::uint8_t** words) {
  const __mmask16 low = _mm512_cmplt_epu32_mask(state, _mm512_set1_epi32(1 << 16));
  const __m512i next = _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(*words)));
  *words += 2 * __builtin_popcount(low);
  const __m512i shifted = _mm512_mask_slli_epi32(state, low, state, 16);
  return _mm512_or_si512(shifted, _mm512_maskz_expand_epi32(low, next));
}

inline void store_symbols(std::uint8_t* out, __m512i symbol) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(out), _mm512_cvtepi32_epi8(symbol));
}

inline void store_symbols(std::uint16_t* out, __m512i symbol) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), _mm512_cvtepi32_epi16(symbol));
}

const std::uint8_t* decode_packed(const std::uint32_t* slots, const std::uint8_t*, unsigned,
                                  std::uint32_t* states, const std::uint8_t* words,
                                  const std::uint8_t* words_end, std::uint8_t* symbols, std::size_t rounds,
                                  std::size_t* done) {
  const __m512i slot_mask = _mm512_set1_epi32(0xFFF);
  __m512i state[kVectors];
  for (int v = 0; v < kVectors; ++v) state[v] = _mm512_loadu_si512(states + 16 * v);
  std::size_t round = 0;
  for (; round < rounds && words_end - words >= static_cast<std::ptrdiff_t>(kRansRoundBytes); ++round) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) {
      const __m512i slot = gathered<4>(slots, _mm512_and_si512(state[v], slot_mask));
      store_symbols(symbols + round * kRansWays + static_cast<std::size_t>(16 * v), slot);
      const __m512i freq =
          _mm512_add_epi32(_mm512_and_si512(_mm512_srli_epi32(slot, 8), slot_mask), _mm512_set1_epi32(1));
      const __m512i scaled = _mm512_mullo_epi32(freq, _mm512_srli_epi32(state[v], 12));
      state[v] = refilled(_mm512_add_epi32(scaled, _mm512_srli_epi32(slot, 20)), &words);
    }
  }
  for (int v = 0; v < kVectors; ++v) _mm512_storeu_si512(states + 16 * v, state[v]);
  *done = round;
  return words;
}

/// The store keeps the low bytes alone, so what a 32-bit load reads beyond the symbol does not matter.
inline __m512i gather_symbols(const std::uint8_t* table, __m512i slot, const std::uint8_t*) {
  return gathered<1>(table, slot);
}

inline __m512i gather_symbols(const std::uint8_t* table, __m512i slot, const std::uint16_t*) {
  return gathered<2>(table, slot);
}

template <typename Symbol>
const std::uint8_t* decode(const std::uint32_t* slots, const std::uint8_t* slot_symbols, unsigned bits,
                           std::uint32_t* states, const std::uint8_t* words, const std::uint8_t* words_end,
                           Symbol* symbols, std::size_t rounds, std::size_t* done) {
  const __m512i slot_mask = _mm512_set1_epi32((1 << bits) - 1);
  const __m128i shift = _mm_cvtsi32_si128(static_cast<int>(bits));
  __m512i state[kVectors];
  for (int v = 0; v < kVectors; ++v) state[v] = _mm512_loadu_si512(states + 16 * v);
  std::size_t round = 0;
  for (; round < rounds && words_end - words >= static_cast<std::ptrdiff_t>(kRansRoundBytes); ++round) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) {
      const __m512i at = _mm512_and_si512(state[v], slot_mask);
      const __m512i slot = gathered<4>(slots, at);
      store_symbols(symbols + round * kRansWays + static_cast<std::size_t>(16 * v),
                    gather_symbols(slot_symbols, at, symbols));
      const __m512i freq = _mm512_and_si512(slot, _mm512_set1_epi32(0xFFFF));
      const __m512i scaled = _mm512_mullo_epi32(freq, _mm512_srl_epi32(state[v], shift));
      state[v] = refilled(_mm512_add_epi32(scaled, _mm512_srli_epi32(slot, 16)), &words);
    }
  }
  for (int v = 0; v < kVectors; ++v) _mm512_storeu_si512(states + 16 * v, state[v]);
  *done = round;
  return words;
}

constexpr RansKernels kKernels = {encode<std::uint8_t>, encode<std::uint16_t>, decode_packed,
                                  decode<std::uint8_t>, decode<std::uint16_t>};

}  // namespace

const RansKernels& rans_kernels_avx512() noexcept { return kKernels; }

}  // namespace skm::simd
