// Panel products without vector instructions of its own: what the compiler makes of generic vectors.
#include "panel_product.hpp"

namespace skm {
namespace {

constexpr std::size_t kRows = 2;

typedef float Vector __attribute__((vector_size(32)));
constexpr std::size_t kWidth = 8;

inline Vector load(const float* from) {
  Vector v;
  __builtin_memcpy(&v, from, sizeof v);
  return v;
}

// Eight lanes at a time: what two rows of them take fits the registers of any processor.
inline void product_block(const float* a, const float* b, std::size_t depth, float* c, std::size_t stride,
                          bool add) {
  for (std::size_t lane = 0; lane < kLanes; lane += kWidth) {
    Vector sum[kRows] = {};
    for (std::size_t k = 0; k < depth; ++k) {
      const Vector row = load(b + k * kLanes + lane);
      for (std::size_t i = 0; i < kRows; ++i) sum[i] += row * a[k * kRows + i];
    }
    for (std::size_t i = 0; i < kRows; ++i) {
      if (add) sum[i] += load(c + i * stride + lane);
      __builtin_memcpy(c + i * stride + lane, &sum[i], sizeof sum[i]);
    }
  }
}

#include "panel_product.inl"

}  // namespace

const PanelKernels& panel_kernels_baseline() noexcept { return kKernels; }

}  // namespace skm
