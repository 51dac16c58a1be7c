// Binomial draws, exact for every number of trials below 2^53.
//
// Small means: sequential search from 0. Means of 10 and more: transformed rejection with squeeze (BTRS;
// Hörmann, "The generation of binomial random variates", J. Stat. Comput. Simul. 46, 1993), its last test on
// the logarithm of the probability in saddle-point form, which loses nothing to cancellation (Loader, "Fast
// and accurate computation of binomial probabilities", 2000). Only the four operations and sqrt: the same on
// every processor.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "skm/gamma.hpp"
#include "skm/philox.hpp"

namespace skm {

inline constexpr std::uint64_t kMaxTrials = (std::uint64_t{1} << 53) - 1;

/// Successes of `trials` <= kMaxTrials with probability p each; q = 1 - p is given too, because it may be
/// known better than p says. Takes as many words of `draw` as it needs.
std::uint64_t binomial(std::uint64_t trials, double p, double q, Draw& draw) noexcept;

/// out[i] = Binomial(trials[i], p[i]) from Draw(key, first + i); a stride of 0 repeats one value.
void binomial_draws(std::uint64_t key, std::uint64_t first, const std::uint64_t* trials,
                    std::size_t trials_stride, Shapes p, std::span<std::uint64_t> out, unsigned threads);

}  // namespace skm
