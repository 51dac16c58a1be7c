// rANS rounds with AVX2: four vectors of eight coders.
#include <immintrin.h>

#include "rans.hpp"

namespace skm::simd {
namespace {

constexpr int kVectors = static_cast<int>(kRansWays) / 8;

/// For each set of lanes, where each lane's word comes from: eight words read in order go to the lanes
/// of the set (expand); the words of the lanes of the set go, in order, to the top (compress).
struct LaneTables {
  alignas(8) std::uint8_t expand[256][8] = {};
  alignas(8) std::uint8_t compress[256][8] = {};

  constexpr LaneTables() {
    for (int set = 0; set < 256; ++set) {
      std::uint8_t next = 0;
      for (std::uint8_t lane = 0; lane < 8; ++lane)
        if (set >> lane & 1) expand[set][lane] = next++;
      std::uint8_t at = static_cast<std::uint8_t>(8 - next);
      for (std::uint8_t lane = 0; lane < 8; ++lane)
        if (set >> lane & 1) compress[set][at++] = lane;
    }
  }
};

constexpr LaneTables kLanes;

/// A gather into zeros. The instruction merges into its destination and so waits for what that held last:
/// left to itself GCC, seeing a full mask, drops the zeros and chains one vector's work to the next one's.
/// The asm hides that the mask is full.
template <int kScale>
inline __m256i gathered(const void* table, __m256i index) {
  __m256i all = _mm256_set1_epi32(-1);
  asm("" : "+x"(all));
  return _mm256_mask_i32gather_epi32(_mm256_setzero_si256(), static_cast<const int*>(table), index, all,
                                     kScale);
}

inline __m256i lane_indices(const std::uint8_t* row) {
  return _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(row)));
}

inline __m256i load_symbols(const std::uint8_t* symbols) {
  return _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(symbols)));
}

inline __m256i load_symbols(const std::uint16_t* symbols) {
  return _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(symbols)));
}

/// floor(state / freq) << bits | state % freq, plus cum, for state < freq << (32 - bits), bits >= 12.
inline __m256i pushed(__m256i state, __m256i freq, __m256i cum, __m128i bits) {
  // The quotient is below 2^20, so single precision finds it to within one either way: state is known
  // to within 1 (its lowest bit is lost to fit a signed conversion) and three roundings of 2^-24 add
  // less than 1/4. The remainder then says which.
  const __m256 half = _mm256_add_ps(_mm256_cvtepi32_ps(_mm256_srli_epi32(state, 1)), _mm256_set1_ps(0.5F));
  const __m256 divisor = _mm256_mul_ps(_mm256_cvtepi32_ps(freq), _mm256_set1_ps(0.5F));
  const __m256i quotient = _mm256_cvttps_epi32(_mm256_div_ps(half, divisor));
  const __m256i rest = _mm256_sub_epi32(state, _mm256_mullo_epi32(quotient, freq));
  const __m256i one = _mm256_sll_epi32(_mm256_set1_epi32(1), bits);
  const __m256i step = _mm256_sub_epi32(one, freq);  // quotient one more, remainder freq less
  const __m256i below = _mm256_cmpgt_epi32(_mm256_setzero_si256(), rest);
  const __m256i fits = _mm256_cmpgt_epi32(freq, rest);
  __m256i result = _mm256_add_epi32(_mm256_sll_epi32(quotient, bits), _mm256_add_epi32(rest, cum));
  result = _mm256_sub_epi32(result, _mm256_and_si256(below, step));
  return _mm256_add_epi32(result, _mm256_andnot_si256(fits, step));
}

template <typename Symbol>
std::uint8_t* encode(const Symbol* symbols, std::size_t rounds, const std::uint32_t* table, unsigned bits,
                     std::uint32_t* states, std::uint8_t* end, bool* impossible) {
  const __m256i low_half = _mm256_set1_epi32(0xFFFF);
  const __m128i shift = _mm_cvtsi32_si128(static_cast<int>(bits));
  const __m128i room = _mm_cvtsi32_si128(static_cast<int>(32 - bits));
  __m256i bad = _mm256_setzero_si256();
  __m256i state[kVectors];
  for (int v = 0; v < kVectors; ++v) state[v] = _mm256_loadu_si256(reinterpret_cast<__m256i*>(states) + v);
  while (rounds-- > 0) {
#pragma GCC unroll 8
    for (int v = kVectors - 1; v >= 0; --v) {
      const __m256i symbol = load_symbols(symbols + rounds * kRansWays + static_cast<std::size_t>(8 * v));
      const __m256i entry = gathered<4>(table, symbol);
      const __m256i freq = _mm256_and_si256(entry, low_half);
      bad = _mm256_or_si256(bad, _mm256_cmpeq_epi32(freq, _mm256_setzero_si256()));
      const __m256i most = _mm256_sub_epi32(_mm256_sll_epi32(freq, room), _mm256_set1_epi32(1));
      const __m256i fits = _mm256_cmpeq_epi32(_mm256_min_epu32(state[v], most), state[v]);
      const unsigned full = static_cast<unsigned>(_mm256_movemask_ps(_mm256_castsi256_ps(fits))) ^ 0xFFU;
      const __m256i words = _mm256_permutevar8x32_epi32(_mm256_and_si256(state[v], low_half),
                                                        lane_indices(kLanes.compress[full]));
      // Eight words are stored, of which only the top ones count; the others will be overwritten.
      _mm_storeu_si128(reinterpret_cast<__m128i*>(end - 16),
                       _mm_packus_epi32(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1)));
      end -= 2 * __builtin_popcount(full);
      const __m256i kept = _mm256_srlv_epi32(state[v], _mm256_andnot_si256(fits, _mm256_set1_epi32(16)));
      state[v] = pushed(kept, freq, _mm256_srli_epi32(entry, 16), shift);
    }
  }
  for (int v = 0; v < kVectors; ++v) _mm256_storeu_si256(reinterpret_cast<__m256i*>(states) + v, state[v]);
  *impossible = _mm256_testz_si256(bad, bad) == 0;
  return end;
}

/// States below 2^16 take a word each, in the order of the lanes.
inline __m256i refilled(__m256i state, const std::uint8_t** words) {
  const __m256i low = _mm256_cmpeq_epi32(_mm256_srli_epi32(state, 16), _mm256_setzero_si256());
  const auto set = static_cast<unsigned>(_mm256_movemask_ps(_mm256_castsi256_ps(low)));
  const __m256i next = _mm256_permutevar8x32_epi32(
      _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(*words))),
      lane_indices(kLanes.expand[set]));
  *words += 2 * __builtin_popcount(set);
  return _mm256_blendv_epi8(state, _mm256_or_si256(_mm256_slli_epi32(state, 16), next), low);
}

inline void store_symbols(std::uint8_t* out, const __m256i (&symbol)[kVectors]) {
  const __m256i packed = _mm256_packus_epi16(_mm256_packus_epi32(symbol[0], symbol[1]),
                                             _mm256_packus_epi32(symbol[2], symbol[3]));
  const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), _mm256_permutevar8x32_epi32(packed, order));
}

inline void store_symbols(std::uint16_t* out, const __m256i (&symbol)[kVectors]) {
  for (int v = 0; v < kVectors; v += 2) {
    const __m256i packed = _mm256_packus_epi32(symbol[v], symbol[v + 1]);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + 8 * v), _mm256_permute4x64_epi64(packed, 0xD8));
  }
}

const std::uint8_t* decode_packed(const std::uint32_t* slots, const std::uint8_t*, unsigned,
                                  std::uint32_t* states, const std::uint8_t* words,
                                  const std::uint8_t* words_end, std::uint8_t* symbols, std::size_t rounds,
                                  std::size_t* done) {
  const __m256i slot_mask = _mm256_set1_epi32(0xFFF);
  __m256i state[kVectors], symbol[kVectors];
  for (int v = 0; v < kVectors; ++v) state[v] = _mm256_loadu_si256(reinterpret_cast<__m256i*>(states) + v);
  std::size_t round = 0;
  for (; round < rounds && words_end - words >= static_cast<std::ptrdiff_t>(kRansRoundBytes); ++round) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) {
      const __m256i slot = gathered<4>(slots, _mm256_and_si256(state[v], slot_mask));
      symbol[v] = _mm256_and_si256(slot, _mm256_set1_epi32(0xFF));
      const __m256i freq =
          _mm256_add_epi32(_mm256_and_si256(_mm256_srli_epi32(slot, 8), slot_mask), _mm256_set1_epi32(1));
      const __m256i scaled = _mm256_mullo_epi32(freq, _mm256_srli_epi32(state[v], 12));
      state[v] = refilled(_mm256_add_epi32(scaled, _mm256_srli_epi32(slot, 20)), &words);
    }
    store_symbols(symbols + round * kRansWays, symbol);
  }
  for (int v = 0; v < kVectors; ++v) _mm256_storeu_si256(reinterpret_cast<__m256i*>(states) + v, state[v]);
  *done = round;
  return words;
}

inline __m256i gather_symbols(const std::uint8_t* table, __m256i slot, const std::uint8_t*) {
  return _mm256_and_si256(gathered<1>(table, slot), _mm256_set1_epi32(0xFF));
}

inline __m256i gather_symbols(const std::uint8_t* table, __m256i slot, const std::uint16_t*) {
  return _mm256_and_si256(gathered<2>(table, slot), _mm256_set1_epi32(0xFFFF));
}

template <typename Symbol>
const std::uint8_t* decode(const std::uint32_t* slots, const std::uint8_t* slot_symbols, unsigned bits,
                           std::uint32_t* states, const std::uint8_t* words, const std::uint8_t* words_end,
                           Symbol* symbols, std::size_t rounds, std::size_t* done) {
  const __m256i slot_mask = _mm256_set1_epi32((1 << bits) - 1);
  const __m128i shift = _mm_cvtsi32_si128(static_cast<int>(bits));
  __m256i state[kVectors], symbol[kVectors];
  for (int v = 0; v < kVectors; ++v) state[v] = _mm256_loadu_si256(reinterpret_cast<__m256i*>(states) + v);
  std::size_t round = 0;
  for (; round < rounds && words_end - words >= static_cast<std::ptrdiff_t>(kRansRoundBytes); ++round) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) {
      const __m256i at = _mm256_and_si256(state[v], slot_mask);
      const __m256i slot = gathered<4>(slots, at);
      symbol[v] = gather_symbols(slot_symbols, at, symbols);
      const __m256i freq = _mm256_and_si256(slot, _mm256_set1_epi32(0xFFFF));
      const __m256i scaled = _mm256_mullo_epi32(freq, _mm256_srl_epi32(state[v], shift));
      state[v] = refilled(_mm256_add_epi32(scaled, _mm256_srli_epi32(slot, 16)), &words);
    }
    store_symbols(symbols + round * kRansWays, symbol);
  }
  for (int v = 0; v < kVectors; ++v) _mm256_storeu_si256(reinterpret_cast<__m256i*>(states) + v, state[v]);
  *done = round;
  return words;
}

constexpr RansKernels kKernels = {encode<std::uint8_t>, encode<std::uint16_t>, decode_packed,
                                  decode<std::uint8_t>, decode<std::uint16_t>};

}  // namespace

const RansKernels& rans_kernels_avx2() noexcept { return kKernels; }

}  // namespace skm::simd
