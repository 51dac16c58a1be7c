// The hidden Markov tree as the weighting of a walk over contexts.
#include "skm/context_tree.hpp"

#include "context_walk.hpp"
#include "simd/context_tree.hpp"
#include "skm/isa.hpp"

namespace skm {
namespace {

const ContextTreeKernels& kernels() noexcept {
  switch (active_isa()) {
#if defined(SKM_X86)
    case Isa::avx512: return context_tree_kernels_avx512();
    case Isa::avx2: return context_tree_kernels_avx2();
#endif
    default: return context_tree_kernels_baseline();
  }
}

class MarkovFold {
 public:
  using Node = ContextNode;

  explicit MarkovFold(const TreeModel& model)
      : view_{model.chain(), model.leaf(), model.depth()}, prior_(model.prior()) {}

  int depth() const noexcept { return view_.depth; }
  void open(Node& node, int depth) const noexcept {
    node.depth = depth;
    node.merges = 0;
    node.empty = true;
    node.wide = false;
  }
  void absorb(Node& parent, const Node& child) const noexcept { kernels().absorb(parent, child, view_); }
  void absorb_leaf(Node& parent, int symbol, std::uint64_t count) const noexcept {
    for (std::uint64_t k = 0; k < count; ++k) kernels().absorb_leaf(parent, symbol, view_);
  }
  void feed(ContextFold& stack, const std::uint8_t* text, const std::uint64_t* items,
            const std::int8_t* shared, std::uint32_t count) const noexcept {
    kernels().feed(stack, view_, text, items, shared, count);
  }
  double root_bits(const Node& node) const noexcept { return kernels().root_bits(node, view_, prior_); }

 private:
  TreeModelView view_;
  const double* prior_;
};

}  // namespace

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
