// The hidden Markov tree as the weighting of a walk over contexts.
#include "skm/context_tree.hpp"

#include "context_walk.hpp"
#include "markov_fold.hpp"

namespace skm {

std::uint64_t context_tree_memory(int threads) noexcept {
  return smallest_pass + sizeof(ContextNode) * (static_cast<std::uint64_t>(threads) * fold_nodes + 512);
}

double context_tree_bits(const TreeModel& model, const std::uint8_t* text, const Segment* segments,
                         std::size_t segment_count, const ContextTreeOptions& options) {
  return walk_bits(MarkovFold(model), text, segments, segment_count, options);
}

void context_tree_bits_each(const TreeModel& model, const std::uint8_t* text, const Segment* segments,
                            std::size_t segment_count, const ContextTreeOptions& options, double* bits) {
  walk_bits_each(MarkovFold(model), text, segments, segment_count, options, bits);
}

}  // namespace skm
