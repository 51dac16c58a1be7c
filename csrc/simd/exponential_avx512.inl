// Exponential of 16 floats with AVX-512, whose scaling instruction takes care of underflow, infinities and
// NaN.

// exp(x) is 2^n 2^f with n the floor, which scaling takes by itself; 2^f by a polynomial, of relative error
// 1.5e-7 as float32 computes it, and exact at 0.
inline __m512 exponential_of(__m512 x) {
  const __m512 t = _mm512_mul_ps(x, _mm512_set1_ps(1.44269504f));
  const __m512 f = _mm512_reduce_ps(t, 1);  // less the floor; 0 for infinities
  __m512 p = _mm512_fmadd_ps(_mm512_set1_ps(0x1.e974fcp-10f), f, _mm512_set1_ps(0x1.277854p-7f));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(0x1.c91ce6p-5f));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(0x1.ebdb56p-3f));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(0x1.62e4bap-1f));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(1.0f));
  return _mm512_scalef_ps(p, t);
}

// 2^(i / 32), for sums.
alignas(64) constexpr float kRoots[32] = {
    1.0f,        1.0218972f,  1.04427373f, 1.06714046f, 1.09050775f, 1.1143868f,  1.13878858f, 1.1637249f,
    1.18920708f, 1.21524739f, 1.24185777f, 1.26905096f, 1.29683959f, 1.32523668f, 1.35425556f, 1.38390994f,
    1.41421354f, 1.44518077f, 1.47682619f, 1.50916445f, 1.54221082f, 1.5759809f,  1.61049032f, 1.64575553f,
    1.68179286f, 1.71861935f, 1.75625217f, 1.79470909f, 1.8340081f,  1.87416768f, 1.91520655f, 1.95714414f,
};

// Sums of exponentials take the fraction's first five bits from a table in two registers and the rest by a
// polynomial of degree 2, of relative error 7e-8 beside rounding: seven operations in place of nine, for the
// table's factor goes into the sum with one multiply-add. An exponential is exact at 0 here too.
class ExponentialSum {
 public:
  inline void add(__m512 x) {
    const __m512 t = _mm512_mul_ps(x, _mm512_set1_ps(1.44269504f));
    // 1.5 * 2^18 + t, rounded down, holds the multiples of 1 / 32 in its lowest bits; `t` less those.
    const __m512 steps =
        _mm512_add_round_ps(t, _mm512_set1_ps(0x1.8p18f), _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
    const __m512 f = _mm512_reduce_ps(t, 5 << 4 | 1);
    const __m512 root = _mm512_permutex2var_ps(low_, _mm512_castps_si512(steps), high_);
    __m512 p = _mm512_fmadd_ps(_mm512_set1_ps(0x1.f0f5fep-3f), f, _mm512_set1_ps(0x1.62e11ap-1f));
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(1.0f));
    sum_ = _mm512_fmadd_ps(_mm512_scalef_ps(p, t), root, sum_);
  }

  inline void clear() { sum_ = _mm512_setzero_ps(); }
  inline __m512 sum() const { return sum_; }

 private:
  __m512 sum_ = _mm512_setzero_ps();
  __m512 low_ = _mm512_load_ps(kRoots), high_ = _mm512_load_ps(kRoots + 16);
};
