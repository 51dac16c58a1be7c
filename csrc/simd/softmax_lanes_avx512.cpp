// Softmax over lanes with AVX-512.
#include <immintrin.h>

#include "softmax_lanes.hpp"

namespace skm {
namespace {

typedef float Lanes __attribute__((vector_size(64)));
typedef std::int32_t Ints __attribute__((vector_size(64)));

#include "exponential_avx512.inl"

inline Lanes exponential(Lanes x) { return static_cast<Lanes>(exponential_of(static_cast<__m512>(x))); }

constexpr bool kOverflows = true;

class LaneSum {
 public:
  inline void add(Lanes x) { sum_.add(static_cast<__m512>(x)); }
  inline Lanes sum() const { return static_cast<Lanes>(sum_.sum()); }

 private:
  ExponentialSum sum_;
};

// The larger; `b` where `a` is NaN.
inline Lanes larger(Lanes a, Lanes b) {
  return static_cast<Lanes>(_mm512_max_ps(static_cast<__m512>(a), static_cast<__m512>(b)));
}

#include "softmax_lanes.inl"

}  // namespace

const SoftmaxKernels& softmax_kernels_avx512() noexcept { return kKernels; }

}  // namespace skm
