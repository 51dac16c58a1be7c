// What the forward and the backward pass of the linear cross-entropy share: which kernels run, how large
// blocks are, aligned memory, conversions.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <type_traits>

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "simd/gradient_tiles.hpp"
#include "simd/panel_product.hpp"
#include "simd/softmax_lanes.hpp"
#include "skm/isa.hpp"
#include "skm/linear_cross_entropy.hpp"
#include "skm/matrix_unit.hpp"

namespace skm {

/// Rows of logits that are made and folded at a time: with 32 lanes 12 KiB, which stay in the first cache. A
/// multiple of every kernel's row unit.
inline constexpr std::size_t kTileRows = 96;

inline std::size_t rounded_up(std::size_t n, std::size_t unit) noexcept {
  return (n + unit - 1) / unit * unit;
}

/// Memory aligned to pages, not initialised.
template <class T>
class Aligned {
 public:
  Aligned() = default;
  explicit Aligned(std::size_t count)
      : data_(static_cast<T*>(::operator new(std::max<std::size_t>(count, 1) * sizeof(T), kAlignment))) {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    // Panels are read in strides of pages: fewer, larger ones. Refusal costs speed alone.
    if (count * sizeof(T) >= kHugePage)
      madvise(data_.get(), count * sizeof(T) / kHugePage * kHugePage, MADV_HUGEPAGE);
#endif
  }
  T* get() const noexcept { return data_.get(); }
  T& operator[](std::size_t i) const noexcept { return data_.get()[i]; }

 private:
  static constexpr std::size_t kHugePage = std::size_t{1} << 21;
  static constexpr std::align_val_t kAlignment{4096};
  struct Release {
    void operator()(T* p) const noexcept { ::operator delete(p, kAlignment); }
  };
  std::unique_ptr<T, Release> data_;
};

inline const SoftmaxKernels& softmax_kernels() noexcept {
#if defined(SKM_X86)
  if (active_isa() == Isa::avx512) return softmax_kernels_avx512();
  if (active_isa() == Isa::avx2) return softmax_kernels_avx2();
#endif
  return softmax_kernels_baseline();
}

inline const GradientTileKernels& gradient_tile_kernels() noexcept {
#if defined(SKM_X86)
  if (active_isa() == Isa::avx512) return gradient_tile_kernels_avx512();
  if (active_isa() == Isa::avx2) return gradient_tile_kernels_avx2();
#endif
  return gradient_tile_kernels_baseline();
}

/// `careful` rules out kernels that do not take numbers of any size.
template <class T>
const PanelKernels& panel_kernels([[maybe_unused]] bool careful) noexcept {
#if defined(SKM_X86)
  if constexpr (std::is_same_v<T, std::uint16_t>) {
    if (active_matrix_unit() >= MatrixUnit::tile) return panel_kernels_amx();
    if (active_matrix_unit() == MatrixUnit::dot) return panel_kernels_avx512bf16();
  } else {
    if (active_matrix_unit() == MatrixUnit::byte_tile && !careful) return panel_kernels_amx_fixed();
    if (active_matrix_unit() == MatrixUnit::tile && !careful) return panel_kernels_amx_split();
  }
  if (active_isa() == Isa::avx512) return panel_kernels_avx512();
  if (active_isa() == Isa::avx2 && has_fused_multiply_add()) return panel_kernels_avx2();
#endif
  return panel_kernels_baseline();
}

/// Those for the products of gradients, which take float32 to 16 bits where tiles are used.
template <class T>
const PanelKernels& slope_panel_kernels(bool careful) noexcept {
#if defined(SKM_X86)
  if constexpr (std::is_same_v<T, float>) {
    if (active_matrix_unit() >= MatrixUnit::tile && !careful) return panel_kernels_amx_pairs();
  }
#endif
  return panel_kernels<T>(careful);
}

template <class T>
const PackKernels<T>& pack_kernels(const PanelKernels& kernels) noexcept {
  if constexpr (std::is_same_v<T, float>)
    return kernels.from_float;
  else
    return kernels.from_bfloat16;
}

/// Of panels whose k runs along `width` elements.
inline std::size_t padded_depth(const PanelKernels& kernels, std::size_t width) noexcept {
  return std::max(rounded_up(width, kernels.depth_unit), kernels.depth_unit);
}

/// Weight rows that are packed at a time.
inline std::size_t block_rows(const PanelKernels& kernels, std::size_t depth,
                              std::size_t vocabulary) noexcept {
  const std::size_t fit = kernels.block_bytes / kernels.bytes(1, depth) / kTileRows * kTileRows;
  return std::min(std::clamp<std::size_t>(fit, kTileRows, 6 * kTileRows), rounded_up(vocabulary, kTileRows));
}

inline LogitTransform transform_of(const LossObjective& objective, const float* bias) noexcept {
  return {static_cast<float>(objective.logit_scale), static_cast<float>(objective.softcap), bias};
}

inline void narrow(float x, float* to) noexcept { *to = x; }
/// Rounds to the nearest bfloat16, ties to even; NaN stays NaN.
inline void narrow(float x, std::uint16_t* to) noexcept {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  const std::uint32_t up = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16;
  *to = static_cast<std::uint16_t>((bits & 0x7FFFFFFF) > 0x7F800000 ? bits >> 16 | 0x40 : up);
}

}  // namespace skm
