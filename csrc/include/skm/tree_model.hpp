// The hidden Markov model over a context tree: what the probability of a bit does as its context grows.
//
// At every context the probability p of a one (at one binary node of the byte) is hidden, and takes one of 16
// values. At the root it is drawn from a prior; from a context of depth d - 1 to each of its extensions of
// depth d it moves by a transition matrix K_d; a bit is drawn from p at the deepest context. Summing the
// hidden values out, from the leaves up, is exact (belief propagation on a tree), so the code is a proper
// Bayes mixture, and since extensions are independent given p, it depends on counts alone. Context-tree
// weighting is the special case in which p either stays or is forgotten altogether; here an extension also
// inherits what its parent knows.
#pragma once

#include <cstdint>
#include <vector>

namespace skm {

/// How p moves from depth d - 1 to d, for one class of depths: it stays with probability 1 - move; else it is
/// drawn from Beta(concentration * p, concentration * (1 - p)), which keeps the mean; and with probability
/// `forget` it is drawn from the prior instead.
struct TreeTransition {
  double move;
  double concentration;
  double forget;
};

inline constexpr int tree_depth_classes = 14;

/// Class of depth d >= 1: each of 1 ... 8 its own, then 9-10, 11-12, 13-16, 17-24, 25-32, deeper.
int tree_depth_class(int depth) noexcept;

struct TreeParameters {
  TreeTransition transitions[tree_depth_classes];
  double grid_range;   ///< log-odds of the most certain state
  double grid_curve;   ///< how much denser the states lie near one half
  double prior_power;  ///< prior of a state ~ (p (1 - p))^power
};

/// Tuned once, on English, source code, XML and machine code; see docs/theory.md.
const TreeParameters& default_tree_parameters() noexcept;

/// Tables of a model for contexts up to `depth` bytes (0 ... 64). Built from the four operations alone, in
/// fixed order: the same bits on every processor.
class TreeModel {
 public:
  explicit TreeModel(int depth, const TreeParameters& parameters = default_tree_parameters());

  int depth() const noexcept { return depth_; }
  const float* chain() const noexcept { return chain_.data(); }
  const float* leaf() const noexcept { return leaf_.data(); }
  const double* prior() const noexcept { return prior_; }

 private:
  int depth_;
  double prior_[16];
  /// [from][to][state at to][state at from], for from < to and the lower eight states at `to`: by the
  /// symmetry of zero and one the probability is the same from state 15 - q to state 15 - p as from q to p.
  std::vector<float> chain_;
  std::vector<float>
      leaf_;  ///< [depth][state]: probability of a one in a context seen once, given p at depth
};

}  // namespace skm
