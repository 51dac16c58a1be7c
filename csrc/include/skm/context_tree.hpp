// Code length of a corpus under the context-tree code, from counts alone.
#pragma once

#include <cstddef>
#include <cstdint>

#include "skm/tree_model.hpp"
#include "skm/watch.hpp"

namespace skm {

/// Part of a corpus in one buffer: positions [begin, end) are coded, everything before them is context.
struct Segment {
  std::uint64_t begin;
  std::uint64_t end;
};

struct ContextTreeOptions {
  int threads = 1;
  std::uint64_t memory = ~std::uint64_t{0};  ///< bytes that may be allocated beside the text
  Watch watch;
};

/// Least `memory` that can be kept to, whatever the corpus (about 2 MB a thread and 18 MB).
std::uint64_t context_tree_memory(int threads) noexcept;

/// Bits of the positions in `segments`, coded as one: all share one tree.
///
/// Each segment's first position must have `context_padding` readable bytes before it: zeros where a document
/// starts (skm/context_sort.hpp). The sum of the segments' sizes and the buffer must be below 2^32. The
/// result is a function of the multiset of (context, symbol): of neither the order of the segments, nor the
/// number of threads, nor the memory limit, nor the instruction set. Throws std::bad_alloc.
double context_tree_bits(const TreeModel& model, const std::uint8_t* text, const Segment* segments,
                         std::size_t segment_count, const ContextTreeOptions& options);

/// Bits of each segment coded alone, with a tree of its own, into bits[0 ... segment_count).
void context_tree_bits_each(const TreeModel& model, const std::uint8_t* text, const Segment* segments,
                            std::size_t segment_count, const ContextTreeOptions& options, double* bits);

}  // namespace skm
