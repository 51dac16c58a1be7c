// Instruction-set dependent parts of the context-tree code: folding sorted contexts into messages.
#pragma once

#include <cstddef>
#include <cstdint>

#include "fold_stack.hpp"

namespace skm {

/// Values that the hidden probability of a context may take; one AVX-512 register of float32.
inline constexpr int tree_states = 16;

/// Floats in a transition matrix: the rows of the upper eight states mirror those of the lower eight.
inline constexpr int transition_size = tree_states / 2 * tree_states;

/// What folding needs of a model. chain: (depth + 1)^2 matrices, [from][to][state at `to`][state at `from`];
/// leaf: [depth of the parent][state] = probability of a one, seen once in a context of its own below the
/// parent.
struct TreeModelView {
  const float* chain;
  const float* leaf;
  int depth;
};

/// Product of the messages that have arrived at one context, for each binary node v (1 ... 255) of the byte.
///
/// The visited binary nodes form a trie. Nodes on an unbranched run have seen one and the same history, so
/// they share one product, kept at the run's top and meant for "the bit that was seen"; a branching node
/// keeps its own, meant for "a one". A slot holds, for each state p, product[v][p] * 2^(scale[v] +
/// exponent[v][p]) (exponents only if `wide`).
struct alignas(64) ContextNode {
  float product[256][tree_states];
  std::int32_t exponent[256][tree_states];
  std::int64_t scale[256];
  std::uint64_t used[8];    ///< bit v: binary node v was visited; bit 256 + s: symbol s was seen
  std::uint64_t branch[4];  ///< bit v: both values were seen at binary node v
  int depth;
  int merges;  ///< messages multiplied in since the last spread; at most `merges_per_spread`
  int symbol;  ///< the only one seen, else -1
  bool empty;
  bool wide;
};

using ContextFold = FoldStack<ContextNode>;

/// Messages of a context to the one above it, kept as bytes: of each slot, in order, exponent and lanes. With
/// more than one slot (several symbols were seen) the set of symbols (32 bytes) comes before them.
inline constexpr std::size_t message_set_bytes = 32;
inline constexpr std::size_t message_slot_bytes = sizeof(std::int64_t) + sizeof(float) * tree_states;

/// Extensions from which on a context keeps its columns: for every slot the places of all messages that are
/// multiplied into it, in order. Finding them costs more than multiplying them.
inline constexpr int least_columned = 8;

/// Bytes of columns with so many entries, of a context with so many slots.
constexpr std::size_t columns_bytes(int slots, int entries) noexcept {
  return message_set_bytes + 4 * (static_cast<std::size_t>(slots) + 1 + entries);
}

enum class ExtensionOrigin : std::uint8_t { kept, replaced, added };

/// What an extension tells the context above it: messages that were kept, or that take their place.
struct ExtensionMessages {
  const std::uint8_t* messages;  ///< as write_messages writes them; none for a symbol seen once
  std::uint64_t changed[4];      ///< bit v: the message of binary node v is not the one that was kept
  std::uint8_t slots;            ///< 0 for a symbol seen once
  std::uint8_t symbol;           ///< the only one seen, where slots <= 1
  ExtensionOrigin origin;        ///< as it was kept, in the place of a kept one, or of symbols alone
};

/// Binary nodes with a slot of their own: branching ones, and tops of runs. Bit v: binary node v.
struct Slots {
  std::uint64_t words[4];
};

/// The binary nodes of an extension, and where their messages are.
struct KeptTrie {
  std::uint64_t used[8];  ///< as in ContextNode
  std::uint64_t branch[4];
  Slots slots;
  int before[4];  ///< slots in the words before
  const std::uint8_t* messages;
};

/// What a context keeps of itself and of its extensions.
struct KeptContext {
  const ExtensionMessages* extensions;  ///< in order, `count` of them
  int count;
  int depth;
  int above;                     ///< length of the context that its messages are meant for, -1 for none
  const std::uint8_t* columns;   ///< nullptr where there are fewer than least_columned extensions
  const std::uint8_t* messages;  ///< of the extensions, one after the other
  ExtensionMessages sent;        ///< its own to the context above, if there is one
  KeptTrie trie;                 ///< its binary nodes, and where what was sent is: set by open_context
};

/// What a document changes of one extension of a context.
struct FreshExtension {
  std::uint32_t document;
  int place;  ///< of the kept extension that it replaces, or stands before
  ExtensionMessages messages;
  KeptTrie trie;  ///< of the messages: at least of the binary nodes in messages.changed
};

/// What a document changes of a context.
struct ContextChange {
  const FreshExtension* const* fresh;  ///< in order, `fresh_count` of them
  int fresh_count;
  int slots;                 ///< that change
  std::uint64_t changed[4];  ///< binary nodes whose products change
  KeptTrie trie;             ///< with the document, but only slots that change
};

/// Changes that are folded together: their products are held in registers.
inline constexpr int most_changes = 8;

struct ContextTreeKernels {
  /// Takes in `count` positions in context order. shared[i] as from sort_contexts; shared[0] is shared with
  /// the position before these (-1 as int8 where there is none), shared[count] with the one after (likewise).
  void (*feed)(ContextFold& fold, const TreeModelView& model, const std::uint8_t* text,
               const std::uint64_t* items, const std::int8_t* shared, std::uint32_t count) noexcept;
  /// Multiplies the message of `child` (deeper than `parent`) into `parent`.
  void (*absorb)(ContextNode& parent, const ContextNode& child, const TreeModelView& model) noexcept;
  /// Multiplies in a symbol seen once below `parent`.
  void (*absorb_leaf)(ContextNode& parent, int symbol, const TreeModelView& model) noexcept;
  /// Slots of a node that is not empty, 1 ... 255.
  int (*slot_count)(const ContextNode& node) noexcept;
  /// Writes the messages of `child` to a context of length `depth` above it.
  void (*write_messages)(const ContextNode& child, int depth, const TreeModelView& model,
                         std::uint8_t* out) noexcept;
  /// absorb, with messages that were written for a context of the parent's length: the same bits. `symbol` is
  /// the one seen where there is one slot.
  void (*absorb_messages)(ContextNode& parent, int slots, int symbol, const std::uint8_t* messages) noexcept;
  /// Entries in the columns of a node that was folded from these extensions.
  int (*count_columns)(const ContextNode& node, const ExtensionMessages* extensions, int count) noexcept;
  /// Writes its columns, for extensions whose messages stand one after the other at `messages`.
  void (*write_columns)(const ContextNode& node, const ExtensionMessages* extensions, int count,
                        const std::uint8_t* messages, std::uint8_t* out) noexcept;
  /// Binary nodes and places of messages.
  void (*find_messages)(const ExtensionMessages& extension, KeptTrie& trie) noexcept;
  /// Sets context.trie.
  void (*open_context)(KeptContext& context) noexcept;
  /// Given the fresh extensions, what of the context changes: everything in `change` but the messages'
  /// address. With `all` products are written of every slot.
  void (*plan_change)(const KeptContext& context, bool all, ContextChange& change) noexcept;
  /// Writes the messages of the slots that change, in order, to change.trie.messages: of a context with each
  /// of `count` <= most_changes documents alone; where no context is above, the products. They have the same
  /// bits as if everything had been folded. `node` is room.
  void (*refold_changes)(const KeptContext& context, const ContextChange* changes, int count,
                         const TreeModelView& model, ContextNode& node) noexcept;
  /// Bits of everything below the topmost context with a document, of length 0: root_bits from its products.
  double (*changed_bits)(const ContextChange& change, const double* prior) noexcept;
  /// Bits of everything below the topmost node, given the prior of the state at the root.
  double (*root_bits)(const ContextNode& node, const TreeModelView& model, const double* prior) noexcept;
};

const ContextTreeKernels& context_tree_kernels_baseline() noexcept;
const ContextTreeKernels& context_tree_kernels_avx2() noexcept;
const ContextTreeKernels& context_tree_kernels_avx512() noexcept;

}  // namespace skm
