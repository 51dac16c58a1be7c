// The hidden Markov tree as a fold of sorted contexts (see context_walk.hpp and context_reference.hpp): the
// kernels of the processor, applied to one model.
#pragma once

#include <cstddef>
#include <cstdint>

#include "simd/context_tree.hpp"
#include "skm/isa.hpp"
#include "skm/tree_model.hpp"

namespace skm {

inline const ContextTreeKernels& context_tree_kernels() noexcept {
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

  /// Extensions up to which a node's products are not spread, and so have another form (see ContextNode).
  static constexpr int most_narrow = 4;

  explicit MarkovFold(const TreeModel& model)
      : view_{model.chain(), model.leaf(), model.depth()},
        prior_(model.prior()),
        kernels_(&context_tree_kernels()) {}

  int depth() const noexcept { return view_.depth; }
  void open(Node& node, int depth) const noexcept {
    node.depth = depth;
    node.merges = 0;
    node.empty = true;
    node.wide = false;
  }
  void absorb(Node& parent, const Node& child) const noexcept { kernels_->absorb(parent, child, view_); }
  void absorb_leaf(Node& parent, int symbol, std::uint64_t count) const noexcept {
    for (std::uint64_t k = 0; k < count; ++k) kernels_->absorb_leaf(parent, symbol, view_);
  }
  void feed(ContextFold& stack, const std::uint8_t* text, const std::uint64_t* items,
            const std::int8_t* shared, std::uint32_t count) const noexcept {
    kernels_->feed(stack, view_, text, items, shared, count);
  }
  int slot_count(const Node& node) const noexcept { return kernels_->slot_count(node); }
  static constexpr std::size_t message_bytes(int slots) noexcept {
    return (slots == 1 ? 0 : message_set_bytes) + slots * message_slot_bytes;
  }
  void write_messages(const Node& child, int depth, std::uint8_t* out) const noexcept {
    kernels_->write_messages(child, depth, view_, out);
  }
  void absorb_messages(Node& parent, int slots, int symbol, const std::uint8_t* messages) const noexcept {
    kernels_->absorb_messages(parent, slots, symbol, messages);
  }
  /// Bytes of the columns of a node with these extensions; 0 if it has none.
  std::size_t column_bytes(const Node& node, const ExtensionMessages* extensions, int count) const noexcept {
    if (count < least_columned) return 0;
    return columns_bytes(slot_count(node), kernels_->count_columns(node, extensions, count));
  }
  void write_columns(const Node& node, const ExtensionMessages* extensions, int count,
                     const std::uint8_t* messages, std::uint8_t* out) const noexcept {
    kernels_->write_columns(node, extensions, count, messages, out);
  }
  void find_messages(FreshExtension& fresh) const noexcept {
    kernels_->find_messages(fresh.messages, fresh.trie);
  }
  void open_context(KeptContext& context) const noexcept { kernels_->open_context(context); }
  void plan_change(const KeptContext& context, bool all, ContextChange& change) const noexcept {
    kernels_->plan_change(context, all, change);
  }
  void refold_changes(const KeptContext& context, const ContextChange* changes, int count,
                      Node& node) const noexcept {
    kernels_->refold_changes(context, changes, count, view_, node);
  }
  double changed_bits(const ContextChange& change) const noexcept {
    return kernels_->changed_bits(change, prior_);
  }
  double root_bits(const Node& node) const noexcept { return kernels_->root_bits(node, view_, prior_); }

 private:
  TreeModelView view_;
  const double* prior_;
  const ContextTreeKernels* kernels_;
};

}  // namespace skm
