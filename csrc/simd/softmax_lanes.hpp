// Softmax over columns of logits: tokens lie side by side in 32 lanes, the vocabulary below one another.
#pragma once

#include <cstddef>
#include <cstdint>

#include "panel_product.hpp"

namespace skm {

/// z = cap tanh(scale (product + bias) / cap), without the cap if it is 0.
struct LogitTransform {
  float scale = 1.0f;
  float cap = 0.0f;
  const float* bias = nullptr;  // of the first row, or null

  bool plain() const noexcept { return scale == 1.0f && cap == 0.0f && bias == nullptr; }
};

/// What is known of the logits z seen so far, per token.
struct alignas(64) TokenSums {
  float max[kLanes];           // -FLT_MAX at first, so that differences with it are never NaN
  double exponential[kLanes];  // sum of exp(z - max)
  double weighted[kLanes];     // sum of exp(z - max) (z - max), terms of exp = 0 left out
  double logit[kLanes];        // sum of z
};

/// Gradient by the logits, per token; p = exp(z - log_sum_exp).
struct alignas(64) TokenSlopes {
  float log_sum_exp[kLanes];
  float on_probability[kLanes];  // factor of p
  float on_surprise[kLanes];     // factor of p (log_sum_exp - z - entropy)
  float entropy[kLanes];
  float everywhere[kLanes];  // subtracted for all entries alike
};

struct RowSums {
  float max;
  double exponential, weighted, logit;
};

struct SoftmaxKernels {
  /// Transforms `rows` rows of 32 in place.
  void (*transform)(float* z, std::size_t rows, const LogitTransform& how);
  /// Adds transformed rows to the sums: max and exponential, or all of them.
  void (*add)(const float* z, std::size_t rows, TokenSums& sums);
  void (*add_all)(const float* z, std::size_t rows, TokenSums& sums);
  /// Products in, gradients by them out (through the transform), for `rows` rows.
  void (*gradient)(float* z, std::size_t rows, const LogitTransform& how, const TokenSlopes& slopes);
  /// Sums of one row of n given logits, transformed on the way (bias apart): [0] max and exponential, [1]
  /// all.
  RowSums (*row_float[2])(const float* row, std::size_t n, const LogitTransform& how);
  RowSums (*row_bfloat16[2])(const std::uint16_t* row, std::size_t n, const LogitTransform& how);
};

const SoftmaxKernels& softmax_kernels_baseline() noexcept;
const SoftmaxKernels& softmax_kernels_avx2() noexcept;
const SoftmaxKernels& softmax_kernels_avx512() noexcept;

}  // namespace skm
