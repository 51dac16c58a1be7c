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
