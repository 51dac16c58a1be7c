// Packing into panels of bfloat16, kTerms of them for each element: 16 x 32 elements at a time, which are 16
// vectors of 16 pairs (k, k + 1).
//
// A float is the sum of its kTerms terms, each the rounding to nearest of what those before leave over: three
// hold all 24 bits [Henry, Tang, Heinecke 2019, Leveraging the bfloat16 artificial intelligence datatype for
// higher-precision computations].
//
// Rows panel: [block of 16 rows][32 of k][term]{16 rows, 16 pairs}; lanes panel: [block of 16 lanes]
// [32 of k][term]{16 pairs, 16 lanes}. Both tiles are 1 KiB and one is the other's transpose in pairs.

#include "tile_transpose.inl"

inline __mmask16 first16(std::size_t count) {
  return static_cast<__mmask16>(count >= 16 ? 0xFFFF : (1u << count) - 1);
}
inline __mmask32 first32(std::size_t count) {
  return count >= 32 ? 0xFFFFFFFFu : static_cast<__mmask32>((1u << count) - 1);
}

inline __m512i halves_of(__m512bh x) { return reinterpret_cast<__m512i>(x); }
inline __m512 float_of(__m512i bits) { return _mm512_castsi512_ps(bits); }

// Rows of the matrix run along k: vector i holds the pairs of row (or lane) i.
struct AlongDepth {
  template <int kTerms>
  static inline void load(const float* m, std::size_t stride, std::size_t count, std::size_t depth,
                          __m512i (*v)[kBlock], __m512i& largest) {
    const __m512i high = _mm512_set1_epi32(static_cast<int>(0xFFFF0000));
    const __m512i magnitude = _mm512_set1_epi32(0x7FFFFFFF);
    for (std::size_t i = 0; i < kBlock; ++i) {
      const std::size_t here = i < count ? depth : 0;
      const float* row = m + (i < count ? i : 0) * stride;
      __m512 a = _mm512_maskz_loadu_ps(first16(here), row);
      __m512 b = _mm512_maskz_loadu_ps(first16(here > 16 ? here - 16 : 0), row + 16);
      largest = _mm512_max_epu32(largest, _mm512_and_si512(_mm512_castps_si512(a), magnitude));
      largest = _mm512_max_epu32(largest, _mm512_and_si512(_mm512_castps_si512(b), magnitude));
      for (int t = 0; t < kTerms; ++t) {
        const __m512i halves = halves_of(_mm512_cvtne2ps_pbh(b, a));
        v[t][i] = halves;
        if (t + 1 == kTerms) break;
        const __m256i low = _mm512_castsi512_si256(halves);
        const __m256i top = _mm512_extracti64x4_epi64(halves, 1);
        a = _mm512_sub_ps(a, float_of(_mm512_slli_epi32(_mm512_cvtepu16_epi32(low), 16)));
        b = _mm512_sub_ps(
            b, float_of(_mm512_and_si512(_mm512_slli_epi32(_mm512_cvtepu16_epi32(top), 16), high)));
      }
    }
  }

  template <int kTerms>
  static inline void load(const std::uint16_t* m, std::size_t stride, std::size_t count, std::size_t depth,
                          __m512i (*v)[kBlock], __m512i&) {
    for (std::size_t i = 0; i < kBlock; ++i) {
      v[0][i] = _mm512_maskz_loadu_epi16(first32(i < count ? depth : 0), m + (i < count ? i : 0) * stride);
    }
  }
};

// Rows of the matrix run along rows (or lanes): vector p holds the pairs (2 p, 2 p + 1) of all of them.
struct AcrossDepth {
  template <int kTerms>
  static inline void load(const float* m, std::size_t stride, std::size_t count, std::size_t depth,
                          __m512i (*v)[kBlock], __m512i& largest) {
    const __m512i magnitude = _mm512_set1_epi32(0x7FFFFFFF);
    for (std::size_t p = 0; p < kBlock; ++p) {
      const __mmask16 even = first16(2 * p < depth ? count : 0);
      const __mmask16 odd = first16(2 * p + 1 < depth ? count : 0);
      __m512 a = _mm512_maskz_loadu_ps(even, m + (2 * p < depth ? 2 * p : 0) * stride);
      __m512 b = _mm512_maskz_loadu_ps(odd, m + (2 * p + 1 < depth ? 2 * p + 1 : 0) * stride);
      largest = _mm512_max_epu32(largest, _mm512_and_si512(_mm512_castps_si512(a), magnitude));
      largest = _mm512_max_epu32(largest, _mm512_and_si512(_mm512_castps_si512(b), magnitude));
      for (int t = 0; t < kTerms; ++t) {
        const __m512i halves = halves_of(_mm512_cvtne2ps_pbh(b, a));
        const __m512i low = _mm512_cvtepu16_epi32(_mm512_castsi512_si256(halves));
        const __m512i top =
            _mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm512_extracti64x4_epi64(halves, 1)), 16);
        v[t][p] = _mm512_or_si512(low, top);
        if (t + 1 == kTerms) break;
        a = _mm512_sub_ps(a, float_of(_mm512_slli_epi32(low, 16)));
        b = _mm512_sub_ps(b, float_of(top));
      }
    }
  }

  template <int kTerms>
  static inline void load(const std::uint16_t* m, std::size_t stride, std::size_t count, std::size_t depth,
                          __m512i (*v)[kBlock], __m512i&) {
    for (std::size_t p = 0; p < kBlock; ++p) {
      const __mmask16 even = first16(2 * p < depth ? count : 0);
      const __mmask16 odd = first16(2 * p + 1 < depth ? count : 0);
      const __m256i a = _mm256_maskz_loadu_epi16(even, m + (2 * p < depth ? 2 * p : 0) * stride);
      const __m256i b = _mm256_maskz_loadu_epi16(odd, m + (2 * p + 1 < depth ? 2 * p + 1 : 0) * stride);
      v[0][p] = _mm512_or_si512(_mm512_cvtepu16_epi32(a), _mm512_slli_epi32(_mm512_cvtepu16_epi32(b), 16));
    }
  }
};

// kUnit: what `count` is padded to.
template <class Load, bool kTranspose, std::size_t kUnit, int kTerms, class T>
std::uint32_t pack(const T* m, std::size_t stride, std::size_t count, std::size_t depth, PanelPlace place) {
  constexpr bool along = __is_same(Load, AlongDepth);
  __m512i largest = _mm512_setzero_si512();
  const std::size_t padded = (count + kUnit - 1) / kUnit * kUnit;
  for (std::size_t i = 0; i < padded; i += kBlock) {
    const std::size_t here = i < count ? count - i : 0;
    char* out = static_cast<char*>(place.panel) +
                (i / kBlock * place.panel_depth + place.first_depth) / kDepthUnit * (kTerms * kTileBytes);
    for (std::size_t k = 0; k < depth; k += kDepthUnit, out += kTerms * kTileBytes) {
      __m512i v[kTerms][kBlock];
      const T* from = here == 0 ? m : along ? m + i * stride + k : m + k * stride + i;
      Load::template load<kTerms>(from, stride, here, depth - k, v, largest);
      for (int t = 0; t < kTerms; ++t) {
        if (kTranspose) transpose(v[t]);
        for (std::size_t r = 0; r < kBlock; ++r) _mm512_store_si512(out + kTileBytes * t + 64 * r, v[t][r]);
      }
    }
  }
  return _mm512_reduce_max_epu32(largest);
}

// A tile of 32 lanes both as rows whose depth the lanes are and as lanes whose depth the rows are: each float
// is cut into terms once. `rows` is a multiple of 32.
template <int kTerms>
void pack_both_ways(const float* tile, std::size_t rows, PanelPlace as_rows, PanelPlace as_lanes) {
  const __m512i side_by_side = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8,
                                                23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
  const __m512i high = _mm512_set1_epi32(static_cast<int>(0xFFFF0000));
  constexpr std::size_t step = kTerms * kTileBytes;
  const std::size_t row_block = as_rows.panel_depth / kDepthUnit * step;
  const std::size_t lane_block = as_lanes.panel_depth / kDepthUnit * step;
  for (std::size_t i = 0; i < rows; i += 2) {
    // Where in a panel, which may not be there.
    const std::size_t in_rows =
        i / kBlock * row_block + as_rows.first_depth / kDepthUnit * step + i % kBlock * 64;
    const std::size_t in_lanes = (as_lanes.first_depth + i) / kDepthUnit * step + i % kDepthUnit * 32;
    __m512 even[2], odd[2];
    for (std::size_t v = 0; v < 2; ++v) {
      even[v] = _mm512_load_ps(tile + i * kLanes + 16 * v);
      odd[v] = _mm512_load_ps(tile + (i + 1) * kLanes + 16 * v);
    }
    for (std::size_t t = 0; t < kTerms; ++t) {
      __m512i halves[2];
      for (std::size_t v = 0; v < 2; ++v) {
        halves[v] = halves_of(_mm512_cvtne2ps_pbh(odd[v], even[v]));
        const __m512i pairs = _mm512_permutexvar_epi16(side_by_side, halves[v]);
        if (as_lanes.panel != nullptr) {
          _mm512_store_si512(static_cast<char*>(as_lanes.panel) + in_lanes + v * lane_block + t * kTileBytes,
                             pairs);
        }
        even[v] = _mm512_sub_ps(even[v], float_of(_mm512_slli_epi32(pairs, 16)));
        odd[v] = _mm512_sub_ps(odd[v], float_of(_mm512_and_si512(pairs, high)));
      }
      if (as_rows.panel == nullptr) continue;
      char* out = static_cast<char*>(as_rows.panel) + in_rows + t * kTileBytes;
      _mm512_store_si512(out, _mm512_shuffle_i64x2(halves[0], halves[1], 0x44));
      _mm512_store_si512(out + 64, _mm512_shuffle_i64x2(halves[0], halves[1], 0xEE));
    }
  }
}

template <int kTerms, class T>
constexpr PackKernels<T> pack_kernels() {
  return {pack<AlongDepth, false, kRowUnit, kTerms, T>, pack<AcrossDepth, true, kRowUnit, kTerms, T>,
          pack<AcrossDepth, false, kLanes, kTerms, T>, pack<AlongDepth, true, kLanes, kTerms, T>};
}
