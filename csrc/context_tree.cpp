// Walks the context tree of a corpus range by range: histogram of the next two context bytes, as many ranges a
// pass as memory allows, threads over the ranges of a pass, then the ranges' messages meet at their parent.
#include "skm/context_tree.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <numeric>
#include <thread>
#include <vector>

#include "simd/context_tree.hpp"
#include "skm/context_sort.hpp"
#include "skm/isa.hpp"

namespace skm {
namespace {

constexpr int fold_nodes = max_context_depth + 2;

// Positions of a pass get at least this much, whatever the limit.
constexpr std::uint64_t smallest_pass = 1 << 20;

const ContextTreeKernels& kernels() noexcept {
  switch (active_isa()) {
#if defined(SKM_X86)
    case Isa::avx512: return context_tree_kernels_avx512();
    case Isa::avx2: return context_tree_kernels_avx2();
#endif
    default: return context_tree_kernels_baseline();
  }
}

// What is known of one range of contexts: nothing, one symbol seen once, or an open node.
struct Range {
  std::unique_ptr<ContextNode> node;
  int symbol = -1;

  bool empty() const noexcept { return node == nullptr && symbol < 0; }
};

// Where the positions go in one pass, by the two context bytes after the prefix.
struct Buckets {
  std::vector<std::uint64_t> counts = std::vector<std::uint64_t>(65536);

  std::uint64_t range_size(int byte) const noexcept {
    return std::accumulate(counts.begin() + 256 * byte, counts.begin() + 256 * (byte + 1), std::uint64_t{0});
  }
  std::uint64_t largest(int byte) const noexcept {
    return *std::max_element(counts.begin() + 256 * byte, counts.begin() + 256 * (byte + 1));
  }
};

class Walk {
 public:
  Walk(const TreeModel& model, const std::uint8_t* text, const Segment* segments, std::size_t segment_count,
       const ContextTreeOptions& options)
      : view_{model.chain(), model.leaf(), model.depth()},
        text_(text),
        segments_(segments),
        segment_count_(segment_count),
        options_(options) {}

  /// The range of all contexts that begin (nearest byte first) with prefix[0 ... depth).
  Range fold(const std::uint8_t* prefix, int depth) {
    if (depth == view_.depth) return fold_counts(prefix);
    const Buckets buckets = count(prefix, depth);
    std::vector<Range> ranges(256);
    std::uint8_t extended[max_context_depth];
    std::copy(prefix, prefix + depth, extended);
    for (int first = 0; first < 256 && !cancelled();) {
      const int last = plan_pass(buckets, first);
      if (last == first) {  // too large for one pass: split it further
        extended[depth] = static_cast<std::uint8_t>(first);
        ranges[first] = fold(extended, depth + 1);
        ++first;
        continue;
      }
      run_pass(prefix, depth, buckets, first, last, ranges);
      first = last;
    }
    return join(ranges, depth);
  }

  const TreeModelView& view() const noexcept { return view_; }

 private:
  bool cancelled() const noexcept {
    return options_.cancel != nullptr && options_.cancel->load(std::memory_order_relaxed);
  }

  void advance(std::uint64_t positions) noexcept {
    if (options_.progress != nullptr) options_.progress->fetch_add(positions, std::memory_order_relaxed);
  }

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
    const unsigned far = depth + 1 < view_.depth ? text_[position - 2 - depth] : 0;
    return near << 8 | far;
  }

  Buckets count(const std::uint8_t* prefix, int depth) const {
    Buckets buckets;
    scan(prefix, depth, [&](std::uint64_t i) { ++buckets.counts[bucket_of(i, depth)]; });
    return buckets;
  }

  // End of the pass that begins with range `first`: `first` itself when not even that one fits.
  int plan_pass(const Buckets& buckets, int first) const noexcept {
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

  void run_pass(const std::uint8_t* prefix, int depth, const Buckets& buckets, int first, int last,
                std::vector<Range>& ranges) {
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
    const auto work = [&] {
      std::unique_ptr<ContextNode[]> nodes(new ContextNode[fold_nodes]);
      std::vector<std::uint64_t> items;
      std::vector<std::int8_t> shared;
      for (std::size_t k; (k = taken.fetch_add(1)) < order.size() && !cancelled();) {
        const int byte = order[k];
        const std::uint64_t* bounds = start.data() + 256 * (byte - first);
        if (bounds[256] == bounds[0]) continue;
        ranges[byte] = fold_range(positions.get(), bounds, depth, nodes.get(), items, shared);
      }
    };
    std::vector<std::thread> helpers;
    for (int t = 1; t < options_.threads; ++t) helpers.emplace_back(work);
    work();
    for (std::thread& helper : helpers) helper.join();
  }

  // One range: its 256 buckets in order, each sorted and folded.
  Range fold_range(const std::uint32_t* positions, const std::uint64_t* bounds, int depth, ContextNode* nodes,
                   std::vector<std::uint64_t>& items, std::vector<std::int8_t>& shared) {
    ContextFold fold{nodes, {}, -1, -1};
    for (int i = 0; i < fold_nodes; ++i) fold.order[i] = static_cast<std::int16_t>(i);
    const int known = std::min(depth + 2, view_.depth);
    std::uint64_t left = bounds[256] - bounds[0];
    bool first = true;
    for (int b = 0; b < 256 && !cancelled(); ++b) {
      const std::uint32_t count = static_cast<std::uint32_t>(bounds[b + 1] - bounds[b]);
      if (count == 0) continue;
      if (items.size() < count) {
        items.resize(count);
        shared.resize(count + 1);
      }
      for (std::uint32_t i = 0; i < count; ++i) items[i] = positions[bounds[b] + i];
      sort_contexts(text_, items.data(), count, reinterpret_cast<std::uint8_t*>(shared.data()), known,
                    view_.depth);
      left -= count;
      shared[0] = static_cast<std::int8_t>(first ? -1 : depth + 1);
      shared[count] = static_cast<std::int8_t>(left == 0 ? -1 : depth + 1);
      first = false;
      kernels().feed(fold, view_, text_, items.data(), shared.data(), count);
      advance(count);
    }
    Range range;
    range.symbol = fold.last_symbol;
    if (fold.top >= 0) range.node.reset(new ContextNode(nodes[fold.order[0]]));
    return range;
  }

  // Contexts equal to the model's depth: only the symbols' counts matter.
  Range fold_counts(const std::uint8_t* prefix) {
    std::uint64_t counts[256] = {};
    scan(prefix, view_.depth, [&](std::uint64_t i) { ++counts[text_[i]]; });
    Range range;
    const std::uint64_t total = std::accumulate(counts, counts + 256, std::uint64_t{0});
    advance(total);
    if (total == 1) {
      range.symbol = static_cast<int>(std::find(counts, counts + 256, 1u) - counts);
    } else if (total > 1) {
      range.node = open(view_.depth);
      for (int s = 0; s < 256; ++s) {
        for (std::uint64_t k = 0; k < counts[s]; ++k) kernels().absorb_leaf(*range.node, s, view_);
      }
    }
    return range;
  }

  static std::unique_ptr<ContextNode> open(int depth) {
    std::unique_ptr<ContextNode> node(new ContextNode);
    node->depth = depth;
    node->merges = 0;
    node->empty = true;
    node->wide = false;
    return node;
  }

  // The ranges meet at the context they share; a context with one extension only is no node.
  Range join(std::vector<Range>& ranges, int depth) {
    const auto occupied = [](const Range& range) { return !range.empty(); };
    const auto count = std::count_if(ranges.begin(), ranges.end(), occupied);
    if (count == 0) return {};
    if (count == 1) return std::move(*std::find_if(ranges.begin(), ranges.end(), occupied));
    Range joined;
    joined.node = open(depth);
    for (Range& range : ranges) {
      if (range.node != nullptr) {
        kernels().absorb(*joined.node, *range.node, view_);
      } else if (range.symbol >= 0) {
        kernels().absorb_leaf(*joined.node, range.symbol, view_);
      }
      range.node.reset();
    }
    return joined;
  }

  TreeModelView view_;
  const std::uint8_t* text_;
  const Segment* segments_;
  std::size_t segment_count_;
  ContextTreeOptions options_;
};

}  // namespace

std::uint64_t context_tree_memory(int threads) noexcept {
  return smallest_pass + sizeof(ContextNode) * (static_cast<std::uint64_t>(threads) * fold_nodes + 512);
}

double context_tree_bits(const TreeModel& model, const std::uint8_t* text, const Segment* segments,
                         std::size_t segment_count, const ContextTreeOptions& options) {
  Walk walk(model, text, segments, segment_count, options);
  const std::uint8_t none = 0;
  const Range root = walk.fold(&none, 0);
  if (root.empty()) return 0.0;
  if (root.node == nullptr) return 8.0;  // one symbol, by symmetry
  return kernels().root_bits(*root.node, walk.view(), model.prior());
}

}  // namespace skm
