// Packing into panels of fixed-point numbers of three signed bytes: 16 x 64 elements at a time.
//
// Each row (or lane) is multiplied by the power of two that brings its largest magnitude to at most
// kLargestFixed, rounded to integers q, and these written as q = 2^16 q0 + 2^8 q1 + q2 with all digits in
// [-128, 127]. Adding 128 to each digit makes them the plain bytes of q + 0x808080, and an exclusive or takes
// the 128 off again, within the byte.
//
// Rows panel: [block of 16 rows]{[64 of k][digit]{16 rows, 64 bytes}, 16 floats}; lanes panel: the same of 16
// lanes with each tile transposed in quadruples of k. The floats take q back to the row's numbers (times
// 2^16). The order of k within 64 is that of the interleaving below, the same in both panels.

#include "tile_transpose.inl"

constexpr std::size_t kDigits = 3;
constexpr std::size_t kDepthStep = 64;
constexpr std::size_t kStepBytes = kDigits * kTileBytes;
// 127 * (2^16 + 2^8 + 1), and the fraction's bits of the largest float that becomes it at 2^22 and above.
constexpr std::int32_t kLargestFixed = 0x7F7F7F;
constexpr std::uint32_t kLargestFraction = 2 * static_cast<std::uint32_t>(kLargestFixed) - 0x800000;
// The floats of a panel are 2^16 times what takes q back: the product of two then suits the sums of the
// highest digits.
constexpr std::uint32_t kScaleExponent = 16;
// Exponent field of 2^126: beyond it the factor's inverse would not be a normal number.
constexpr std::uint32_t kLargestExponent = 253;

inline std::size_t block_bytes(std::size_t depth) {
  return depth / kDepthStep * kStepBytes + kBlock * sizeof(float);
}

inline __mmask16 first16(std::size_t count) {
  return static_cast<__mmask16>(count >= 16 ? 0xFFFF : (1u << count) - 1);
}

// Exponent field of the power of two for a row of this largest magnitude (its bits).
inline std::uint32_t exponent_for(std::uint32_t largest) {
  const std::uint32_t over = (largest & 0x7FFFFF) > kLargestFraction ? 1 : 0;
  const std::uint32_t exponent = 2 * 127 + 22 - (largest >> 23) - over;
  return exponent < kLargestExponent ? exponent : kLargestExponent;
}

// 16 elements of a row from k on, those before `depth`, times the factors of their coordinates if there are
// any. kWhole: all of them are there.
template <bool kFactors, bool kWhole>
inline __m512 elements(const float* row, const float* factors, std::size_t k, std::size_t depth) {
  const __mmask16 here = kWhole ? static_cast<__mmask16>(0xFFFF) : first16(k < depth ? depth - k : 0);
  const __m512 x = kWhole ? _mm512_loadu_ps(row + k) : _mm512_maskz_loadu_ps(here, row + k);
  return kFactors ? _mm512_mul_ps(x, _mm512_maskz_loadu_ps(here, factors + k)) : x;
}

inline __m512i larger_magnitude(__m512i largest, __m512 x) {
  const __m512i magnitude = _mm512_and_si512(_mm512_castps_si512(x), _mm512_set1_epi32(0x7FFFFFFF));
  return _mm512_max_epu32(largest, magnitude);
}

template <bool kFactors>
inline std::uint32_t largest_magnitude(const float* row, const float* factors, std::size_t depth) {
  __m512i largest[2] = {_mm512_setzero_si512(), _mm512_setzero_si512()};
  std::size_t k = 0;
  for (; k + 32 <= depth; k += 32) {
    largest[0] = larger_magnitude(largest[0], elements<kFactors, true>(row, factors, k, depth));
    largest[1] = larger_magnitude(largest[1], elements<kFactors, true>(row, factors, k + 16, depth));
  }
  for (; k < depth; k += 16) {
    largest[0] = larger_magnitude(largest[0], elements<kFactors, false>(row, factors, k, depth));
  }
  return _mm512_reduce_max_epu32(_mm512_max_epu32(largest[0], largest[1]));
}

// Writes the digits of 64 elements from k on, a vector for each, kTileBytes apart; byte 16 i + 4 j + b is
// element 16 j + 4 i + b.
template <bool kFactors, bool kWhole>
inline void write_digits(const float* row, const float* factors, std::size_t k, std::size_t depth,
                         __m512 scale, char* out) {
  const __m512i middle = _mm512_set1_epi32(0x808080);
  const __m512i by_digit = _mm512_broadcast_i32x4(
      _mm_setr_epi8(2, 6, 10, 14, 1, 5, 9, 13, 0, 4, 8, 12, 3, 7, 11, 15));  // the highest first
  __m512i v[4];
  for (std::size_t i = 0; i < 4; ++i) {
    const __m512 x = elements<kFactors, kWhole>(row, factors, k + 16 * i, depth);
    const __m512i q = _mm512_cvtps_epi32(_mm512_mul_ps(x, scale));
    v[i] = _mm512_shuffle_epi8(_mm512_xor_si512(_mm512_add_epi32(q, middle), middle), by_digit);
  }
  const __m512i low0 = _mm512_unpacklo_epi32(v[0], v[1]);
  const __m512i low1 = _mm512_unpacklo_epi32(v[2], v[3]);
  const __m512i high0 = _mm512_unpackhi_epi32(v[0], v[1]);
  const __m512i high1 = _mm512_unpackhi_epi32(v[2], v[3]);
  _mm512_store_si512(out, _mm512_unpacklo_epi64(low0, low1));
  _mm512_store_si512(out + kTileBytes, _mm512_unpackhi_epi64(low0, low1));
  _mm512_store_si512(out + 2 * kTileBytes, _mm512_unpacklo_epi64(high0, high1));
}

// One row, and zeros up to the panel's depth. The next row is asked for meanwhile: packing is bound by
// memory.
template <bool kFactors>
inline void write_row(const float* row, const float* next, const float* factors, std::size_t depth,
                      std::size_t panel_depth, __m512 scale, char* out) {
  std::size_t k = 0;
  for (; k + kDepthStep <= depth; k += kDepthStep, out += kStepBytes) {
    for (std::size_t i = 0; i < kDepthStep; i += 16) {
      _mm_prefetch(reinterpret_cast<const char*>(next + k + i), _MM_HINT_T0);
    }
    write_digits<kFactors, true>(row, factors, k, depth, scale, out);
  }
  for (; k < panel_depth; k += kDepthStep, out += kStepBytes) {
    write_digits<kFactors, false>(row, factors, k, depth, scale, out);
  }
}

inline void transpose_tiles(char* panel, std::size_t tiles) {
  for (; tiles != 0; --tiles, panel += kTileBytes) {
    __m512i v[kBlock];
    for (std::size_t i = 0; i < kBlock; ++i) v[i] = _mm512_load_si512(panel + 64 * i);
    transpose(v);
    for (std::size_t i = 0; i < kBlock; ++i) _mm512_store_si512(panel + 64 * i, v[i]);
  }
}

// 16 rows, of which `count` are there.
template <bool kFactors>
std::uint32_t pack_block(const float* m, std::size_t stride, std::size_t count, std::size_t depth,
                         std::size_t panel_depth, const float* factors, char* out) {
  auto* scales = reinterpret_cast<std::uint32_t*>(out + panel_depth / kDepthStep * kStepBytes);
  std::uint32_t seen = 0;
  for (std::size_t i = 0; i < kBlock; ++i) {
    const std::size_t here = i < count ? depth : 0;
    const float* row = m + (i < count ? i : 0) * stride;
    const std::uint32_t largest = largest_magnitude<kFactors>(row, factors, here);
    const std::uint32_t as_given = kFactors ? largest_magnitude<false>(row, nullptr, here) : largest;
    seen = seen < as_given ? as_given : seen;
    const std::uint32_t exponent = exponent_for(largest);
    scales[i] = (2 * 127 + kScaleExponent - exponent) << 23;
    const __m512 scale = _mm512_castsi512_ps(_mm512_set1_epi32(static_cast<std::int32_t>(exponent << 23)));
    write_row<kFactors>(row, row + stride, factors, here, panel_depth, scale, out + 64 * i);
  }
  return seen;
}

// kUnit: what `count` is padded to. Whole rows alone: place.first_depth is 0.
template <bool kTranspose, std::size_t kUnit>
std::uint32_t pack(const float* m, std::size_t stride, std::size_t count, std::size_t depth,
                   PanelPlace place) {
  std::uint32_t seen = 0;
  const std::size_t padded = (count + kUnit - 1) / kUnit * kUnit;
  char* out = static_cast<char*>(place.panel);
  for (std::size_t i = 0; i < padded; i += kBlock, out += block_bytes(place.panel_depth)) {
    const std::size_t here = i < count ? count - i : 0;
    const float* from = here == 0 ? m : m + i * stride;
    const auto block = place.factors == nullptr ? pack_block<false> : pack_block<true>;
    const std::uint32_t largest = block(from, stride, here, depth, place.panel_depth, place.factors, out);
    if (kTranspose) transpose_tiles(out, place.panel_depth / kDepthStep * kDigits);
    seen = seen < largest ? largest : seen;
  }
  return seen;
}
