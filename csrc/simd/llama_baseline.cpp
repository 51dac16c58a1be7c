// Kernels of a Llama decoder for any processor. Where it has no fused multiply-add, that is made from double
// arithmetic, exactly and slowly: results, and with them streams, are the same everywhere.
#include "llama.hpp"

namespace skm {
namespace {

constexpr std::size_t kWidth = 4;
typedef float Lanes __attribute__((vector_size(16)));
typedef std::int32_t Ints __attribute__((vector_size(16)));
typedef std::uint32_t Unsigned __attribute__((vector_size(16)));  // sums of which may wrap

#if defined(__FP_FAST_FMAF)

inline Lanes fused(Lanes a, Lanes b, Lanes c) {
  Lanes result;
  for (std::size_t i = 0; i < kWidth; ++i) result[i] = __builtin_fmaf(a[i], b[i], c[i]);
  return result;
}

#else

typedef double Pair __attribute__((vector_size(16)));
typedef std::int64_t Words __attribute__((vector_size(16)));

// The product of two floats is exact in double. Of its sum with the third the part that double rounds away is
// found (Knuth's two-sum), and a sum that is not exact is made odd: rounding that to float is then the same
// as rounding the exact sum (Boldo, Melquiond 2008, "Emulation of FMA and correctly rounded sums").
inline Pair fused_odd(Pair a, Pair b, Pair c) {
  const Pair product = a * b;
  const Pair sum = product + c;
  const Pair of_c = sum - product;
  const Pair error = (product - (sum - of_c)) + (c - of_c);
  const Pair none = {};
  const Words away = (error > none) ^ (sum > none);  // whether the exact sum is nearer to zero
  const Words inexact = (error > none) | (error < none);
  const Words bits = reinterpret_cast<Words>(sum);
  const Words step = (away | 1) & inexact & ((bits & 1) - 1);
  return reinterpret_cast<Pair>(bits + step);
}

typedef float Half __attribute__((vector_size(8)));

inline Pair half(Lanes x, int from) { return __builtin_convertvector((Half{x[from], x[from + 1]}), Pair); }

inline Lanes fused(Lanes a, Lanes b, Lanes c) {
  const Half low = __builtin_convertvector(fused_odd(half(a, 0), half(b, 0), half(c, 0)), Half);
  const Half high = __builtin_convertvector(fused_odd(half(a, 2), half(b, 2), half(c, 2)), Half);
  return Lanes{low[0], low[1], high[0], high[1]};
}

#endif

inline Lanes larger(Lanes a, Lanes b) {
  const Ints mask = a > b;
  return reinterpret_cast<Lanes>((reinterpret_cast<Ints>(a) & mask) | (reinterpret_cast<Ints>(b) & ~mask));
}
inline Lanes smaller(Lanes a, Lanes b) {
  const Ints mask = a < b;
  return reinterpret_cast<Lanes>((reinterpret_cast<Ints>(a) & mask) | (reinterpret_cast<Ints>(b) & ~mask));
}

// t less the nearest integer, and 1.5 * 2^23 more than that integer, which is in its lowest bits.
struct Nearest {
  Lanes rest, shifted;
};
inline Nearest nearest(Lanes t) {
  const Lanes shifted = t + 12582912.0f;
  return {t - (shifted - 12582912.0f), shifted};
}
// p 2^n, but 0 where t < -126
inline Lanes scaled(Lanes t, const Nearest& n, Lanes p) {
  const Unsigned raised = reinterpret_cast<Unsigned>(p) + (reinterpret_cast<Unsigned>(n.shifted) << 23);
  return reinterpret_cast<Lanes>(reinterpret_cast<Ints>(raised) & ~(t < -126.0f));
}

template <std::size_t kCount>
inline void product_panel(const float* a, const float* x, std::size_t depth, float* c, bool add) {
  for (std::size_t lane = 0; lane < kCount; lane += kWidth) {
    Lanes sum[kPanelRows] = {};
    if (add) {
      for (std::size_t i = 0; i < kPanelRows; ++i) {
        __builtin_memcpy(&sum[i], c + i * kTokenLanes + lane, sizeof sum[i]);
      }
    }
    for (std::size_t k = 0; k < depth; ++k) {
      Lanes row;
      __builtin_memcpy(&row, x + k * kTokenLanes + lane, sizeof row);
      for (std::size_t i = 0; i < kPanelRows; ++i) {
        sum[i] = fused(Lanes{} + a[k * kPanelRows + i], row, sum[i]);
      }
    }
    for (std::size_t i = 0; i < kPanelRows; ++i) {
      __builtin_memcpy(c + i * kTokenLanes + lane, &sum[i], sizeof sum[i]);
    }
  }
}

#include "llama.inl"

}  // namespace

const LlamaKernels& llama_kernels_baseline() noexcept { return kKernels; }

}  // namespace skm
