// Context-tree weighting of a corpus: the fold of ctw_fold.hpp on a walk over its contexts.
#include "skm/ctw.hpp"

#include "context_walk.hpp"
#include "ctw_fold.hpp"

namespace skm {

// The least memory of a walk is stated once, for the larger of the two kinds of nodes.
static_assert(sizeof(CtwNode) <= 32768);

double ctw_bits(const CtwParameters& parameters, const std::uint8_t* text, const Segment* segments,
                std::size_t segment_count, const ContextTreeOptions& options) {
  return walk_bits(CtwFold(parameters), text, segments, segment_count, options);
}

void ctw_bits_each(const CtwParameters& parameters, const std::uint8_t* text, const Segment* segments,
                   std::size_t segment_count, const ContextTreeOptions& options, double* bits) {
  walk_bits_each(CtwFold(parameters), text, segments, segment_count, options, bits);
}

}  // namespace skm
