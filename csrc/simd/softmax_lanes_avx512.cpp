// Softmax over lanes with AVX-512, whose scaling instruction takes care of underflow and NaN.
#include "softmax_lanes.hpp"

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wuninitialized"  // gcc 12 warns about its own intrinsics
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>

namespace skm {
namespace {

typedef float Lanes __attribute__((vector_size(64)));
typedef std::int32_t Ints __attribute__((vector_size(64)));

// exp(x): 2^n 2^f, |f| <= 1/2, the second by a polynomial of relative error 9.2e-8.
inline Lanes exponential(Lanes x) {
  const __m512 t = _mm512_mul_ps(static_cast<__m512>(x), _mm512_set1_ps(1.44269504f));
  const __m512 n = _mm512_roundscale_ps(t, 0);
  const __m512 f = _mm512_sub_ps(t, n);
  __m512 p = _mm512_fmadd_ps(_mm512_set1_ps(0x1.5bba14p-10f), f, _mm512_set1_ps(0x1.3cea88p-7f));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(0x1.c6b752p-5f));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(0x1.ebf9bcp-3f));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(0x1.62e42ap-1f));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(1.0f));
  return static_cast<Lanes>(_mm512_scalef_ps(p, n));
}

// The larger; `b` where `a` is NaN.
inline Lanes larger(Lanes a, Lanes b) {
  return static_cast<Lanes>(_mm512_max_ps(static_cast<__m512>(a), static_cast<__m512>(b)));
}

#include "softmax_lanes.inl"

}  // namespace

const SoftmaxKernels& softmax_kernels_avx512() noexcept { return kKernels; }

}  // namespace skm
