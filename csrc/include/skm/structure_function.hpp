// Structure function of a corpus over context trees: for every number of model bits the fewest data bits, as
// the lower convex hull, all of its breakpoints in one pass.
//
// A tree's nodes are contexts. A node is a leaf, or is split into all contexts that extend it by one more
// preceding symbol and occur. Model bits say which nodes are split and how often each symbol followed each
// context; data bits are log2 of the number of texts with these counts. docs/theory.md gives the code.
//
// Generalised BFOS pruning (Chou, Lookabaugh, Gray 1989) from the leaves up: the best way to buy a subtree is
// a sequence of blocks of splits with falling slopes (data bits saved per model bit). A context's own split
// has to be bought first, so it absorbs the blocks below it with a better slope than its own; what is left is
// again in order. Meldable heaps make this O(n log n). Runs of contexts with a single extension save nothing
// on the way, so they are one split with the bits of all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "skm/context_tree.hpp"
#include "skm/watch.hpp"

namespace skm {

struct StructureOptions {
  int depth = 64;                ///< longest context in symbols; depth * symbol bytes <= max_context_depth
  std::uint64_t alphabet = 256;  ///< symbols are below this
  double least_slope = 0.0;      ///< blocks that save less than this per model bit are left out
  int threads = 1;
  Watch watch;
};

/// Contexts that are split together: those of `first_depth` ... `depth` symbols that end before `position`.
struct ContextSplit {
  std::uint64_t position;
  std::uint32_t count;  ///< how often each of them occurs
  std::uint16_t first_depth;
  std::uint16_t depth;
  std::uint64_t block;  ///< place of its block on the hull
};

struct StructureHull {
  double root_model_bits = 0;  ///< of the empty tree
  double root_data_bits = 0;
  std::vector<double> model_bits;          ///< [block]: model bits that buying it adds
  std::vector<double> data_bits;           ///< [block]: data bits that it saves; the quotients fall
  std::vector<ContextSplit> splits;        ///< by block; within a block the shortest contexts first
  std::vector<std::uint64_t> block_begin;  ///< [block]: its first split; one more at the end
};

/// Bytes that structure_hull needs beside the text before it keeps the first block: 4 for each symbol, and on
/// each thread 9 for each symbol of the largest group with the same symbol before. A block takes 44, and
/// there are fewer blocks than symbols: about a fifth as many on English text.
std::uint64_t structure_memory(std::uint64_t num_symbols, std::uint64_t largest_group, int threads) noexcept;

/// Hull of the symbols in `segments` (places in the text, in symbols), coded as one corpus. Symbols are
/// std::uint8_t, std::uint16_t or std::uint32_t, little-endian in memory.
///
/// Before each segment there must be context_padding bytes: zeros where a document begins. The text is below
/// 4 GiB. The result is the same for any number of threads and any instruction set. Throws std::bad_alloc.
template <typename Symbol>
StructureHull structure_hull(std::span<const Symbol> text, std::span<const Segment> segments,
                             const StructureOptions& options);

/// Leaf of every position in `segments`, in their order, into `leaves` (as many places): of the tree that
/// `splits` make, those of the first blocks of the corpus's hull. Leaves are numbered from 0 in the order in
/// which they are met; returns how many there are. Throws std::bad_alloc.
template <typename Symbol>
std::uint32_t structure_leaves(std::span<const Symbol> text, std::span<const Segment> segments,
                               std::span<const ContextSplit> splits, std::span<std::uint32_t> leaves);

extern template StructureHull structure_hull(std::span<const std::uint8_t>, std::span<const Segment>,
                                             const StructureOptions&);
extern template StructureHull structure_hull(std::span<const std::uint16_t>, std::span<const Segment>,
                                             const StructureOptions&);
extern template StructureHull structure_hull(std::span<const std::uint32_t>, std::span<const Segment>,
                                             const StructureOptions&);

extern template std::uint32_t structure_leaves(std::span<const std::uint8_t>, std::span<const Segment>,
                                               std::span<const ContextSplit>, std::span<std::uint32_t>);
extern template std::uint32_t structure_leaves(std::span<const std::uint16_t>, std::span<const Segment>,
                                               std::span<const ContextSplit>, std::span<std::uint32_t>);
extern template std::uint32_t structure_leaves(std::span<const std::uint32_t>, std::span<const Segment>,
                                               std::span<const ContextSplit>, std::span<std::uint32_t>);

}  // namespace skm
