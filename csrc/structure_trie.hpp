// The split contexts of a pruned tree as a trie: which leaf does a position belong to?
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "skm/structure_function.hpp"

namespace skm {

/// A map from (node, symbol) to a 32-bit number, open addressing; keys are below 2^64 - 1.
class EdgeMap {
 public:
  static constexpr std::uint32_t none = ~std::uint32_t{0};

  struct Edge {
    std::uint64_t key;
    std::uint32_t value;
  };

  EdgeMap() : edges_(64, Edge{kFree, none}) {}

  static std::uint64_t key(std::uint32_t node, std::uint32_t symbol) noexcept {
    return std::uint64_t{node} << 32 | symbol;
  }
  std::uint32_t find(std::uint64_t key) const noexcept { return edges_[place(key)].value; }

  /// The value at `key`; `value` is put there if nothing is.
  std::uint32_t insert(std::uint64_t key, std::uint32_t value) {
    Edge& edge = edges_[place(key)];
    if (edge.key == key) return edge.value;
    edge = {key, value};
    if (++size_ * 2 > edges_.size()) grow();
    return value;
  }

  template <typename Visit>
  void for_each(Visit visit) const {
    for (const Edge& edge : edges_)
      if (edge.key != kFree) visit(edge.key, edge.value);
  }

 private:
  static constexpr std::uint64_t kFree = ~std::uint64_t{0};

  std::size_t place(std::uint64_t key) const noexcept {
    const std::size_t mask = edges_.size() - 1;
    std::size_t at = static_cast<std::size_t>((key * 0x9E3779B97F4A7C15u) >> 20) & mask;
    while (edges_[at].key != key && edges_[at].key != kFree) at = (at + 1) & mask;
    return at;
  }
  void grow() {
    std::vector<Edge> old(2 * edges_.size(), Edge{kFree, none});
    old.swap(edges_);
    for (const Edge& edge : old)
      if (edge.key != kFree) edges_[place(edge.key)] = edge;
  }

  std::vector<Edge> edges_;
  std::size_t size_ = 0;
};

/// The tree whose split contexts are those of the first splits of a hull; any prefix of its blocks will do.
/// Split contexts have even numbers in edges, leaves odd ones.
template <typename Symbol>
class SplitTrie {
 public:
  SplitTrie(std::span<const Symbol> text, std::span<const ContextSplit> splits) : text_(text) {
    for (const ContextSplit& split : splits) {
      std::uint32_t node = 0;
      for (std::uint32_t depth = 0; depth < split.depth; ++depth) {
        const std::uint64_t key = EdgeMap::key(node, text[split.position - 1 - depth]);
        const std::uint32_t next = edges_.insert(key, 2 * num_splits_) >> 1;
        num_splits_ += next == num_splits_;
        node = next;
      }
    }
    root_is_split_ = !splits.empty();
  }

  /// Leaf of a position, numbered from 0 in the order of first visits.
  std::uint32_t leaf(std::uint64_t position) {
    if (!root_is_split_) return 0;
    std::uint32_t node = 0;
    for (std::uint64_t before = position;;) {
      const std::uint64_t key = EdgeMap::key(node, text_[--before]);
      const std::uint32_t next = edges_.insert(key, 2 * num_leaves_ + 1);
      if (next & 1) {
        num_leaves_ += next >> 1 == num_leaves_;
        return next >> 1;
      }
      node = next >> 1;
    }
  }

  std::uint32_t num_splits() const noexcept { return root_is_split_ ? num_splits_ : 0; }
  std::uint32_t num_leaves() const noexcept { return root_is_split_ ? num_leaves_ : 1; }
  const EdgeMap& edges() const noexcept { return edges_; }

 private:
  std::span<const Symbol> text_;
  EdgeMap edges_;
  std::uint32_t num_splits_ = 1;  // the empty context is number 0
  std::uint32_t num_leaves_ = 0;
  bool root_is_split_ = false;
};

}  // namespace skm
