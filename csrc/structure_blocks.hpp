// Blocks of splits, and heaps of them: the bookkeeping of generalised BFOS pruning.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

namespace skm {

/// A split, and while nobody owns it the block that it begins: the bits of all that it has absorbed.
struct SplitBlock {
  double model_bits;
  double data_bits;  ///< saved
  std::uint32_t position;
  std::uint32_t count;
  std::uint32_t owner;    ///< block that absorbed this one
  std::uint32_t child;    ///< in a heap: the first below
  std::uint32_t sibling;  ///< in a heap: the next beside
  std::uint16_t first_depth;
  std::uint16_t depth;

  double slope() const noexcept { return data_bits / model_bits; }
};

/// An arena of blocks in pairing heaps, the best slope on top. A heap is the number of its top block.
class SplitBlocks {
 public:
  static constexpr std::uint32_t none = ~std::uint32_t{0};

  std::vector<SplitBlock> blocks;

  std::uint32_t meld(std::uint32_t a, std::uint32_t b) noexcept {
    if (a == none) return b;
    if (b == none) return a;
    if (blocks[b].slope() > blocks[a].slope()) std::swap(a, b);
    blocks[b].sibling = blocks[a].child;
    blocks[a].child = b;
    return a;
  }

  /// The heap without its top.
  std::uint32_t pop(std::uint32_t heap) noexcept {
    std::uint32_t next = blocks[heap].child;
    std::uint32_t pairs = none;  // melded two by two, linked in reverse
    while (next != none) {
      const std::uint32_t first = next;
      const std::uint32_t second = blocks[first].sibling;
      next = second == none ? none : blocks[second].sibling;
      blocks[first].sibling = none;
      if (second != none) blocks[second].sibling = none;
      const std::uint32_t pair = meld(first, second);
      blocks[pair].sibling = pairs;
      pairs = pair;
    }
    std::uint32_t rest = none;
    while (pairs != none) {
      const std::uint32_t pair = pairs;
      pairs = blocks[pair].sibling;
      blocks[pair].sibling = none;
      rest = meld(rest, pair);
    }
    return rest;
  }

  /// The heap with a split that has to come before all blocks in it.
  std::uint32_t precede(std::uint32_t heap, const SplitBlock& split) {
    const auto own = static_cast<std::uint32_t>(blocks.size());
    blocks.push_back(split);
    SplitBlock& block = blocks.back();
    while (heap != none && blocks[heap].slope() >= block.slope()) {
      block.model_bits += blocks[heap].model_bits;
      block.data_bits += blocks[heap].data_bits;
      blocks[heap].owner = own;
      heap = pop(heap);
    }
    return meld(own, heap);
  }

  /// Takes in another arena; returns what its numbers go up by.
  std::uint32_t append(const std::vector<SplitBlock>& others) {
    const auto offset = static_cast<std::uint32_t>(blocks.size());
    for (SplitBlock block : others) {
      for (std::uint32_t* link : {&block.owner, &block.child, &block.sibling})
        if (*link != none) *link += offset;
      blocks.push_back(block);
    }
    return offset;
  }
};

}  // namespace skm
