// Gamma, beta and Dirichlet draws over threads.
#include "skm/gamma.hpp"

#include <algorithm>
#include <atomic>
#include <vector>

#include "simd/gamma.hpp"
#include "skm/isa.hpp"
#include "skm/parallel.hpp"
#include "team.hpp"

namespace skm {
namespace {

constexpr std::size_t kGrain = 1 << 14;       // draws that pay for a thread
constexpr std::size_t kCheckGrain = 1 << 18;  // values that pay for a thread to look at them
constexpr std::size_t kBlock = 4096;          // values summed in a row, and that a thread takes at a time

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

void nothing() {}

/// The largest of some, side by side so that none waits for the one before it.
double largest(std::span<const double> values) noexcept {
  constexpr std::size_t kLanes = 8;
  double most[kLanes];
  std::fill_n(most, kLanes, values[0]);
  std::size_t i = 0;
  for (; i + kLanes <= values.size(); i += kLanes)
    for (std::size_t j = 0; j < kLanes; ++j) most[j] = most[j] < values[i + j] ? values[i + j] : most[j];
  for (; i < values.size(); ++i) most[0] = std::max(most[0], values[i]);
  return *std::max_element(most, most + kLanes);
}

/// One Dirichlet draw: logarithms of gammas, then with their maximum what they are relative to each other,
/// then their shares. run(count, body) calls body(number, worker) for every number below count; `of_blocks`
/// has room for a value a block.
template <class Run>
void dirichlet_draw(std::uint64_t key, std::uint64_t first, std::span<const double> shapes,
                    std::span<double> out, std::span<double> of_blocks, Run&& run) {
  const auto each_block = [&](auto&& body) {
    run(of_blocks.size(), [&](std::size_t number, unsigned) {
      const std::size_t begin = number * kBlock;
      of_blocks[number] = body(begin, out.subspan(begin, std::min(kBlock, out.size() - begin)));
    });
  };
  each_block([&](std::size_t begin, std::span<double> some) {
    kernels().draw(key, first + begin, {shapes.data() + begin, 1}, true, some.data(), some.size());
    return largest(some);
  });
  const double shift = largest(of_blocks);
  each_block([&](std::size_t, std::span<double> some) {
    kernels().exponential(some.data(), shift, some.size());
    double sum = 0.0;
    for (const double x : some) sum += x;
    return sum;
  });
  double total = 0.0;
  for (const double sum : of_blocks) total += sum;
  each_block([&](std::size_t, std::span<double> some) {
    for (double& x : some) x /= total;
    return 0.0;
  });
}

bool within(std::span<const double> values, double least, double most) noexcept {
  bool all = true;
  for (const double x : values) all &= x >= least && x <= most;
  return all;
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

void dirichlet_draws(std::uint64_t key, std::uint64_t first, std::span<const double> shapes,
                     std::span<double> out, unsigned threads) {
  const std::size_t size = shapes.size(), rows = out.size() / size;
  const std::size_t blocks = (size + kBlock - 1) / kBlock;
  constexpr std::size_t kShort = 2 * kGrain;  // below it a draw is no work for two threads
  if (rows > 1 && size < kShort) {
    const auto alone = [](std::size_t count, auto&& body) {
      for (std::size_t number = 0; number < count; ++number) body(number, 0u);
    };
    parallel_blocks(rows, std::max<std::size_t>(kBlock / size, 1), part_count(out.size(), kGrain, threads),
                    [&](std::size_t begin, std::size_t end) {
                      double of_blocks[kShort / kBlock];
                      for (std::size_t r = begin; r < end; ++r)
                        dirichlet_draw(key, first + r * size, shapes, out.subspan(r * size, size),
                                       std::span(of_blocks, blocks), alone);
                    });
    return;
  }
  std::vector<double> of_blocks(blocks);
  Team team(static_cast<unsigned>(part_count(size, kGrain, threads)), nothing, nothing);
  for (std::size_t r = 0; r < rows; ++r)
    dirichlet_draw(key, first + r * size, shapes, out.subspan(r * size, size), of_blocks,
                   [&team](std::size_t count, auto&& body) { team.run(count, body); });
}

bool all_within(std::span<const double> values, double least, double most, unsigned threads) {
  std::atomic<bool> all = true;
  parallel_blocks(values.size(), kBlock, part_count(values.size(), kCheckGrain, threads),
                  [&](std::size_t begin, std::size_t end) {
                    if (!within(values.subspan(begin, end - begin), least, most))
                      all.store(false, std::memory_order_relaxed);
                  });
  return all;
}

}  // namespace skm
