// Logit kernels, 16 entries at a time. Entries past the end of a row are read as -inf, of weight zero.
#include "avx512_intrinsics.hpp"
#include "categorical.hpp"
#include "skm/fixed_exp.hpp"

namespace skm {
namespace {

constexpr std::size_t kLanes = 16;

inline __m512 minus_infinity() {
  return _mm512_castsi512_ps(_mm512_set1_epi32(static_cast<int>(0xFF800000)));
}

inline __mmask16 first_lanes(std::size_t count) { return static_cast<__mmask16>((1u << count) - 1); }

inline __m512 load(const float* p) { return _mm512_loadu_ps(p); }

inline __m512 load_part(const float* p, std::size_t count) {
  return _mm512_mask_loadu_ps(minus_infinity(), first_lanes(count), p);
}

inline __m512 widen(__m256i halves) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16));
}

inline __m512 load(const std::uint16_t* p) {
  return widen(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}

inline __m512 load_part(const std::uint16_t* p, std::size_t count) {
  return widen(_mm256_mask_loadu_epi16(_mm256_set1_epi16(static_cast<short>(0xFF80)), first_lanes(count), p));
}

inline __m512 first_entry(const float* row) { return _mm512_set1_ps(*row); }

inline __m512 first_entry(const std::uint16_t* row) {
  return widen(_mm256_set1_epi16(static_cast<short>(*row)));
}

// exp_weight of fixed_exp.hpp. Its 16-bit operands stand in the upper halves of the 32-bit lanes.
struct Exponential {
  explicit Exponential(float largest)
      : max(_mm512_set1_ps(largest)),
        scale(_mm512_set1_ps(kExpScale)),
        base(_mm512_load_si512(kExpBase)),
        low_to_high(_mm512_set4_epi32(0x0D0CFFFF, 0x0908FFFF, 0x0504FFFF, 0x0100FFFF)),
        linear(_mm512_set1_epi32(static_cast<int>(kExpLinear << 16))),
        quadratic(_mm512_set1_epi32(static_cast<int>(kExpQuadratic << 16))) {}

  __m512i operator()(__m512 x) const {
    const __m512i t = _mm512_cvttps_epi32(_mm512_mul_ps(_mm512_sub_ps(max, x), scale));
    const __m512i start = _mm512_permutexvar_epi32(_mm512_srli_epi32(t, 16), base);  // low 4 bits count
    const __m512i g = _mm512_shuffle_epi8(t, low_to_high);  // t << 16, on the port that shifts do not use
    const __m512i slope = _mm512_sub_epi32(linear, _mm512_mulhi_epu16(g, quadratic));
    const __m512i fall = _mm512_mulhi_epu16(start, _mm512_mulhi_epu16(g, slope));
    return _mm512_srlv_epi32(_mm512_sub_epi32(start, _mm512_srli_epi32(fall, 4)),
                             _mm512_srli_epi32(t, kExpFractionBits));
  }

  __m512 max, scale;
  __m512i base, low_to_high, linear, quadratic;
};

// Sums 32-bit lanes in 64 bits: `all` adds them in pairs as 64-bit words, modulo 2^64, `upper` adds the
// upper ones alone; what remains of `all` without `upper` is the sum of the lower ones.
struct LaneSum {
  void add(__m512i w) {
    all = _mm512_add_epi64(all, w);
    upper = _mm512_add_epi64(upper, _mm512_maskz_shuffle_epi32(0x5555, w, _MM_PERM_DDBB));
  }

  std::uint64_t total() const {
    const __m512i lower = _mm512_sub_epi64(all, _mm512_slli_epi64(upper, 32));
    return static_cast<std::uint64_t>(_mm512_reduce_add_epi64(_mm512_add_epi64(lower, upper)));
  }

  __m512i all = _mm512_setzero_si512();
  __m512i upper = _mm512_setzero_si512();
};

struct Extremes {
  void add(__m512 x) {
    max = _mm512_max_ps(max, x);
    magnitude =
        _mm512_max_epu32(magnitude, _mm512_and_si512(_mm512_castps_si512(x), _mm512_set1_epi32(0x7FFFFFFF)));
  }

  RowSummary reduce() const { return {_mm512_reduce_max_ps(max), _mm512_reduce_max_epu32(magnitude)}; }

  __m512 max = minus_infinity();
  __m512i magnitude = _mm512_setzero_si512();
};

// One vector of a row, whole or the last: what is missing to a whole one is -inf, of weight zero.
template <class T>
inline auto load_at(const T* row, std::size_t n, std::size_t j) {
  return j + kLanes <= n ? load(row + j) : load_part(row + j, n - j);
}

// Asks for what will be summarised some kilobytes later: memory answers later than a vector takes. The
// address may lie past the end, which a prefetch may ask for.
inline void fetch(const void* here) {
  constexpr std::uintptr_t kDistance = 4096;
  _mm_prefetch(reinterpret_cast<const char*>(reinterpret_cast<std::uintptr_t>(here) + kDistance),
               _MM_HINT_T1);
}

// Summarises a row one vector at a time. A chain of maxima takes less than the weights beside it.
template <class T>
struct Summariser {
  void add(std::size_t j) {
    fetch(row + j);
    extremes.add(load(row + j));
  }

  // The -inf that fills a last vector is no entry of the row: its first entry stands there instead.
  void add_last(std::size_t n, std::size_t j) {
    extremes.add(_mm512_mask_mov_ps(first_entry(row), first_lanes(n - j), load_part(row + j, n - j)));
  }

  const T* row;
  Extremes extremes = {};
};

template <class T>
RowSummary summarise(const T* row, std::size_t n) {
  Summariser<T> summary = {row};
  std::size_t j = 0;
  for (; j + kLanes <= n; j += kLanes) summary.add(j);
  if (j < n) summary.add_last(n, j);
  return summary.extremes.reduce();
}

// Weights of the whole vectors in [begin, end), both multiples of the lanes.
template <class T>
inline LaneSum range_sum(const T* row, std::size_t begin, std::size_t end, const Exponential& weight,
                         Summariser<T>& ahead) {
  LaneSum sum;
  for (std::size_t j = begin; j < end; j += kLanes) {
    ahead.add(j);
    sum.add(weight(load(row + j)));
  }
  return sum;
}

template <class T>
std::uint64_t weight_sum(const T* row, std::size_t n, float max, const T* next, RowSummary* ahead) {
  const Exponential weight(max);
  Summariser<T> summary = {next};
  const std::size_t whole = n / kLanes * kLanes;
  LaneSum sum = range_sum(row, 0, whole, weight, summary);
  if (whole < n) {
    summary.add_last(n, whole);
    sum.add(weight(load_at(row, n, whole)));
  }
  *ahead = summary.extremes.reduce();
  return sum.total();
}

// The vector that holds the symbol is split by lanes.
template <class T>
SymbolSums symbol_sums(const T* row, std::size_t n, std::size_t symbol, float max, const T* next,
                       RowSummary* ahead) {
  const Exponential weight(max);
  Summariser<T> summary = {next};
  const std::size_t whole = n / kLanes * kLanes;
  const std::size_t home = symbol / kLanes * kLanes;
  LaneSum before = range_sum(row, 0, home, weight, summary);
  LaneSum beyond = range_sum(row, home + kLanes, whole, weight, summary);
  if (home < whole) summary.add(home);
  if (whole < n) summary.add_last(n, whole);
  if (whole < n && home < whole) beyond.add(weight(load_at(row, n, whole)));
  const __m512i w = weight(load_at(row, n, home));
  const __mmask16 below = first_lanes(symbol - home);
  before.add(_mm512_maskz_mov_epi32(below, w));
  beyond.add(_mm512_maskz_mov_epi32(static_cast<__mmask16>(~below), w));
  *ahead = summary.extremes.reduce();
  const std::uint64_t sum = before.total();
  return {sum, sum + beyond.total()};
}

template <class T>
std::uint64_t weights(const T* row, std::size_t n, float max, std::uint32_t* out, std::uint64_t* running,
                      const T* next, RowSummary* ahead) {
  const Exponential weight(max);
  Summariser<T> summary = {next};
  std::uint64_t sum = 0;
  for (std::size_t j = 0; j < n;) {
    const std::size_t end = j + kWeightBlock < n ? j + kWeightBlock : n;
    LaneSum lanes;
    for (; j < end; j += kLanes) {
      if (j + kLanes <= n) {
        summary.add(j);
      } else {
        summary.add_last(n, j);
      }
      const __m512i w = weight(load_at(row, n, j));
      _mm512_storeu_si512(out + j, w);
      lanes.add(w);
    }
    sum += lanes.total();
    *running++ = sum;
  }
  *ahead = summary.extremes.reduce();
  return sum;
}

constexpr CategoricalKernels kKernels = {
    {summarise<float>, weight_sum<float>, symbol_sums<float>, weights<float>},
    {summarise<std::uint16_t>, weight_sum<std::uint16_t>, symbol_sums<std::uint16_t>, weights<std::uint16_t>},
};

}  // namespace

const CategoricalKernels& categorical_kernels_avx512() noexcept { return kKernels; }

}  // namespace skm
