// Folds a document into the recorded tree of a reference: only contexts on the document's paths are folded
// again, from the messages that the others keep. Every context takes its extensions in the order in which a
// fold of both texts together takes them, so the result has the same bits.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "context_record.hpp"
#include "simd/context_tree.hpp"
#include "simd/fold_stack.hpp"
#include "skm/context_sort.hpp"
#include "skm/context_tree.hpp"

namespace skm {

/// A reference's tree, as a merge reads it. Below the root, records lie in the shard of their first byte.
struct ContextTreeView {
  const std::uint8_t* text;
  const RecordArena* top_records;  ///< where `top` lies; nullptr for an empty reference
  const ContextChild* top;
  const ContextShard* shards;  ///< where the children of the root lie; nullptr if `top` is no root of shards
};

/// How many context bytes two positions have in common, at most `depth`.
inline int common_context(const std::uint8_t* a, const std::uint8_t* b, int depth) noexcept {
  static_assert(std::endian::native == std::endian::little);
  for (int d = 0; d < depth; d += 8) {
    std::uint64_t x;
    std::uint64_t y;
    std::memcpy(&x, a - d - 8, 8);
    std::memcpy(&y, b - d - 8, 8);
    if (x != y) return std::min(d + (std::countl_zero(x ^ y) >> 3), depth);
  }
  return depth;
}

/// Bytes for messages, given back in reverse order.
class MessageStack {
 public:
  struct Mark {
    std::size_t chunk = 0;
    std::size_t used = 0;
  };

  Mark mark() const noexcept { return top_; }
  void release(Mark mark) noexcept { top_ = mark; }

  /// `bytes` <= 32768. Throws std::bad_alloc.
  std::uint8_t* allocate(std::size_t bytes) {
    if (chunks_.empty() || top_.used + bytes > chunk_bytes) {
      const std::size_t next = chunks_.empty() ? 0 : top_.chunk + 1;
      if (next == chunks_.size()) chunks_.emplace_back(new std::uint8_t[chunk_bytes]);
      top_ = {next, 0};
    }
    std::uint8_t* room = chunks_[top_.chunk].get() + top_.used;
    top_.used += bytes;
    return room;
  }

 private:
  static constexpr std::size_t chunk_bytes = 1 << 20;

  std::vector<std::unique_ptr<std::uint8_t[]>> chunks_;
  Mark top_;
};

/// One thread's room for merging documents.
template <typename Fold>
class ContextMerge {
 public:
  using Node = typename Fold::Node;

  ContextMerge(const Fold& fold, const ContextTreeView& tree)
      : fold_(fold), tree_(tree), nodes_(new Node[fold_nodes]) {}

  /// Code length of the reference and the segments of `text` as one corpus. Throws std::bad_alloc.
  double joint_bits(const std::uint8_t* text, const Segment* segments, std::size_t segment_count) {
    text_ = text;
    items_.clear();
    for (std::size_t s = 0; s < segment_count; ++s) {
      for (std::uint64_t i = segments[s].begin; i < segments[s].end; ++i) items_.push_back(i);
    }
    const std::uint32_t count = static_cast<std::uint32_t>(items_.size());
    shared_.resize(count + std::size_t{1});
    sort_contexts(text, items_.data(), count, shared_.data(), 0, fold_.depth());
    begin_fold();
    if (tree_.top == nullptr) {
      take_positions(0, count, none);
    } else {
      take(*tree_.top_records, *tree_.top, tree_.shards, {0, count}, none);
    }
    flush(none);
    if (stack_.top >= 0) return fold_.root_bits(nodes_[stack_.order[0]]);
    return stack_.last_symbol < 0 ? 0.0 : 8.0;  // one byte: its bits are even, by symmetry
  }

  // ---- parts of a document that leave the reference's paths, for ContextBatch ----

  /// What an extension of the reference sends to a context of length `depth` once it has the document's
  /// positions `items` below it too, in context order. Its messages lie in `room`.
  ExtensionMessages fold_child(const std::uint8_t* text, const std::uint64_t* items, std::uint32_t count,
                               const RecordArena& records, const ContextChild& child, int depth,
                               MessageStack& room) {
    take_items(text, items, count);
    begin_fold();
    take(records, child, nullptr, {0, count}, none);
    return folded(depth, room, ExtensionOrigin::replaced);
  }

  /// The same of an extension that the reference does not have.
  ExtensionMessages fold_positions(const std::uint8_t* text, const std::uint64_t* items, std::uint32_t count,
                                   int depth, MessageStack& room) {
    if (count == 1) {
      const std::uint8_t symbol = text[static_cast<std::uint32_t>(items[0])];
      ExtensionMessages leaf{nullptr, {}, 0, symbol, ExtensionOrigin::added};
      for (int v = (256 | symbol) >> 1; v > 0; v >>= 1) leaf.changed[v >> 6] |= std::uint64_t{1} << (v & 63);
      return leaf;
    }
    take_items(text, items, count);
    begin_fold();
    take_positions(0, count, none);
    return folded(depth, room, ExtensionOrigin::added);
  }

  /// Slots and symbol of the node, and room for its messages.
  std::uint8_t* describe(const Node& node, MessageStack& room, ExtensionMessages& result) const {
    result.slots = static_cast<std::uint8_t>(fold_.slot_count(node));
    result.symbol = static_cast<std::uint8_t>(std::max(node.symbol, 0));
    std::uint8_t* out = room.allocate(Fold::message_bytes(result.slots));
    result.messages = out;
    return out;
  }

  // Positions of the document, in context order.
  struct Range {
    std::uint32_t begin;
    std::uint32_t end;
  };

 private:
  static constexpr int none = -1;
  static constexpr int prefetch_distance = 512;  // bytes of messages

  const std::uint8_t* at(std::uint32_t i) const noexcept {
    return text_ + static_cast<std::uint32_t>(items_[i]);
  }
  Node& open_node() noexcept { return nodes_[stack_.order[stack_.top]]; }

  void begin_fold() noexcept {
    stack_ = {nodes_.get(), {}, -1, -1};
    for (int i = 0; i < fold_nodes; ++i) stack_.order[i] = static_cast<std::int16_t>(i);
    waiting_ = none;
  }

  // ---- the fold: leaves wait until it is known what they share with their successor ----

  // Everything that was taken so far shares at most `after` bytes with what comes next.
  void flush(int after) {
    if (waiting_ >= 0) {
      const int depth = std::max(shared_before_, after);
      if (depth < 0) {
        stack_.last_symbol = waiting_;
        return;
      }
      if (stack_.top < 0 || open_node().depth < depth) open(depth);
      fold_.absorb_leaf(open_node(), waiting_, 1);
      waiting_ = none;
    }
    if (stack_.top >= 0) fold_stack::close_to(stack_, fold_, after);
  }

  void open(int depth) {
    ++stack_.top;
    fold_.open(open_node(), depth);
  }

  void take_leaf(int symbol, int before) {
    flush(before);
    waiting_ = symbol;
    shared_before_ = before;
  }

  // Positions of the document that the reference has nothing to do with; the first shares `before` bytes with
  // what was taken last.
  void take_positions(std::uint32_t begin, std::uint32_t end, int before) {
    for (std::uint32_t i = begin; i < end; ++i) {
      take_leaf(*at(i), before);
      if (i + 1 < end) before = shared_[i + 1];
    }
  }

  // ---- the reference's tree ----

  // A part of the reference together with the document's positions in `range` that may lie in it; `before` as
  // in take_positions.
  void take(const RecordArena& records, const ContextChild& child, const ContextShard* shards, Range range,
            int before) {
    if (!child.is_record()) return take_beside_position(child, range, before);
    const ContextRecord& record = records[child.index];
    const std::uint8_t* witness = tree_.text + record.witness;
    const int depth = record.depth;
    // Positions that leave the edge above the record, on its left and on its right.
    std::uint32_t left = range.begin;
    int shared = none;
    int left_shared = before;
    for (; left < range.end; ++left) {
      shared = common_context(at(left), witness, depth);
      if (shared == depth || at(left)[-1 - shared] > witness[-1 - shared]) break;
      take_leaf(*at(left), left == range.begin ? before : shared_[left]);
      left_shared = shared;
    }
    std::uint32_t right = left;
    for (; right < range.end; ++right) {
      shared = common_context(at(right), witness, depth);
      if (shared < depth) break;
    }
    flush(left_shared);
    open(depth);
    if (depth == fold_.depth()) {
      take_counts(record, {left, right});
    } else {
      take_children(records, record, shards, {left, right});
    }
    if (right < range.end) take_positions(right, range.end, shared);
  }

  // A context of the reference that nothing else in it shares.
  void take_beside_position(const ContextChild& child, Range range, int before) {
    const std::uint8_t* other = tree_.text + child.index;
    std::uint32_t i = range.begin;
    int shared = none;
    for (; i < range.end; ++i) {
      shared = common_context(at(i), other, fold_.depth());
      const bool precedes =
          shared == fold_.depth() ? *at(i) < *other : at(i)[-1 - shared] < other[-1 - shared];
      if (!precedes) break;
      take_leaf(*at(i), i == range.begin ? before : shared_[i]);
      before = shared;
    }
    take_leaf(child.symbol, before);
    if (i < range.end) take_positions(i, range.end, shared);
  }

  void take_children(const RecordArena& records, const ContextRecord& record, const ContextShard* shards,
                     Range range) {
    const int depth = record.depth;
    const std::uint8_t* messages = record.messages();
    prefetch_touched(records, record, shards, range);
    std::uint32_t next = range.begin;
    for (int c = 0; c < record.child_count; ++c) {
      const ContextChild& child = record.children()[c];
      while (next < range.end && at(next)[-1 - depth] < child.edge) {
        const std::uint32_t end = end_of_group(next, range.end, depth);
        take_positions(next, end, depth);
        next = end;
      }
      if (next < range.end && at(next)[-1 - depth] == child.edge) {
        const std::uint32_t end = end_of_group(next, range.end, depth);
        take(shards == nullptr ? records : shards[child.edge].records, child, nullptr, {next, end}, depth);
        next = end;
      } else {
        flush(depth);
        if (child.is_record()) {
          __builtin_prefetch(messages + prefetch_distance);
          __builtin_prefetch(messages + prefetch_distance + 64);
          fold_.absorb_messages(open_node(), child.slots, child.symbol, messages);
        } else {
          fold_.absorb_leaf(open_node(), child.symbol, 1);
        }
      }
      if (child.is_record()) messages += Fold::message_bytes(child.slots);
    }
    if (next < range.end) take_positions(next, range.end, depth);
  }

  // Records that the document's positions lead to will be wanted while those before them are folded.
  void prefetch_touched(const RecordArena& records, const ContextRecord& record, const ContextShard* shards,
                        Range range) const noexcept {
    std::uint32_t next = range.begin;
    for (int c = 0; c < record.child_count && next < range.end; ++c) {
      const ContextChild& child = record.children()[c];
      while (next < range.end && at(next)[-1 - record.depth] < child.edge) ++next;
      if (next == range.end || at(next)[-1 - record.depth] != child.edge) continue;
      if (child.is_record()) {
        (shards == nullptr ? records : shards[child.edge].records).prefetch(child.index);
      } else {
        __builtin_prefetch(tree_.text + child.index - 8);
      }
    }
  }

  // Contexts of full length: only the symbols' counts matter.
  void take_counts(const ContextRecord& record, Range range) {
    std::uint32_t next = range.begin;
    for (int c = 0; c < record.child_count; ++c) {
      const ContextChild& child = record.children()[c];
      std::uint64_t count = child.index;
      for (; next < range.end && *at(next) <= child.symbol; ++next) {
        if (*at(next) == child.symbol) {
          ++count;
        } else {
          fold_.absorb_leaf(open_node(), *at(next), 1);
        }
      }
      fold_.absorb_leaf(open_node(), child.symbol, count);
    }
    for (; next < range.end; ++next) fold_.absorb_leaf(open_node(), *at(next), 1);
  }

  // End of the positions that share more than `depth` bytes with the one at `begin`.
  std::uint32_t end_of_group(std::uint32_t begin, std::uint32_t end, int depth) const noexcept {
    std::uint32_t i = begin + 1;
    while (i < end && shared_[i] > depth) ++i;
    return i;
  }

  // Positions that are in context order already.
  void take_items(const std::uint8_t* text, const std::uint64_t* items, std::uint32_t count) {
    text_ = text;
    items_.assign(items, items + count);
    shared_.resize(count + std::size_t{1});
    for (std::uint32_t i = 1; i < count; ++i) {
      shared_[i] = static_cast<std::uint8_t>(common_context(at(i - 1), at(i), fold_.depth()));
    }
  }

  // What the topmost context of a fold that is complete sends to a context of length `depth`.
  ExtensionMessages folded(int depth, MessageStack& room, ExtensionOrigin origin) {
    flush(none);
    const Node& top = nodes_[stack_.order[0]];
    ExtensionMessages result{};
    result.origin = origin;
    std::copy(top.used, top.used + 4, result.changed);
    fold_.write_messages(top, depth, describe(top, room, result));
    return result;
  }

  const Fold& fold_;
  const ContextTreeView& tree_;
  std::unique_ptr<Node[]> nodes_;
  FoldStack<Node> stack_{};
  int waiting_ = none;  ///< symbol of the leaf that was taken last, if it is not yet folded
  int shared_before_ = none;
  const std::uint8_t* text_ = nullptr;
  std::vector<std::uint64_t> items_;
  std::vector<std::uint8_t> shared_;
};

}  // namespace skm
