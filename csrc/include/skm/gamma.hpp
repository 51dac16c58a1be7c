// Gamma, beta and Dirichlet draws, and their logarithms where the draws themselves would underflow.
//
// Draw i of a key is a pure function of (key, i, shape), the same on every instruction set. With d = a - 1/3
// and z normal, d (1 + z / sqrt(9 d))^3 is Gamma(a) after a rejection step for a >= 1 (Marsaglia and Tsang,
// "A simple method for generating gamma variables", ACM TOMS 26, 2000); below 1, Gamma(a + 1) times U^(1/a).
// Attempt r takes Philox block (i, r): half 0 gives the normal's radius (top 52 bits), half 1 its angle (top
// 32 bits), and the low 12 and 32 bits that are left the uniform of the rejection. U is half 0 of block (i,
// 2^64 - 1).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace skm {

/// Shapes that are drawn from: finite, in [kMinShape, kMaxShape].
inline constexpr double kMinShape = 1e-300;
inline constexpr double kMaxShape = 1e300;

/// Number of values, with value i at `values[i * stride]`; stride 0 repeats one value.
struct Shapes {
  const double* values;
  std::size_t stride;
};

/// out[i] = Gamma(shapes[i]) of draw first + i, or its natural logarithm. Scale 1. A draw below the least
/// double is 0.
void gamma_draws(std::uint64_t key, std::uint64_t first, Shapes shapes, bool log, std::span<double> out,
                 unsigned threads);

/// out[i] = Beta(a[i], b[i]) from gamma draws 2 (first + i) and 2 (first + i) + 1: X / (X + Y) by way of
/// logarithms.
void beta_draws(std::uint64_t key, std::uint64_t first, Shapes a, Shapes b, std::span<double> out,
                unsigned threads);

/// Dirichlet draws, one behind the other in `out`, a multiple of shapes.size() > 0: number r of gamma draws
/// first + r * shapes.size() on, each divided by their sum, by way of logarithms. Sums are in a fixed order.
void dirichlet_draws(std::uint64_t key, std::uint64_t first, std::span<const double> shapes,
                     std::span<double> out, unsigned threads);

/// Whether all values are from `least` to `most`; NaN is not.
bool all_within(std::span<const double> values, double least, double most, unsigned threads);

}  // namespace skm
