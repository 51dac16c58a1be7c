// Walks the context tree of a corpus range by range: histogram of the next two context bytes, as many ranges
// a pass as memory allows, threads over the ranges of a pass, then the ranges meet at their parent. What a
// context keeps and how contexts meet is the weighting's affair, a Fold:
//
//   Node                                     what has arrived at one context
//   depth()                                  longest context
//   open(node, depth)                        nothing has arrived yet
//   absorb(parent, child)                    a context's extensions are complete: it joins the next one above
//   absorb_leaf(parent, symbol, count)       contexts seen once below `parent`, all with this symbol
//   feed(stack, text, items, shared, count)  a run of sorted contexts (simd/fold_stack.hpp)
//   root_bits(node)                          code length of everything below the topmost node
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <numeric>
#include <vector>

#include "simd/fold_stack.hpp"
#include "skm/context_sort.hpp"
#include "skm/context_tree.hpp"
#include "skm/parallel.hpp"

namespace skm {

// Positions of a pass get at least this much, whatever the limit.
inline constexpr std::uint64_t smallest_pass = 1 << 20;

// Documents coded alone up to this size are sorted and folded by one thread, many at a time.
inline constexpr std::uint64_t small_document = 1 << 20;

// What is known of one range of contexts: nothing, one symbol seen once, or an open node.
template <typename Node>
struct ContextRange {
  std::unique_ptr<Node> node;
  int symbol = -1;

  bool empty() const noexcept { return node == nullptr && symbol < 0; }
};

// Where the positions go in one pass, by the two context bytes after the prefix.
struct ContextBuckets {
  std::vector<std::uint64_t> counts = std::vector<std::uint64_t>(65536);

  std::uint64_t range_size(int byte) const noexcept {
    return std::accumulate(counts.begin() + 256 * byte, counts.begin() + 256 * (byte + 1), std::uint64_t{0});
  }
  std::uint64_t largest(int byte) const noexcept {
    return *std::max_element(counts.begin() + 256 * byte, counts.begin() + 256 * (byte + 1));
  }
};

// What one thread needs to sort and fold.
template <typename Fold>
class Folder {
 public:
  using Node = typename Fold::Node;

  explicit Folder(const Fold& fold) : fold_(fold), nodes_(new Node[fold_nodes]) {}

  void begin() noexcept {
    stack_ = {nodes_.get(), {}, -1, -1};
    for (int i = 0; i < fold_nodes; ++i) stack_.order[i] = static_cast<std::int16_t>(i);
  }

  /// Room for `count` positions, to be put into the low halves.
  std::uint64_t* items(std::uint32_t count) {
    if (capacity_ < count) {
      items_.reset();
      shared_.reset();
      items_.reset(new std::uint64_t[count]);
      shared_.reset(new std::int8_t[count + std::size_t{1}]);
      capacity_ = count;
    }
    return items_.get();
  }

  /// Takes in the items, which share `known` context bytes; `before` and `after` are what the first and the
  /// last share with their neighbours outside, -1 where there are none.
  void feed(const std::uint8_t* text, std::uint32_t count, int known, int before, int after) noexcept {
    sort_contexts(text, items_.get(), count, reinterpret_cast<std::uint8_t*>(shared_.get()), known,
                  fold_.depth());
    shared_[0] = static_cast<std::int8_t>(before);
    shared_[count] = static_cast<std::int8_t>(after);
    fold_.feed(stack_, text, items_.get(), shared_.get(), count);
  }

  int symbol() const noexcept { return stack_.last_symbol; }
  const Node* node() const noexcept { return stack_.top < 0 ? nullptr : &nodes_[stack_.order[0]]; }

 private:
  const Fold& fold_;
  std::unique_ptr<Node[]> nodes_;
  FoldStack<Node> stack_;
  std::unique_ptr<std::uint64_t[]> items_;
  std::unique_ptr<std::int8_t[]> shared_;
  std::uint32_t capacity_ = 0;
};

template <typename Fold>
class ContextWalk {
 public:
  using Node = typename Fold::Node;
  using Range = ContextRange<Node>;

  ContextWalk(const Fold& fold, const std::uint8_t* text, const Segment* segments, std::size_t segment_count,
              const ContextTreeOptions& options)
      : fold_(fold), text_(text), segments_(segments), segment_count_(segment_count), options_(options) {}

  /// The range of all contexts that begin (nearest byte first) with prefix[0 ... depth).
  Range range_of(const std::uint8_t* prefix, int depth) const {
    if (depth == fold_.depth()) return fold_counts(prefix);
    const ContextBuckets buckets = count(prefix, depth);
    std::vector<Range> ranges(256);
    std::uint8_t extended[max_context_depth];
    std::copy(prefix, prefix + depth, extended);
    for (int first = 0; first < 256 && !options_.watch.cancelled();) {
      const int last = plan_pass(buckets, first);
      if (last == first) {  // too large for one pass: split it further
        extended[depth] = static_cast<std::uint8_t>(first);
        ranges[first] = range_of(extended, depth + 1);
        ++first;
        continue;
      }
      run_pass(prefix, depth, buckets, first, last, ranges);
      first = last;
    }
    return join(ranges, depth);
  }

 private:
  bool matches(std::uint64_t position, const std::uint8_t* prefix, int depth) const noexcept {
    for (int d = 0; d < depth; ++d) {
      if (text_[position - 1 - d] != prefix[d]) return false;
    }
    return true;
  }

  template <typename Visit>
  void scan(const std::uint8_t* prefix, int depth, Visit visit) const {
    for (std::size_t s = 0; s < segment_count_; ++s) {
      for (std::uint64_t i = segments_[s].begin; i < segments_[s].end; ++i) {
        if (depth == 0 || matches(i, prefix, depth)) visit(i);
      }
    }
  }

  // The two context bytes after `depth`, nearest first; bytes beyond the model's depth count as zero.
  unsigned bucket_of(std::uint64_t position, int depth) const noexcept {
    const unsigned near = text_[position - 1 - depth];
    const unsigned far = depth + 1 < fold_.depth() ? text_[position - 2 - depth] : 0;
    return near << 8 | far;
  }

  ContextBuckets count(const std::uint8_t* prefix, int depth) const {
    ContextBuckets buckets;
    scan(prefix, depth, [&](std::uint64_t i) { ++buckets.counts[bucket_of(i, depth)]; });
    return buckets;
  }

  // End of the pass that begins with range `first`: `first` itself when not even that one fits.
  int plan_pass(const ContextBuckets& buckets, int first) const noexcept {
    const std::uint64_t limit = std::max(options_.memory, context_tree_memory(options_.threads)) -
                                context_tree_memory(options_.threads) + smallest_pass;
    std::uint64_t positions = 0;
    std::uint64_t largest = 0;
    int last = first;
    for (; last < 256; ++last) {
      positions += buckets.range_size(last);
      largest = std::max(largest, buckets.largest(last));
      const std::uint64_t bytes = positions * sizeof(std::uint32_t) +
                                  options_.threads * largest * (sizeof(std::uint64_t) + sizeof(std::int8_t));
      if (bytes > limit) break;
    }
    return last;
  }

  void run_pass(const std::uint8_t* prefix, int depth, const ContextBuckets& buckets, int first, int last,
                std::vector<Range>& ranges) const {
    std::vector<std::uint64_t> start(256 * (last - first) + 1);
    for (int b = 0; b < 256 * (last - first); ++b) start[b + 1] = start[b] + buckets.counts[256 * first + b];
    const std::uint64_t total = start.back();
    if (total == 0) return;
    std::unique_ptr<std::uint32_t[]> positions(new std::uint32_t[total]);
    {
      std::vector<std::uint64_t> next(start.begin(), start.end() - 1);
      const unsigned low = 256u * first;
      const unsigned width = 256u * (last - first);
      scan(prefix, depth, [&](std::uint64_t i) {
        const unsigned bucket = bucket_of(i, depth) - low;
        if (bucket < width) positions[next[bucket]++] = static_cast<std::uint32_t>(i);
      });
    }
    std::vector<int> order(last - first);
    std::iota(order.begin(), order.end(), first);
    std::stable_sort(order.begin(), order.end(),
                     [&](int a, int b) { return buckets.range_size(a) > buckets.range_size(b); });
    std::atomic<std::size_t> taken{0};
    run_threads(std::min<int>(options_.threads, last - first), [&] {
      Folder<Fold> folder(fold_);
      for (std::size_t k; (k = taken.fetch_add(1)) < order.size() && !options_.watch.cancelled();) {
        const int byte = order[k];
        const std::uint64_t* bounds = start.data() + 256 * (byte - first);
        if (bounds[256] != bounds[0]) ranges[byte] = fold_range(folder, positions.get(), bounds, depth);
      }
    });
  }

  // One range: its 256 buckets in order, each sorted and folded.
  Range fold_range(Folder<Fold>& folder, const std::uint32_t* positions, const std::uint64_t* bounds,
                   int depth) const {
    folder.begin();
    const int known = std::min(depth + 2, fold_.depth());
    int before = -1;
    for (int b = 0; b < 256 && !options_.watch.cancelled(); ++b) {
      const std::uint32_t count = static_cast<std::uint32_t>(bounds[b + 1] - bounds[b]);
      if (count == 0) continue;
      std::uint64_t* items = folder.items(count);
      for (std::uint32_t i = 0; i < count; ++i) items[i] = positions[bounds[b] + i];
      const int after = bounds[b + 1] == bounds[256] ? -1 : depth + 1;
      folder.feed(text_, count, known, before, after);
      before = depth + 1;
      options_.watch.advance(count);
    }
    Range range;
    range.symbol = folder.symbol();
    if (folder.node() != nullptr) range.node.reset(new Node(*folder.node()));
    return range;
  }

  // Contexts equal to the model's depth: only the symbols' counts matter.
  Range fold_counts(const std::uint8_t* prefix) const {
    std::uint64_t counts[256] = {};
    scan(prefix, fold_.depth(), [&](std::uint64_t i) { ++counts[text_[i]]; });
    Range range;
    const std::uint64_t total = std::accumulate(counts, counts + 256, std::uint64_t{0});
    options_.watch.advance(total);
    if (total == 1) {
      range.symbol = static_cast<int>(std::find(counts, counts + 256, 1u) - counts);
    } else if (total > 1) {
      range.node = open(fold_.depth());
      for (int s = 0; s < 256; ++s) {
        if (counts[s] > 0) fold_.absorb_leaf(*range.node, s, counts[s]);
      }
    }
    return range;
  }

  std::unique_ptr<Node> open(int depth) const {
    std::unique_ptr<Node> node(new Node);
    fold_.open(*node, depth);
    return node;
  }

  // The ranges meet at the context they share; a context with one extension only is no node.
  Range join(std::vector<Range>& ranges, int depth) const {
    const auto occupied = [](const Range& range) { return !range.empty(); };
    const auto count = std::count_if(ranges.begin(), ranges.end(), occupied);
    if (count == 0) return {};
    if (count == 1) return std::move(*std::find_if(ranges.begin(), ranges.end(), occupied));
    Range joined;
    joined.node = open(depth);
    for (Range& range : ranges) {
      if (range.node != nullptr) {
        fold_.absorb(*joined.node, *range.node);
      } else if (range.symbol >= 0) {
        fold_.absorb_leaf(*joined.node, range.symbol, 1);
      }
      range.node.reset();
    }
    return joined;
  }

  const Fold& fold_;
  const std::uint8_t* text_;
  const Segment* segments_;
  std::size_t segment_count_;
  ContextTreeOptions options_;
};

template <typename Fold>
double root_bits(const Fold& fold, const typename Fold::Node* root, int symbol) noexcept {
  if (root != nullptr) return fold.root_bits(*root);
  return symbol < 0 ? 0.0 : 8.0;  // one byte: its bits are even, by symmetry
}

template <typename Fold>
double walk_bits(const Fold& fold, const std::uint8_t* text, const Segment* segments,
                 std::size_t segment_count, const ContextTreeOptions& options) {
  const std::uint8_t none = 0;
  const auto root = ContextWalk<Fold>(fold, text, segments, segment_count, options).range_of(&none, 0);
  return root_bits(fold, root.node.get(), root.symbol);
}

template <typename Fold>
void walk_bits_each(const Fold& fold, const std::uint8_t* text, const Segment* segments,
                    std::size_t segment_count, const ContextTreeOptions& options, double* bits) {
  const auto is_small = [&](std::size_t s) { return segments[s].end - segments[s].begin <= small_document; };
  std::atomic<std::size_t> taken{0};
  run_threads(options.threads, [&] {
    Folder<Fold> folder(fold);
    for (std::size_t s; (s = taken.fetch_add(1)) < segment_count && !options.watch.cancelled();) {
      const std::uint32_t count = static_cast<std::uint32_t>(segments[s].end - segments[s].begin);
      if (!is_small(s)) continue;
      folder.begin();
      std::uint64_t* items = folder.items(count);
      for (std::uint32_t i = 0; i < count; ++i) items[i] = segments[s].begin + i;
      if (count > 0) folder.feed(text, count, 0, -1, -1);
      bits[s] = root_bits(fold, folder.node(), folder.symbol());
      options.watch.advance(count);
    }
  });
  for (std::size_t s = 0; s < segment_count && !options.watch.cancelled(); ++s) {
    if (!is_small(s)) bits[s] = walk_bits(fold, text, segments + s, 1, options);
  }
}

}  // namespace skm
