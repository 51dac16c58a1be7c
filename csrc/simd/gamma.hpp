// Kernel of the gamma draws.
#pragma once

#include <cstddef>
#include <cstdint>

#include "skm/gamma.hpp"

namespace skm {

struct GammaKernels {
  void (*draw)(std::uint64_t key, std::uint64_t first, Shapes shapes, bool log, double* out,
               std::size_t count);
  /// log_ratios[i] = log y - log x of Beta's two gammas into X / (X + Y).
  void (*logistic)(const double* logs, double* out, std::size_t count);
  /// x[i] = exp(x[i] - shift).
  void (*exponential)(double* x, double shift, std::size_t count);
};

const GammaKernels& gamma_kernels_baseline() noexcept;
const GammaKernels& gamma_kernels_avx2() noexcept;
const GammaKernels& gamma_kernels_avx512() noexcept;

}  // namespace skm
