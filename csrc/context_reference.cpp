// The tree of a reference corpus: its shards are recorded by threads, a byte of context each, and meet at the
// root; documents are merged by threads, one at a time each.
#include "skm/context_reference.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <numeric>
#include <vector>

#include "context_batch.hpp"
#include "context_merge.hpp"
#include "context_record.hpp"
#include "ctw_fold.hpp"
#include "markov_fold.hpp"
#include "skm/parallel.hpp"

namespace skm {
namespace {

constexpr int shard_count = 256;

// Positions of a text by the last byte of their contexts.
struct ByLastByte {
  std::array<std::uint64_t, shard_count + 1> start{};
  std::unique_ptr<std::uint32_t[]> positions;
};

template <typename Visit>
void for_each_position(const Segment* segments, std::size_t segment_count, Visit visit) {
  for (std::size_t s = 0; s < segment_count; ++s) {
    for (std::uint64_t i = segments[s].begin; i < segments[s].end; ++i) visit(i);
  }
}

ByLastByte by_last_byte(const std::uint8_t* text, const Segment* segments, std::size_t segment_count,
                        int depth) {
  ByLastByte sorted;
  const auto byte_of = [&](std::uint64_t i) { return depth == 0 ? 0 : text[i - 1]; };
  for_each_position(segments, segment_count, [&](std::uint64_t i) { ++sorted.start[byte_of(i) + 1]; });
  std::partial_sum(sorted.start.begin(), sorted.start.end(), sorted.start.begin());
  sorted.positions.reset(new std::uint32_t[sorted.start.back()]);
  auto next = sorted.start;
  for_each_position(segments, segment_count, [&](std::uint64_t i) {
    sorted.positions[next[byte_of(i)]++] = static_cast<std::uint32_t>(i);
  });
  return sorted;
}

// Documents that one walk of the tree takes together have this many bytes. More share more of the walk, but
// take about 100 bytes of room each.
constexpr std::uint64_t batch_bytes = std::uint64_t{1} << 19;
constexpr std::uint64_t least_batch_bytes = std::uint64_t{1} << 14;

// Where batches of documents end: of neighbours in ascending order, as large as may be, several for each
// thread.
std::vector<std::size_t> batch_ends(const Segment* segments, std::size_t segment_count, int threads) {
  std::uint64_t total = 0;
  for (std::size_t s = 0; s < segment_count; ++s) total += segments[s].end - segments[s].begin;
  const std::uint64_t share =
      std::clamp<std::uint64_t>(total / (4 * threads), least_batch_bytes, batch_bytes);
  std::vector<std::size_t> ends;
  std::uint64_t size = 0;
  for (std::size_t s = 0; s < segment_count; ++s) {
    size += segments[s].end - segments[s].begin;
    const bool last = s + 1 == segment_count;
    if (last || size >= share || segments[s + 1].begin < segments[s].end) {
      ends.push_back(s + 1);
      size = 0;
    }
  }
  return ends;
}

template <typename Fold>
class FoldedReference final : public ContextReference {
 public:
  FoldedReference(const Fold& fold, const std::uint8_t* text, const Segment* segments,
                  std::size_t segment_count, const ContextTreeOptions& options)
      : fold_(fold), text_(text), shards_(shard_count) {
    budget_.limit = options.memory;
    const ByLastByte sorted = by_last_byte(text, segments, segment_count, fold_.depth());
    std::array<std::vector<std::uint8_t>, shard_count> messages;  // of the shards' topmost contexts
    record_shards(sorted, options, messages);
    join(messages);
    bits_ = joint_bits(text_, nullptr, 0, {});
  }

  double bits() const noexcept override { return bits_; }
  std::uint64_t memory() const noexcept override { return budget_.taken.load(); }

  double joint_bits(const std::uint8_t* text, const Segment* segments, std::size_t segment_count,
                    const ContextTreeOptions& options) const override {
    if constexpr (Refolding<Fold>) {
      if (ContextBatch<Fold>::can_walk(fold_, view_)) {
        double joint = 0.0;
        ContextBatch<Fold>(fold_, view_).joint_bits(text, segments, segment_count, options.watch, joint);
        return joint;
      }
    }
    std::uint64_t bytes = 0;
    for (std::size_t s = 0; s < segment_count; ++s) bytes += segments[s].end - segments[s].begin;
    const double bits = ContextMerge<Fold>(fold_, view_).joint_bits(text, segments, segment_count);
    options.watch.advance(bytes);
    return bits;
  }

  void joint_bits_each(const std::uint8_t* text, const Segment* segments, std::size_t segment_count,
                       const ContextTreeOptions& options, double* joint) const override {
    if constexpr (Refolding<Fold>) {
      if (ContextBatch<Fold>::can_walk(fold_, view_)) {
        return each_in_batches(text, segments, segment_count, options, joint);
      }
    }
    std::atomic<std::size_t> taken{0};
    const int threads = static_cast<int>(std::min<std::size_t>(options.threads, segment_count));
    run_threads(threads, [&] {
      ContextMerge<Fold> merge(fold_, view_);
      for (std::size_t s; (s = taken.fetch_add(1)) < segment_count && !options.watch.cancelled();) {
        joint[s] = merge.joint_bits(text, segments + s, 1);
        options.watch.advance(segments[s].end - segments[s].begin);
      }
    });
  }

 private:
  void each_in_batches(const std::uint8_t* text, const Segment* segments, std::size_t segment_count,
                       const ContextTreeOptions& options, double* joint) const {
    const std::vector<std::size_t> ends = batch_ends(segments, segment_count, options.threads);
    std::atomic<std::size_t> taken{0};
    run_threads(static_cast<int>(std::min<std::size_t>(options.threads, ends.size())), [&] {
      ContextBatch<Fold> batch(fold_, view_);
      for (std::size_t b; (b = taken.fetch_add(1)) < ends.size() && !options.watch.cancelled();) {
        const std::size_t begin = b == 0 ? 0 : ends[b - 1];
        batch.joint_bits_each(text, segments + begin, ends[b] - begin, options.watch, joint + begin);
      }
    });
  }

  void record_shards(const ByLastByte& sorted, const ContextTreeOptions& options,
                     std::array<std::vector<std::uint8_t>, shard_count>& messages) {
    const auto size_of = [&](int b) { return sorted.start[b + 1] - sorted.start[b]; };
    std::array<int, shard_count> order;
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return size_of(a) > size_of(b); });
    std::atomic<int> taken{0};
    run_threads(options.threads, [&] {
      ContextRecorder<Fold> recorder(fold_, text_, budget_);
      std::vector<std::uint64_t> items;
      for (int k; (k = taken.fetch_add(1)) < shard_count && !options.watch.cancelled();) {
        const int byte = order[k];
        if (size_of(byte) == 0) break;  // the others have no positions either
        items.assign(&sorted.positions[sorted.start[byte]], &sorted.positions[sorted.start[byte + 1]]);
        ContextShard& shard = shards_[byte];
        recorder.record(shard, items.data(), static_cast<std::uint32_t>(items.size()),
                        std::min(fold_.depth(), 1));
        if (shard.top.is_record()) {
          messages[byte].resize(Fold::message_bytes(shard.top.slots));
          if (fold_.depth() > 0) fold_.write_messages(recorder.top(), 0, messages[byte].data());
        }
        options.watch.advance(items.size());
      }
    });
  }

  // The shards meet at the context of length zero, if there are several.
  void join(const std::array<std::vector<std::uint8_t>, shard_count>& messages) {
    std::vector<ContextChild> children;
    std::vector<std::uint8_t> all;
    for (int b = 0; b < shard_count; ++b) {
      if (shards_[b].empty) continue;
      children.push_back(shards_[b].top);
      all.insert(all.end(), messages[b].begin(), messages[b].end());
    }
    view_ = {text_, nullptr, nullptr, nullptr};
    if (children.empty()) return;
    if (children.size() == 1) {
      ContextShard& shard = shards_[children[0].edge];
      view_.top_records = &shard.records;
      view_.top = &shard.top;
      return;
    }
    const auto node = std::make_unique<typename Fold::Node>();
    fold_.open(*node, 0);
    const std::uint8_t* next = all.data();
    for (const ContextChild& child : children) {
      if (child.is_record()) {
        fold_.absorb_messages(*node, child.slots, child.symbol, next);
        next += Fold::message_bytes(child.slots);
      } else {
        fold_.absorb_leaf(*node, child.symbol, 1);
      }
    }
    top_.slots = 1;
    write_record(fold_, *node, 0, children, all, root_, budget_, top_.index);
    view_ = {text_, &root_, &top_, shards_.data()};
  }

  Fold fold_;
  const std::uint8_t* text_;
  MemoryBudget budget_;
  std::vector<ContextShard> shards_;
  RecordArena root_;
  ContextChild top_{};
  ContextTreeView view_{};
  double bits_ = 0.0;
};

}  // namespace

std::unique_ptr<ContextReference> make_context_reference(const TreeModel& model, const std::uint8_t* text,
                                                         const Segment* segments, std::size_t segment_count,
                                                         const ContextTreeOptions& options) {
  return std::make_unique<FoldedReference<MarkovFold>>(MarkovFold(model), text, segments, segment_count,
                                                       options);
}

std::unique_ptr<ContextReference> make_ctw_reference(const CtwParameters& parameters,
                                                     const std::uint8_t* text, const Segment* segments,
                                                     std::size_t segment_count,
                                                     const ContextTreeOptions& options) {
  return std::make_unique<FoldedReference<CtwFold>>(CtwFold(parameters), text, segments, segment_count,
                                                    options);
}

}  // namespace skm
