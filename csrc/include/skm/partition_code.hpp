// Code lengths of a partition draw by draw: how often each label came before, and the predictions of several
// Pitman-Yor processes mixed by Bayes's rule.
#pragma once

#include <cstdint>
#include <span>

namespace skm {

/// How often each label came before: `before[i]` is the number of j < i with labels[j] == labels[i].
/// @pre before.size() == labels.size(); every label < counts.size().
/// @post counts[k] has grown by the number of labels k: give zeros, or the counts of what came earlier. O(1)
/// a label; throws nothing, allocates nothing.
void seen_before(std::span<const std::uint32_t> labels, std::span<std::uint64_t> counts,
                 std::span<std::uint64_t> before) noexcept;

/// Probability of each draw given those before it, under a mixture of processes.
///
/// Draw i, of an element seen `seen[i]` times before, has under process g the probability
/// (concentration + discount * elements) / (draws + concentration) where seen[i] == 0, and
/// (seen[i] - discount) / (draws + concentration) else; its probability is the mean with `weights`, which
/// then become the posterior.
///
/// @param weights      in: positive, of sum 1; out: posterior.
/// @param draws        draws before the first one here, at least 1.
/// @param elements     distinct elements among them.
/// @pre discount, concentration and weights are of one size; probability.size() == seen.size().
/// Throws nothing, allocates nothing.
void mixture_probabilities(std::span<const std::uint64_t> seen, std::span<const double> discount,
                           std::span<const double> concentration, std::span<double> weights,
                           std::uint64_t draws, std::uint64_t elements,
                           std::span<double> probability) noexcept;

}  // namespace skm
