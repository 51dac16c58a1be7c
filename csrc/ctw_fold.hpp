// Context-tree weighting as a fold of sorted contexts: what a context keeps, and how it meets its extensions.
#pragma once

#include <cstddef>
#include <cstdint>

#include "simd/fold_stack.hpp"
#include "skm/context_sort.hpp"
#include "skm/ctw.hpp"

namespace skm {

/// What has arrived at one context, for each binary node v (1 ... 255) of the byte that was visited.
///
/// While only one symbol was seen its eight binary nodes have the same history; slot 1 stands for all of
/// them, as (times seen, 0).
struct CtwNode {
  double product[256];         ///< ln of the product of P_w over the extensions
  std::uint64_t seen[256][2];  ///< zeros and ones
  std::uint64_t used[4];       ///< bit v: binary node v was visited
  int depth;
  int symbol;  ///< the only one seen, else -1
  bool empty;
};

/// ln P_e(a, b) of the Beta(c, c) estimator, to about 1e-13 of its size.
class BetaEstimator {
 public:
  explicit BetaEstimator(double c);

  double log_probability(std::uint64_t a, std::uint64_t b) const noexcept;

 private:
  static constexpr std::uint64_t table_size = 1024;

  double large(std::uint64_t few, std::uint64_t many) const noexcept;

  double c_;
  double log_gamma_c_;            ///< ln Gamma(c)
  double log_gamma_ratio_;        ///< ln Gamma(2c) - ln Gamma(c)
  double rising_[table_size];     ///< ln c (c + 1) ... (c + n - 1)
  double alone_[table_size];      ///< ln P_e(n, 0)
  double total_[2 * table_size];  ///< ln 2c (2c + 1) ... (2c + n - 1)
};

/// The weighting: estimator, and the probability of stopping along chains of up to max_context_depth + 1
/// contexts.
class CtwFold {
 public:
  using Node = CtwNode;

  explicit CtwFold(const CtwParameters& parameters);

  int depth() const noexcept { return depth_; }
  void open(Node& node, int depth) const noexcept;
  /// Takes P_w of `child` into `parent`, whose depth is less.
  void absorb(Node& parent, const Node& child) const noexcept;
  /// Takes in `count` contexts below `parent`, each seen once, with `symbol`.
  void absorb_leaf(Node& parent, int symbol, std::uint64_t count = 1) const noexcept;
  void feed(FoldStack<Node>& stack, const std::uint8_t* text, const std::uint64_t* items,
            const std::int8_t* shared, std::uint32_t count) const noexcept;
  /// Binary nodes that were visited; 1 where a single symbol stands for its eight.
  int slot_count(const Node& node) const noexcept;
  /// Size of the messages of a context to the one above it, kept as bytes. One slot: ln P_w, times seen.
  /// More: the set of visited binary nodes (32 bytes), then of each ln P_w, zeros and ones.
  static constexpr std::size_t message_bytes(int slots) noexcept { return slots == 1 ? 16 : 32 + 24 * slots; }
  /// Writes the messages of `child` to a context of length `depth` above it.
  void write_messages(const Node& child, int depth, std::uint8_t* out) const noexcept;
  /// absorb, with messages that were written for a context of the parent's length: the same bits.
  void absorb_messages(Node& parent, int slots, int symbol, const std::uint8_t* messages) const noexcept;
  /// Code length of everything below the topmost node.
  double root_bits(const Node& node) const noexcept;

 private:
  /// ln P_w of slot v of `node`, at the context of length `depth` <= node.depth that its chain begins with.
  double weighted(const Node& node, int v, int depth) const noexcept;
  /// The same for every visited binary node.
  void weighted_all(const Node& node, int depth, double* message) const noexcept;

  BetaEstimator estimator_;
  int depth_;
  double log_stop_[max_context_depth + 2];  ///< [n]: a tree stops within n contexts of a chain
  double log_go_[max_context_depth + 2];    ///< [n]: it does not
};

}  // namespace skm
