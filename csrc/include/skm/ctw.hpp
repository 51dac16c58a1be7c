// Code length of a corpus under context-tree weighting, from counts alone: the classical mixture over all
// context trees (Willems, Shtarkov, Tjalkens 1995), beside the hidden Markov tree of skm/context_tree.hpp.
//
// A byte is eight binary decisions along a tree of 255 binary nodes v. With (a, b) the zeros and ones seen at
// v in context s, c the estimator's parameter and g the probability that a tree stops at s,
//   P_e(a, b) = B(a + c, b + c) / B(c, c)
//   P_w(s, v) = g P_e(a, b) + (1 - g) prod_z P_w(zs, v)        over the bytes z before s; P_e(a, b) at full
//   depth
// and the code length is -sum_v log2 P_w(root, v).
#pragma once

#include <cstddef>
#include <cstdint>

#include "skm/context_tree.hpp"

namespace skm {

struct CtwParameters {
  int depth;         ///< bytes of context, 0 ... max_context_depth
  double estimator;  ///< c, in [1e-6, 1000]; 1/2 is Krichevsky and Trofimov's
  double stop;       ///< g, in [0, 1]
};

/// Bits of the positions in `segments`, coded as one; as context_tree_bits in every other respect: the same
/// text, options, independence of order, threads and memory limit, and least memory.
double ctw_bits(const CtwParameters& parameters, const std::uint8_t* text, const Segment* segments,
                std::size_t segment_count, const ContextTreeOptions& options);

/// Bits of each segment coded alone, with a tree of its own, into bits[0 ... segment_count).
void ctw_bits_each(const CtwParameters& parameters, const std::uint8_t* text, const Segment* segments,
                   std::size_t segment_count, const ContextTreeOptions& options, double* bits);

}  // namespace skm
