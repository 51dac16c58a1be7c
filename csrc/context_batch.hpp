// Folds many documents into the recorded tree of a reference, each alone with it, in one walk: a context is
// visited once with all documents that pass through it, so what it keeps is read from memory once for all of
// them. Only contexts on a document's paths are folded again, and of those only the binary nodes that
// changed, from the messages that the others keep.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "context_merge.hpp"
#include "context_record.hpp"
#include "simd/context_tree.hpp"
#include "skm/context_sort.hpp"
#include "skm/context_tree.hpp"

namespace skm {

/// One thread's room for folding batches of documents.
template <Refolding Fold>
class ContextBatch {
 public:
  using Node = typename Fold::Node;

  ContextBatch(const Fold& fold, const ContextTreeView& tree)
      : fold_(fold), tree_(tree), alone_(fold, tree), node_(new Node) {}

  /// Whether the tree can be walked so: all documents pass through its topmost context.
  static bool can_walk(const Fold& fold, const ContextTreeView& tree) noexcept {
    return fold.depth() > 0 && tree.top != nullptr && tree.top->is_record() &&
           (*tree.top_records)[tree.top->index].depth == 0;
  }

  /// joint[d] := code length of the reference and segment d of `text`, as one corpus. Segments are disjoint,
  /// in ascending order. Throws std::bad_alloc. When cancelled what is returned is meaningless.
  void joint_bits_each(const std::uint8_t* text, const Segment* segments, std::size_t segment_count,
                       const Watch& watch, double* joint) {
    sort(text, segments, segment_count);
    for (std::uint64_t& item : items_) {
      const Segment* next = std::upper_bound(
          segments, segments + segment_count, item,
          [](std::uint64_t position, const Segment& segment) { return position < segment.begin; });
      item |= static_cast<std::uint64_t>(next - segments - 1) << 32;
    }
    fold_documents(segment_count, watch, joint);
  }

  /// The same for all segments together, as one document. Segments in any order.
  void joint_bits(const std::uint8_t* text, const Segment* segments, std::size_t segment_count,
                  const Watch& watch, double& joint) {
    sort(text, segments, segment_count);
    fold_documents(1, watch, &joint);
  }

 private:
  using Range = typename ContextMerge<Fold>::Range;

  // ---- the documents' positions in context order: the document in the high half, the position in the low
  // ----

  void sort(const std::uint8_t* text, const Segment* segments, std::size_t segment_count) {
    text_ = text;
    items_.clear();
    for (std::size_t s = 0; s < segment_count; ++s) {
      for (std::uint64_t i = segments[s].begin; i < segments[s].end; ++i) items_.push_back(i);
    }
    shared_.resize(items_.size() + 1);
    sort_contexts(text_, items_.data(), size(), shared_.data(), 0, fold_.depth());
    for (std::uint64_t& item : items_) item = static_cast<std::uint32_t>(item);
  }

  std::uint32_t size() const noexcept { return static_cast<std::uint32_t>(items_.size()); }
  std::uint32_t document_of(std::uint32_t i) const noexcept {
    return static_cast<std::uint32_t>(items_[i] >> 32);
  }
  const std::uint8_t* at(std::uint32_t i) const noexcept {
    return text_ + static_cast<std::uint32_t>(items_[i]);
  }
  int edge_of(std::uint32_t i, int depth) const noexcept { return at(i)[-1 - depth]; }

  // End of the positions that share more than `depth` bytes with the one at `begin`.
  std::uint32_t end_of_group(std::uint32_t begin, std::uint32_t end, int depth) const noexcept {
    std::uint32_t i = begin + 1;
    while (i < end && shared_[i] > depth) ++i;
    return i;
  }

  // scratch_ := the items of a range that are wanted, document by document.
  template <typename Wanted>
  void copy_items(Range range, Wanted wanted) {
    scratch_.clear();
    bool mixed = false;
    for (std::uint32_t i = range.begin; i < range.end; ++i) {
      if (!wanted(items_[i])) continue;
      mixed |= !scratch_.empty() && items_[i] >> 32 < scratch_.back() >> 32;
      scratch_.push_back(items_[i]);
    }
    if (mixed) {
      std::stable_sort(scratch_.begin(), scratch_.end(),
                       [](std::uint64_t a, std::uint64_t b) { return a >> 32 < b >> 32; });
    }
  }

  // Calls visit(document, items, count) for each document in scratch_.
  template <typename Visit>
  void for_each_document(Visit visit) {
    for (std::size_t begin = 0; begin < scratch_.size();) {
      const std::uint64_t document = scratch_[begin] >> 32;
      std::size_t end = begin + 1;
      while (end < scratch_.size() && scratch_[end] >> 32 == document) ++end;
      visit(static_cast<std::uint32_t>(document), &scratch_[begin], static_cast<std::uint32_t>(end - begin));
      begin = end;
    }
  }

  // ---- the walk ----

  void fold_documents(std::size_t document_count, const Watch& watch, double* joint) {
    leaving_.assign(document_count, 0);
    fresh_.clear();
    kept_.clear();
    for (MessageStack& room : rooms_) room.release({});
    const ContextRecord& top = (*tree_.top_records)[tree_.top->index];
    fold_extensions(*tree_.top_records, top, tree_.shards, {0, size()}, 0, &watch);
    sort_by_document(0);
    KeptContext context = kept_context(top, 0);
    context.above = none;
    fold_.open_context(context);
    std::size_t next = 0;
    std::size_t begin = 0;
    const MessageStack::Mark mark = rooms_[1].mark();
    for (std::size_t d = 0; d < document_count; ++d) {
      for (begin = next; next < sorted_.size() && sorted_[next]->document == d;) ++next;
      add_change(context, begin, next, true, rooms_[1]);
      if (change_count_ < most_changes && d + 1 < document_count) continue;
      fold_.refold_changes(context, changes_, change_count_, *node_);
      for (int k = 0; k < change_count_; ++k) {
        joint[d + 1 - change_count_ + k] = fold_.changed_bits(changes_[k]);
      }
      change_count_ = 0;
      rooms_[1].release(mark);
    }
  }

  // Pushes what the documents change of a record's extensions, and the record's own. Messages of level n lie
  // in room n mod 2: those of a context's extensions are needed until its own messages are written.
  void fold_extensions(const RecordArena& records, const ContextRecord& record, const ContextShard* shards,
                       Range range, int level, const Watch* watch) {
    const int depth = record.depth;
    const std::uint8_t* messages = record.messages();
    prefetch_touched(records, record, shards, range);
    std::uint32_t next = range.begin;
    const auto take_new = [&](int edge, int place) {  // extensions before `edge` that the reference has not
      while (next < range.end && edge_of(next, depth) < edge) {
        const std::uint32_t end = end_of_group(next, range.end, depth);
        add_extension({next, end}, depth, place, level);
        next = end;
      }
    };
    for (int c = 0; c < record.child_count; ++c) {
      const ContextChild& child = record.children()[c];
      take_new(child.edge, c);
      kept_.push_back({messages, {}, child.slots, child.symbol, ExtensionOrigin::kept});
      if (next < range.end && edge_of(next, depth) == child.edge) {
        const std::uint32_t end = end_of_group(next, range.end, depth);
        const RecordArena& below = shards == nullptr ? records : shards[child.edge].records;
        if (watch == nullptr || !watch->cancelled()) {
          fold_child(below, child, {next, end}, depth, kept_.back(), c, level);
        }
        if (watch != nullptr) watch->advance(end - next);
        next = end;
      }
      if (child.is_record()) messages += Fold::message_bytes(child.slots);
    }
    take_new(256, record.child_count);
  }

  // Records that the documents' positions lead to will be wanted while those before them are folded.
  void prefetch_touched(const RecordArena& records, const ContextRecord& record, const ContextShard* shards,
                        Range range) const noexcept {
    std::uint32_t next = range.begin;
    for (int c = 0; c < record.child_count && next < range.end; ++c) {
      const ContextChild& child = record.children()[c];
      while (next < range.end && edge_of(next, record.depth) < child.edge) ++next;
      if (next == range.end || edge_of(next, record.depth) != child.edge) continue;
      if (child.is_record()) {
        (shards == nullptr ? records : shards[child.edge].records).prefetch(child.index);
      } else {
        __builtin_prefetch(tree_.text + child.index - 8);
      }
    }
  }

  // An extension that the reference does not have.
  void add_extension(Range range, int depth, int place, int level) {
    copy_items(range, [](std::uint64_t) { return true; });
    for_each_document([&](std::uint32_t document, const std::uint64_t* items, std::uint32_t count) {
      add_fresh(document, place, alone_.fold_positions(text_, items, count, depth, rooms_[level & 1]));
    });
  }

  // The same of an extension of the reference, from the documents in scratch_, by folding all of it.
  void fold_apart(const RecordArena& records, const ContextChild& child, int depth, int place, int level) {
    for_each_document([&](std::uint32_t document, const std::uint64_t* items, std::uint32_t count) {
      add_fresh(document, place,
                alone_.fold_child(text_, items, count, records, child, depth, rooms_[level & 1]));
    });
  }

  // What an extension of the reference sends to a context of length `depth` once it has the positions too.
  void fold_child(const RecordArena& records, const ContextChild& child, Range range, int depth,
                  const ExtensionMessages before, int place, int level) {
    if (!child.is_record() || records[child.index].depth == fold_.depth()) {
      copy_items(range, [](std::uint64_t) { return true; });
      return fold_apart(records, child, depth, place, level);
    }
    const ContextRecord& record = records[child.index];
    const Range passing = passing_through(record, range);
    if (passing.begin != range.begin || passing.end != range.end) {
      range = part(records, child, range, passing, depth, place, level);
      if (range.begin == range.end) return;
    }
    const std::size_t fresh_base = fresh_.size();
    const std::size_t kept_base = kept_.size();
    MessageStack& below = rooms_[~level & 1];
    const MessageStack::Mark mark = below.mark();
    fold_extensions(records, record, nullptr, range, level + 1, nullptr);
    sort_by_document(fresh_base);
    KeptContext context = kept_context(record, kept_base);
    context.above = depth;
    context.sent = before;
    fold_.open_context(context);
    results_.clear();
    for (std::size_t begin = 0; begin < sorted_.size();) {
      std::size_t end = begin + 1;
      while (end < sorted_.size() && sorted_[end]->document == sorted_[begin]->document) ++end;
      const int extensions = record.child_count + added(begin, end);
      // A product of more extensions than are narrow has another form.
      const bool all = record.child_count <= Fold::most_narrow && extensions > Fold::most_narrow;
      add_change(context, begin, end, all, rooms_[level & 1]);
      begin = end;
      if (change_count_ == most_changes || begin == sorted_.size()) write_changes(context, place);
    }
    fresh_.resize(fresh_base);
    kept_.resize(kept_base);
    below.release(mark);
    fresh_.insert(fresh_.end(), results_.begin(), results_.end());
  }

  // The positions of `range` that share the whole context of a record, of which all of them share the first
  // byte at least.
  Range passing_through(const ContextRecord& record, Range range) const noexcept {
    const std::uint8_t* witness = tree_.text + record.witness;
    const auto passes = [&](std::uint32_t i) {
      return common_context(at(i), witness, record.depth) == record.depth;
    };
    if (passes(range.begin)) {
      std::uint32_t end = range.begin + 1;
      while (end < range.end && shared_[end] >= record.depth) ++end;
      return {range.begin, end};
    }
    std::uint32_t begin = range.begin + 1;
    // Where two neighbours differ before the record's end, at most one of them is on its path.
    while (begin < range.end && (shared_[begin] >= record.depth || !passes(begin))) ++begin;
    std::uint32_t end = std::min(begin + 1, range.end);
    while (end < range.end && shared_[end] >= record.depth) ++end;
    return {begin, end};
  }

  // Folds the documents apart that have positions beside the passing ones; the positions of the others.
  Range part(const RecordArena& records, const ContextChild& child, Range range, Range passing, int depth,
             int place, int level) {
    const auto mark_leaving = [&](std::uint32_t begin, std::uint32_t end, bool leaving) {
      for (std::uint32_t i = begin; i < end; ++i) leaving_[document_of(i)] = leaving;
    };
    mark_leaving(range.begin, passing.begin, true);
    mark_leaving(passing.end, range.end, true);
    copy_items(range, [&](std::uint64_t item) { return leaving_[item >> 32] != 0; });
    std::uint32_t end = passing.begin;
    std::uint8_t shared = 255;
    for (std::uint32_t i = passing.begin; i < passing.end; ++i) {
      if (i > passing.begin) shared = std::min(shared, shared_[i]);
      if (leaving_[document_of(i)]) continue;
      if (end > passing.begin) shared_[end] = shared;
      items_[end++] = items_[i];
      shared = 255;
    }
    for (const std::uint64_t item : scratch_) leaving_[item >> 32] = false;
    fold_apart(records, child, depth, place, level);
    return {passing.begin, end};
  }

  // ---- what the documents change of one context ----

  void add_fresh(std::uint32_t document, int place, const ExtensionMessages& messages) {
    fresh_.push_back({document, place, messages, {}});
    fold_.find_messages(fresh_.back());
  }

  // Fresh extensions above `base`, document by document, in the order of their contexts.
  void sort_by_document(std::size_t base) {
    keys_.clear();
    bool mixed = false;
    for (std::size_t i = base; i < fresh_.size(); ++i) {
      keys_.push_back(std::uint64_t{fresh_[i].document} << 32 | (i - base));
      mixed |= i > base && fresh_[i].document < fresh_[i - 1].document;
    }
    if (mixed) std::sort(keys_.begin(), keys_.end());
    sorted_.clear();
    for (const std::uint64_t key : keys_) {
      sorted_.push_back(&fresh_[base + static_cast<std::uint32_t>(key)]);
    }
  }

  // What a record keeps, its extensions being kept_[kept_base ...).
  KeptContext kept_context(const ContextRecord& record, std::size_t kept_base) const noexcept {
    KeptContext context{};
    context.extensions = &kept_[kept_base];
    context.count = record.child_count;
    context.depth = record.depth;
    context.messages = record.messages();
    if (record.child_count >= least_columned) {
      const ExtensionMessages& last = context.extensions[record.child_count - 1];
      context.columns = last.messages + (last.slots == 0 ? 0 : Fold::message_bytes(last.slots));
    }
    return context;
  }

  // Extensions among sorted_[begin ... end) that the reference does not have.
  int added(std::size_t begin, std::size_t end) const noexcept {
    return static_cast<int>(std::count_if(
        &sorted_[begin], &sorted_[begin] + (end - begin),
        [](const FreshExtension* fresh) { return fresh->messages.origin == ExtensionOrigin::added; }));
  }

  // What the document of sorted_[begin ... end) changes of the context, with room for its messages.
  void add_change(const KeptContext& context, std::size_t begin, std::size_t end, bool all,
                  MessageStack& room) {
    ContextChange& change = changes_[change_count_++];
    change.fresh = sorted_.data() + begin;
    change.fresh_count = static_cast<int>(end - begin);
    fold_.plan_change(context, all, change);
    change.trie.messages = room.allocate(message_slot_bytes * change.slots);
  }

  // Folds the context with each of the documents in `changes_`: what they change of the context above.
  void write_changes(const KeptContext& context, int place) {
    fold_.refold_changes(context, changes_, change_count_, *node_);
    for (int k = 0; k < change_count_; ++k) {
      const ContextChange& change = changes_[k];
      // Found by their trie alone, as only those that changed are there.
      ExtensionMessages messages{
          nullptr, {}, static_cast<std::uint8_t>(change.slots), 0, ExtensionOrigin::replaced};
      std::copy(change.changed, change.changed + 4, messages.changed);
      results_.push_back({(*change.fresh)->document, place, messages, change.trie});
    }
    change_count_ = 0;
  }

  static constexpr int none = -1;

  const Fold& fold_;
  const ContextTreeView& tree_;
  ContextMerge<Fold> alone_;
  std::unique_ptr<Node> node_;
  MessageStack rooms_[2];
  const std::uint8_t* text_ = nullptr;
  std::vector<std::uint64_t> items_;
  std::vector<std::uint8_t> shared_;
  std::vector<std::uint8_t> leaving_;    ///< [document]
  std::vector<FreshExtension> fresh_;    ///< of the contexts on the path, topmost first
  std::vector<ExtensionMessages> kept_;  ///< likewise: their extensions
  std::vector<const FreshExtension*> sorted_;
  std::vector<FreshExtension> results_;
  std::vector<std::uint64_t> scratch_;
  std::vector<std::uint64_t> keys_;
  ContextChange changes_[most_changes];
  int change_count_ = 0;
};

}  // namespace skm
