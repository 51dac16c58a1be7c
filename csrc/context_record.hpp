// The context tree of a text, kept: a record for every branching context, with its extensions in order of
// their bytes and the messages that they send up. Records are written by a fold of the sorted contexts.
//
// Beside what context_walk.hpp asks of it, a Fold says how messages are kept as bytes:
//
//   slot_count(node), message_bytes(slots)              1 slot: a single symbol was seen
//   write_messages(child, depth, out)                   to a context of length `depth`
//   absorb_messages(parent, slots, symbol, messages)    the same bits as absorb(parent, child)
//
// and, if it can fold a context anew from kept messages (Refolding),
//
//   column_bytes(node, extensions, count), write_columns(node, extensions, count, messages, out)
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <vector>

#include "simd/context_tree.hpp"
#include "simd/fold_stack.hpp"
#include "skm/big_buffer.hpp"
#include "skm/context_sort.hpp"

namespace skm {

namespace fold_stack {
#include "simd/fold_stack.inl"
}

/// An extension of a context: a record, or a position whose context nothing else in the text shares. Below a
/// context of full length: a symbol and how often it was seen.
struct ContextChild {
  std::uint32_t index;  ///< of the record; the position; or the count
  std::uint8_t edge;    ///< the context byte that tells it from its siblings
  std::uint8_t symbol;  ///< the only one seen, where there is one
  std::uint8_t slots;   ///< of its messages; 0 for a position or a symbol

  bool is_record() const noexcept { return slots != 0; }
};

/// A branching context. The children follow in memory, then the messages of those that are records, then the
/// columns of a context that has them.
struct ContextRecord {
  std::uint32_t witness;  ///< a position with this context
  std::uint16_t child_count;
  std::uint8_t depth;

  const ContextChild* children() const noexcept { return reinterpret_cast<const ContextChild*>(this + 1); }
  const std::uint8_t* messages() const noexcept {
    return reinterpret_cast<const std::uint8_t*>(children() + child_count);
  }
};
static_assert(sizeof(ContextRecord) == 8 && sizeof(ContextChild) == 8);

/// What all shards of a tree have taken, and may take.
struct MemoryBudget {
  std::atomic<std::uint64_t> taken{0};
  std::uint64_t limit = ~std::uint64_t{0};
};

/// Growing storage of records that never moves them.
class RecordArena {
 public:
  const ContextRecord& operator[](std::uint32_t index) const noexcept {
    return *reinterpret_cast<const ContextRecord*>(address(index));
  }

  /// To be called some time before the record is read.
  void prefetch(std::uint32_t index) const noexcept {
    const std::byte* record = address(index);
    for (int line = 0; line < 4; ++line) __builtin_prefetch(record + 64 * line);
  }

  /// Room for a record of `bytes`; its index into `index`. Throws std::bad_alloc beyond the budget.
  std::byte* allocate(std::size_t bytes, MemoryBudget& budget, std::uint32_t& index) {
    const std::uint32_t units = static_cast<std::uint32_t>((bytes + unit_bytes - 1) / unit_bytes);
    if (slabs_.empty() || next_ + units > slab_units) {
      slabs_.emplace_back(slab_units * unit_bytes);
      next_ = 0;
    }
    if (budget.taken.fetch_add(units * unit_bytes, std::memory_order_relaxed) > budget.limit) {
      throw std::bad_alloc();
    }
    index = static_cast<std::uint32_t>(slabs_.size() - 1) * slab_units + next_;
    std::byte* room = slabs_.back().get() + std::size_t{next_} * unit_bytes;
    next_ += units;
    return room;
  }

 private:
  const std::byte* address(std::uint32_t index) const noexcept {
    return slabs_[index / slab_units].get() + std::size_t{index % slab_units} * unit_bytes;
  }

  static constexpr std::size_t unit_bytes = 16;
  static constexpr std::uint32_t slab_units = 1u << 19;  // 8 MB: the largest record has 5 MB

  std::vector<BigBuffer<std::byte>> slabs_;
  std::uint32_t next_ = 0;
};

/// The part of a tree below one byte of context (or all of it, where contexts have no bytes).
struct ContextShard {
  RecordArena records;
  ContextChild top{};  ///< its edge is the shard's byte
  bool empty = true;
};

/// A fold that can also do again a part of a context's binary nodes (MarkovFold).
template <typename Fold>
concept Refolding = requires { Fold::most_narrow; };

/// Writes the record of a context that is complete: a node, its children, their messages. Its index into
/// `index`. Throws std::bad_alloc beyond the budget.
template <typename Fold>
void write_record(const Fold& fold, const typename Fold::Node& node, std::uint32_t witness,
                  const std::vector<ContextChild>& children, const std::vector<std::uint8_t>& messages,
                  RecordArena& records, MemoryBudget& budget, std::uint32_t& index) {
  std::vector<ExtensionMessages> extensions;
  std::size_t column_bytes = 0;
  if constexpr (Refolding<Fold>) {
    if (node.depth < fold.depth() && children.size() >= least_columned) {
      const std::uint8_t* next = messages.data();
      for (const ContextChild& child : children) {
        extensions.push_back({next, {}, child.slots, child.symbol, ExtensionOrigin::kept});
        if (child.is_record()) next += Fold::message_bytes(child.slots);
      }
      column_bytes = fold.column_bytes(node, extensions.data(), static_cast<int>(extensions.size()));
    }
  }
  const std::size_t child_bytes = sizeof(ContextChild) * children.size();
  std::byte* out =
      records.allocate(sizeof(ContextRecord) + child_bytes + messages.size() + column_bytes, budget, index);
  new (out) ContextRecord{witness, static_cast<std::uint16_t>(children.size()),
                          static_cast<std::uint8_t>(node.depth)};
  out += sizeof(ContextRecord);
  if (!children.empty()) std::memcpy(out, children.data(), child_bytes);
  out += child_bytes;
  if (!messages.empty()) std::memcpy(out, messages.data(), messages.size());
  if constexpr (Refolding<Fold>) {
    if (column_bytes != 0) {
      fold.write_columns(node, extensions.data(), static_cast<int>(extensions.size()), messages.data(),
                         reinterpret_cast<std::uint8_t*>(out + messages.size()));
    }
  }
}

/// Writes the records of sorted contexts, folding them: the Weighting of fold_stack.inl.
template <typename Fold>
class ContextRecorder {
 public:
  using Node = typename Fold::Node;

  ContextRecorder(const Fold& fold, const std::uint8_t* text, MemoryBudget& budget)
      : fold_(fold), text_(text), budget_(budget), nodes_(new Node[fold_nodes]), pending_(fold_nodes) {}

  /// Records `count` > 0 positions, in the low halves of `items`, that share `known` context bytes. Where
  /// there are several, top() is the node of the topmost context afterwards.
  void record(ContextShard& shard, std::uint64_t* items, std::uint32_t count, int known) {
    shard_ = &shard;
    items_ = items;
    next_ = 0;
    shared_.resize(count + std::size_t{1});
    sort_contexts(text_, items, count, reinterpret_cast<std::uint8_t*>(shared_.data()), known, fold_.depth());
    shared_[0] = shared_[count] = -1;
    stack_ = {nodes_.get(), {}, -1, -1};
    for (int i = 0; i < fold_nodes; ++i) stack_.order[i] = static_cast<std::int16_t>(i);
    fold_stack::feed_sorted(stack_, *this, text_, items, shared_.data(), count);
    shard.empty = false;
    shard.top = stack_.top < 0 ? leaf(position(0)) : seal(top());
    shard.top.edge = known > 0 ? text_[position(0) - 1] : 0;
  }

  const Node& top() const noexcept { return nodes_[stack_.order[0]]; }

  // ---- the weighting ----

  void open(Node& node, int depth) {
    fold_.open(node, depth);
    pending_of(node).clear();
  }

  void absorb_leaf(Node& node, int symbol) {
    const std::uint32_t at = position(next_++);
    Pending& pending = pending_of(node);
    if (pending.children.empty()) pending.witness = at;
    fold_.absorb_leaf(node, symbol, 1);
    if (node.depth == fold_.depth()) return count(pending, symbol);
    ContextChild child = leaf(at);
    child.edge = text_[at - 1 - node.depth];
    pending.children.push_back(child);
  }

  void absorb(Node& parent, const Node& child) {
    const std::uint32_t witness = pending_of(child).witness;
    ContextChild entry = seal(child);
    entry.edge = text_[witness - 1 - parent.depth];
    Pending& pending = pending_of(parent);
    if (pending.children.empty()) pending.witness = witness;
    pending.children.push_back(entry);
    const std::size_t before = pending.messages.size();
    pending.messages.resize(before + Fold::message_bytes(entry.slots));
    std::uint8_t* messages = pending.messages.data() + before;
    fold_.write_messages(child, parent.depth, messages);
    fold_.absorb_messages(parent, entry.slots, entry.symbol, messages);
  }

 private:
  // What belongs to the record of an open node.
  struct Pending {
    std::vector<ContextChild> children;
    std::vector<std::uint8_t> messages;
    std::uint32_t witness = 0;

    void clear() noexcept {
      children.clear();
      messages.clear();
    }
  };

  std::uint32_t position(std::uint32_t i) const noexcept { return static_cast<std::uint32_t>(items_[i]); }
  Pending& pending_of(const Node& node) noexcept { return pending_[&node - nodes_.get()]; }

  ContextChild leaf(std::uint32_t at) const noexcept { return {at, 0, text_[at], 0}; }

  // Below a context of full length symbols come in order.
  static void count(Pending& pending, int symbol) {
    const std::uint8_t seen = static_cast<std::uint8_t>(symbol);
    if (!pending.children.empty() && pending.children.back().symbol == seen) {
      ++pending.children.back().index;
    } else {
      pending.children.push_back({1, 0, seen, 0});
    }
  }

  // Writes the record of a node that is complete.
  ContextChild seal(const Node& node) {
    const Pending& pending = pending_of(node);
    ContextChild entry{};
    write_record(fold_, node, pending.witness, pending.children, pending.messages, shard_->records, budget_,
                 entry.index);
    entry.slots = static_cast<std::uint8_t>(fold_.slot_count(node));
    entry.symbol = static_cast<std::uint8_t>(std::max(node.symbol, 0));
    return entry;
  }

  const Fold& fold_;
  const std::uint8_t* text_;
  MemoryBudget& budget_;
  std::unique_ptr<Node[]> nodes_;
  std::vector<Pending> pending_;
  std::vector<std::int8_t> shared_;
  FoldStack<Node> stack_{};
  ContextShard* shard_ = nullptr;
  const std::uint64_t* items_ = nullptr;
  std::uint32_t next_ = 0;
};

}  // namespace skm
