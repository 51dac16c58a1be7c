// Eight lanes of 64 bits in a register of AVX-512: what the kernels of random numbers are written over.

namespace lanes {

constexpr std::size_t kLanes = 8;
// Vectors that go through the rounds of Philox together: one alone would wait for its own products, more than
// these would not fit the registers.
constexpr int kTogether = 5;
using Words = __m512i;
using Doubles = __m512d;
using Mask = __mmask8;

inline Words word(std::uint64_t x) noexcept { return _mm512_set1_epi64(static_cast<long long>(x)); }
inline Doubles real(double x) noexcept { return _mm512_set1_pd(x); }
inline Words load(const std::uint64_t* from) noexcept { return _mm512_loadu_si512(from); }
inline Doubles load(const double* from) noexcept { return _mm512_loadu_pd(from); }
inline void store(std::uint64_t* to, Words x) noexcept { _mm512_storeu_si512(to, x); }
inline void store(double* to, Doubles x) noexcept { _mm512_storeu_pd(to, x); }
inline Words bits(Doubles x) noexcept { return _mm512_castpd_si512(x); }
inline Doubles as_real(Words x) noexcept { return _mm512_castsi512_pd(x); }

inline Words add(Words a, Words b) noexcept { return _mm512_add_epi64(a, b); }
inline Words sub(Words a, Words b) noexcept { return _mm512_sub_epi64(a, b); }
inline Words both(Words a, Words b) noexcept { return _mm512_and_si512(a, b); }
inline Words either(Words a, Words b) noexcept { return _mm512_or_si512(a, b); }
inline Words exclusive(Words a, Words b, Words c) noexcept {
  return _mm512_ternarylogic_epi64(a, b, c, 0x96);
}
template <unsigned by>
inline Words left(Words x) noexcept {
  return _mm512_slli_epi64(x, by);
}
template <unsigned by>
inline Words right(Words x) noexcept {
  return _mm512_srli_epi64(x, by);
}
/// Product of the lower halves.
inline Words multiply_low(Words a, Words b) noexcept { return _mm512_mul_epu32(a, b); }
/// Lower half of each word from the upper half of x; the upper half is anything.
inline Words upper_half(Words x) noexcept { return _mm512_shuffle_epi32(x, _MM_PERM_DDBB); }
/// The same by way of `room`: the load moves the halves, so that both vector units stay free for products.
inline Words upper_half_by_load(Words x, Words& room) noexcept {
  Words result;
  __asm__("vmovdqa64 %2, %1\n\tvmovshdup %1, %0" : "=v"(result), "=m"(room) : "v"(x));
  return result;
}
/// Lower half of each word: upper half of `product` ^ lower of `a` ^ lower of `b`; upper: lower of `product`.
inline Words swapped_exclusive(Words product, Words a, Words b) noexcept {
  return _mm512_mask_ternarylogic_epi32(_mm512_shuffle_epi32(product, _MM_PERM_CDAB), 0x5555, a, b, 0x96);
}
/// Lower half of each word from `low`'s, upper from the lower half of `high`.
inline Words joined(Words low, Words high) noexcept {
  return _mm512_mask_shuffle_epi32(low, 0xAAAA, high, _MM_PERM_CCAA);
}

/// a where the word is odd, else b.
inline Words if_odd(Words x, Words a, Words b) noexcept {
  return _mm512_mask_blend_epi64(_mm512_test_epi64_mask(x, word(1)), b, a);
}

/// Counters first + 0, 1 ... in the order that `in_order` undoes.
inline Words counters(std::uint64_t first) noexcept {
  return _mm512_add_epi64(word(first), _mm512_set_epi64(7, 3, 6, 2, 5, 1, 4, 0));
}
/// The first and second half of blocks that belong to `counters`, as the sixteen words of the stream.
struct InOrder {
  Words low, high;
};
inline InOrder in_order(Words half0, Words half1) noexcept {
  return {_mm512_unpacklo_epi64(half0, half1), _mm512_unpackhi_epi64(half0, half1)};
}

inline Doubles unit_double(Words x) noexcept {
  return _mm512_mul_pd(_mm512_cvtepu64_pd(right<11>(x)), real(0x1p-53));
}

/// x in [0, 2^52) as a double, and back (truncated).
inline Doubles small_to_real(Words x) noexcept { return _mm512_cvtepi64_pd(x); }
inline Doubles signed_to_real(Words x) noexcept { return _mm512_cvtepi64_pd(x); }
/// x in [0, 2^64), whole, as an integer.
inline Words whole_to_word(Doubles x) noexcept { return _mm512_cvttpd_epu64(x); }
inline Doubles floor(Doubles x) noexcept {
  return _mm512_roundscale_pd(x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
}
inline Doubles least(Doubles a, Doubles b) noexcept { return _mm512_min_pd(a, b); }
inline Doubles most(Doubles a, Doubles b) noexcept { return _mm512_max_pd(a, b); }

inline Mask less(Doubles a, Doubles b) noexcept { return _mm512_cmp_pd_mask(a, b, _CMP_LT_OQ); }
inline Mask not_less(Doubles a, Doubles b) noexcept { return _mm512_cmp_pd_mask(a, b, _CMP_NLT_UQ); }
inline Mask both_masks(Mask a, Mask b) noexcept { return a & b; }
inline unsigned mask_bits(Mask mask) noexcept { return mask; }
/// Arithmetic shift by 52.
inline Words exponent_of(Words x) noexcept { return _mm512_srai_epi64(x, 52); }

/// table[index % 16]
inline Doubles lookup(const double (&table)[16], Words index) noexcept {
  return _mm512_permutex2var_pd(_mm512_loadu_pd(table), index, _mm512_loadu_pd(table + 8));
}
inline Words lookup(const std::uint64_t (&table)[16], Words index) noexcept {
  return _mm512_permutex2var_epi64(_mm512_loadu_si512(table), index, _mm512_loadu_si512(table + 8));
}
/// a where x < y, both below 2^63, else b.
inline Words if_below(Words x, Words y, Words a, Words b) noexcept {
  return _mm512_mask_blend_epi64(_mm512_cmplt_epu64_mask(x, y), b, a);
}
inline bool any_equal(Words x, Words y) noexcept { return _mm512_cmpeq_epi64_mask(x, y) != 0; }
/// Bits of the lanes where x < y, both below 2^63.
inline unsigned below(Words x, Words y) noexcept { return _mm512_cmplt_epu64_mask(x, y); }
/// Lower halves only.
inline void store(std::uint32_t* to, Words x) noexcept {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), _mm512_cvtepi64_epi32(x));
}
inline Words gather(const std::uint32_t* table, Words index) noexcept {
  return _mm512_cvtepu32_epi64(_mm512_i64gather_epi32(index, table, 4));
}
inline Words gather(const std::uint64_t* table, Words index) noexcept {
  return _mm512_i64gather_epi64(index, table, 8);
}

}  // namespace lanes
