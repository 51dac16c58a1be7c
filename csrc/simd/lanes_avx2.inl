// Four lanes of 64 bits in a register of AVX2: what the kernels of random numbers are written over.

namespace lanes {

constexpr std::size_t kLanes = 4;
// Vectors that go through the rounds of Philox together: one alone would wait for its own products.
constexpr int kTogether = 4;
using Words = __m256i;
using Doubles = __m256d;
using Mask = __m256d;

inline Words word(std::uint64_t x) noexcept { return _mm256_set1_epi64x(static_cast<long long>(x)); }
inline Doubles real(double x) noexcept { return _mm256_set1_pd(x); }
inline Words load(const std::uint64_t* from) noexcept {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
}
inline Doubles load(const double* from) noexcept { return _mm256_loadu_pd(from); }
inline void store(std::uint64_t* to, Words x) noexcept {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), x);
}
inline void store(double* to, Doubles x) noexcept { _mm256_storeu_pd(to, x); }
inline Words bits(Doubles x) noexcept { return _mm256_castpd_si256(x); }
inline Doubles as_real(Words x) noexcept { return _mm256_castsi256_pd(x); }

inline Words add(Words a, Words b) noexcept { return _mm256_add_epi64(a, b); }
inline Words sub(Words a, Words b) noexcept { return _mm256_sub_epi64(a, b); }
inline Words both(Words a, Words b) noexcept { return _mm256_and_si256(a, b); }
inline Words either(Words a, Words b) noexcept { return _mm256_or_si256(a, b); }
inline Words exclusive(Words a, Words b, Words c) noexcept {
  return _mm256_xor_si256(_mm256_xor_si256(a, b), c);
}
template <unsigned by>
inline Words left(Words x) noexcept {
  return _mm256_slli_epi64(x, by);
}
template <unsigned by>
inline Words right(Words x) noexcept {
  return _mm256_srli_epi64(x, by);
}
/// Product of the lower halves.
inline Words multiply_low(Words a, Words b) noexcept { return _mm256_mul_epu32(a, b); }
/// Lower half of each word from the upper half of x; the upper half is anything.
inline Words upper_half(Words x) noexcept { return _mm256_shuffle_epi32(x, 0xF5); }
/// The same: with three vector units for two products nothing is gained by way of memory.
inline Words upper_half_by_load(Words x, Words&) noexcept { return upper_half(x); }
/// Lower half of each word: upper half of `product` ^ lower of `a` ^ lower of `b`; upper: lower of `product`.
inline Words swapped_exclusive(Words product, Words a, Words b) noexcept {
  const Words swapped = _mm256_shuffle_epi32(product, 0xB1);
  return _mm256_blend_epi32(swapped, exclusive(swapped, a, b), 0x55);
}
/// Lower half of each word from `low`'s, upper from the lower half of `high`.
inline Words joined(Words low, Words high) noexcept {
  return _mm256_blend_epi32(low, _mm256_slli_epi64(high, 32), 0xAA);
}

/// a where the word is odd, else b.
inline Words if_odd(Words x, Words a, Words b) noexcept {
  return bits(_mm256_blendv_pd(as_real(b), as_real(a), as_real(left<63>(x))));
}

/// Counters first + 0, 1 ... in the order that `in_order` undoes.
inline Words counters(std::uint64_t first) noexcept {
  return _mm256_add_epi64(word(first), _mm256_set_epi64x(3, 1, 2, 0));
}
/// The first and second half of blocks that belong to `counters`, as the eight words of the stream.
struct InOrder {
  Words low, high;
};
inline InOrder in_order(Words half0, Words half1) noexcept {
  return {_mm256_unpacklo_epi64(half0, half1), _mm256_unpackhi_epi64(half0, half1)};
}

/// x in [0, 2^52) as a double.
inline Doubles small_to_real(Words x) noexcept {
  return _mm256_sub_pd(as_real(either(x, word(0x4330000000000000u))), real(0x1p52));
}
/// x in [-2^51, 2^51) as a double.
inline Doubles signed_to_real(Words x) noexcept {
  return _mm256_sub_pd(as_real(add(x, word(0x4338000000000000u))), real(0x1.8p52));
}
// 52 bits by their place in [1, 2), and the last of the 53 by its own.
inline Doubles unit_double(Words x) noexcept {
  const Doubles most_bits =
      _mm256_sub_pd(as_real(either(right<12>(x), word(0x3FF0000000000000u))), real(1.0));
  const Doubles last = _mm256_blendv_pd(real(0.0), real(0x1p-53), as_real(left<52>(x)));
  return _mm256_add_pd(most_bits, last);
}
/// x in [0, 2^64), whole, as an integer: small ones by their place in [2^52, 2^53), others one by one.
inline Words whole_to_word(Doubles x) noexcept {
  if (_mm256_movemask_pd(_mm256_cmp_pd(x, real(0x1p52), _CMP_NLT_UQ)) == 0) [[likely]] {
    return both(bits(_mm256_add_pd(x, real(0x1p52))), word(0x000FFFFFFFFFFFFFu));
  }
  alignas(32) double from[kLanes];
  alignas(32) std::uint64_t to[kLanes];
  _mm256_store_pd(from, x);
  for (std::size_t i = 0; i < kLanes; ++i) to[i] = static_cast<std::uint64_t>(from[i]);
  return load(to);
}
inline Doubles floor(Doubles x) noexcept { return _mm256_floor_pd(x); }
inline Doubles least(Doubles a, Doubles b) noexcept { return _mm256_min_pd(a, b); }
inline Doubles most(Doubles a, Doubles b) noexcept { return _mm256_max_pd(a, b); }

inline Mask less(Doubles a, Doubles b) noexcept { return _mm256_cmp_pd(a, b, _CMP_LT_OQ); }
inline Mask not_less(Doubles a, Doubles b) noexcept { return _mm256_cmp_pd(a, b, _CMP_NLT_UQ); }
inline Mask both_masks(Mask a, Mask b) noexcept { return _mm256_and_pd(a, b); }
inline unsigned mask_bits(Mask mask) noexcept { return static_cast<unsigned>(_mm256_movemask_pd(mask)); }
/// Arithmetic shift by 52: of the upper halves, each then copied over its word with its sign.
inline Words exponent_of(Words x) noexcept {
  const Words halves = _mm256_srai_epi32(x, 20);
  return _mm256_blend_epi32(_mm256_shuffle_epi32(halves, 0xF5),
                            _mm256_srai_epi32(_mm256_shuffle_epi32(x, 0xF5), 31), 0xAA);
}

/// a where x < y, both below 2^63, else b.
inline Words if_below(Words x, Words y, Words a, Words b) noexcept {
  return _mm256_blendv_epi8(b, a, _mm256_cmpgt_epi64(y, x));
}
inline bool any_equal(Words x, Words y) noexcept {
  return _mm256_movemask_epi8(_mm256_cmpeq_epi64(x, y)) != 0;
}
/// Bits of the lanes where x < y, both below 2^63.
inline unsigned below(Words x, Words y) noexcept {
  return static_cast<unsigned>(_mm256_movemask_pd(as_real(_mm256_cmpgt_epi64(y, x))));
}
/// Lower halves only.
inline void store(std::uint32_t* to, Words x) noexcept {
  const __m256i even = _mm256_permutevar8x32_epi32(x, _mm256_setr_epi32(0, 2, 4, 6, 0, 2, 4, 6));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm256_castsi256_si128(even));
}
inline Words gather(const std::uint32_t* table, Words index) noexcept {
  return _mm256_cvtepu32_epi64(_mm256_i64gather_epi32(reinterpret_cast<const int*>(table), index, 4));
}
inline Words gather(const std::uint64_t* table, Words index) noexcept {
  return _mm256_i64gather_epi64(reinterpret_cast<const long long*>(table), index, 8);
}
/// table[index % 16]
inline Words lookup(const std::uint64_t (&table)[16], Words index) noexcept {
  return gather(table, both(index, word(15)));
}
inline Doubles lookup(const double (&table)[16], Words index) noexcept {
  return _mm256_i64gather_pd(table, both(index, word(15)), 8);
}

}  // namespace lanes
