// Gamma, beta and Dirichlet draws over threads.
#include "skm/gamma.hpp"

#include <algorithm>
#include <vector>

#include "simd/gamma.hpp"
#include "skm/isa.hpp"
#include "skm/parallel.hpp"

namespace skm {
namespace {

constexpr std::size_t kGrain = 1 << 14;  // draws that pay for a thread
constexpr std::size_t kBlock = 4096;     // values summed in a row, and that a thread takes at a time

const GammaKernels& kernels() noexcept {
#if defined(SKM_X86)
  if (active_isa() == Isa::avx512) return gamma_kernels_avx512();
  if (active_isa() == Isa::avx2) return gamma_kernels_avx2();
#endif
  return gamma_kernels_baseline();
}

Shapes from(Shapes shapes, std::size_t i) noexcept {
  return {shapes.values + i * shapes.stride, shapes.stride};
}

/// Logarithms of the two gammas of beta draws first, first + 1, ... side by side; count <= kPairs.
constexpr std::size_t kPairs = 256;
void beta_logs(std::uint64_t key, std::uint64_t first, Shapes a, Shapes b, std::size_t count, double* logs) {
  double shapes[2 * kPairs];
  for (std::size_t i = 0; i < count; ++i) {
    shapes[2 * i] = a.values[i * a.stride];
    shapes[2 * i + 1] = b.values[i * b.stride];
  }
  kernels().draw(key, 2 * first, {shapes, 1}, true, logs, 2 * count);
}

}  // namespace

void gamma_draws(std::uint64_t key, std::uint64_t first, Shapes shapes, bool log, std::span<double> out,
                 unsigned threads) {
  parallel_blocks(
      out.size(), kBlock, part_count(out.size(), kGrain, threads), [&](std::size_t begin, std::size_t end) {
        kernels().draw(key, first + begin, from(shapes, begin), log, out.data() + begin, end - begin);
      });
}

void beta_draws(std::uint64_t key, std::uint64_t first, Shapes a, Shapes b, std::span<double> out,
                unsigned threads) {
  parallel_blocks(out.size(), kBlock, part_count(out.size(), kGrain, threads),
                  [&](std::size_t begin, std::size_t end) {
                    for (std::size_t i = begin; i < end; i += kPairs) {
                      const std::size_t count = std::min(kPairs, end - i);
                      double logs[2 * kPairs];
                      beta_logs(key, first + i, from(a, i), from(b, i), count, logs);
                      kernels().logistic(logs, out.data() + i, count);
                    }
                  });
}

void normalise_logs(std::span<double> logs, unsigned threads) {
  if (logs.empty()) return;
  const double shift = *std::max_element(logs.begin(), logs.end());
  const std::size_t blocks = (logs.size() + kBlock - 1) / kBlock;
  std::vector<double> sums(blocks);
  const std::size_t workers = part_count(logs.size(), kGrain, threads);
  parallel_blocks(logs.size(), kBlock, workers, [&](std::size_t begin, std::size_t end) {
    const auto some = logs.subspan(begin, end - begin);
    kernels().exponential(some.data(), shift, some.size());
    double sum = 0.0;
    for (const double x : some) sum += x;
    sums[begin / kBlock] = sum;
  });
  double total = 0.0;
  for (const double sum : sums) total += sum;
  parallel_blocks(logs.size(), kBlock, workers, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) logs[i] /= total;
  });
}

}  // namespace skm
