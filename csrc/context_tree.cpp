// Walks the context tree of a corpus range by range: histogram of the next two context bytes, as many ranges
// a pass as memory allows, threads over the ranges of a pass, then the ranges' messages meet at their parent.
#include "skm/context_tree.hpp"

#include <algorithm>
#include <exception>
#include <memory>
#include <mutex>
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

// Documents coded alone up to this size are sorted and folded by one thread, many at a time.
constexpr std::uint64_t small_document = 1 << 20;

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

// What one thread needs to sort and fold.
class Folder {
 public:
  Folder() : nodes_(new ContextNode[fold_nodes]) {}

  void begin() noexcept {
    fold_ = {nodes_.get(), {}, -1, -1};
    for (int i = 0; i < fold_nodes; ++i) fold_.order[i] = static_cast<std::int16_t>(i);
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
  void feed(const TreeModelView& model, const std::uint8_t* text, std::uint32_t count, int known, int before,
            int after) noexcept {
    sort_contexts(text, items_.get(), count, reinterpret_cast<std::uint8_t*>(shared_.get()), known,
                  model.depth);
    shared_[0] = static_cast<std::int8_t>(before);
    shared_[count] = static_cast<std::int8_t>(after);
    kernels().feed(fold_, model, text, items_.get(), shared_.get(), count);
  }

  int symbol() const noexcept { return fold_.last_symbol; }
  const ContextNode* node() const noexcept { return fold_.top < 0 ? nullptr : &nodes_[fold_.order[0]]; }

 private:
  std::unique_ptr<ContextNode[]> nodes_;
  ContextFold fold_;
  std::unique_ptr<std::uint64_t[]> items_;
  std::unique_ptr<std::int8_t[]> shared_;
  std::uint32_t capacity_ = 0;
};

// Runs work() on `threads` threads, this one among them; what one of them throws is thrown here.
template <typename Work>
void run_threads(int threads, Work work) {
  std::exception_ptr failure;
  std::mutex mutex;
  const auto guarded = [&]() noexcept {
    try {
      work();
    } catch (...) {
      const std::scoped_lock lock(mutex);
      failure = std::current_exception();
    }
  };
  std::vector<std::thread> helpers;
  for (int t = 1; t < threads; ++t) helpers.emplace_back(guarded);
  guarded();
  for (std::thread& helper : helpers) helper.join();
  if (failure) std::rethrow_exception(failure);
}

TreeModelView view_of(const TreeModel& model) noexcept {
  return {model.chain(), model.leaf(), model.depth()};
}

double root_bits(const TreeModel& model, const TreeModelView& view, const ContextNode* root,
                 int symbol) noexcept {
  if (root != nullptr) return kernels().root_bits(*root, view, model.prior());
  return symbol < 0 ? 0.0 : 8.0;  // one byte: its bits are even, by symmetry
}

class Walk {
 public:
  Walk(const TreeModelView& view, const std::uint8_t* text, const Segment* segments,
       std::size_t segment_count, const ContextTreeOptions& options)
      : view_(view), text_(text), segments_(segments), segment_count_(segment_count), options_(options) {}

  /// The range of all contexts that begin (nearest byte first) with prefix[0 ... depth).
  Range fold(const std::uint8_t* prefix, int depth) {
    if (depth == view_.depth) return fold_counts(prefix);
    const Buckets buckets = count(prefix, depth);
    std::vector<Range> ranges(256);
    std::uint8_t extended[max_context_depth];
    std::copy(prefix, prefix + depth, extended);
    for (int first = 0; first < 256 && !options_.watch.cancelled();) {
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
    run_threads(std::min<int>(options_.threads, last - first), [&] {
      Folder folder;
      for (std::size_t k; (k = taken.fetch_add(1)) < order.size() && !options_.watch.cancelled();) {
        const int byte = order[k];
        const std::uint64_t* bounds = start.data() + 256 * (byte - first);
        if (bounds[256] != bounds[0]) ranges[byte] = fold_range(folder, positions.get(), bounds, depth);
      }
    });
  }

  // One range: its 256 buckets in order, each sorted and folded.
  Range fold_range(Folder& folder, const std::uint32_t* positions, const std::uint64_t* bounds,
                   int depth) const {
    folder.begin();
    const int known = std::min(depth + 2, view_.depth);
    int before = -1;
    for (int b = 0; b < 256 && !options_.watch.cancelled(); ++b) {
      const std::uint32_t count = static_cast<std::uint32_t>(bounds[b + 1] - bounds[b]);
      if (count == 0) continue;
      std::uint64_t* items = folder.items(count);
      for (std::uint32_t i = 0; i < count; ++i) items[i] = positions[bounds[b] + i];
      const int after = bounds[b + 1] == bounds[256] ? -1 : depth + 1;
      folder.feed(view_, text_, count, known, before, after);
      before = depth + 1;
      options_.watch.advance(count);
    }
    Range range;
    range.symbol = folder.symbol();
    if (folder.node() != nullptr) range.node.reset(new ContextNode(*folder.node()));
    return range;
  }

  // Contexts equal to the model's depth: only the symbols' counts matter.
  Range fold_counts(const std::uint8_t* prefix) {
    std::uint64_t counts[256] = {};
    scan(prefix, view_.depth, [&](std::uint64_t i) { ++counts[text_[i]]; });
    Range range;
    const std::uint64_t total = std::accumulate(counts, counts + 256, std::uint64_t{0});
    options_.watch.advance(total);
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
  Walk walk(view_of(model), text, segments, segment_count, options);
  const std::uint8_t none = 0;
  const Range root = walk.fold(&none, 0);
  return root_bits(model, view_of(model), root.node.get(), root.symbol);
}

void context_tree_bits_each(const TreeModel& model, const std::uint8_t* text, const Segment* segments,
                            std::size_t segment_count, const ContextTreeOptions& options, double* bits) {
  const TreeModelView view = view_of(model);
  const auto is_small = [&](std::size_t s) { return segments[s].end - segments[s].begin <= small_document; };
  std::atomic<std::size_t> taken{0};
  run_threads(options.threads, [&] {
    Folder folder;
    for (std::size_t s; (s = taken.fetch_add(1)) < segment_count && !options.watch.cancelled();) {
      const std::uint32_t count = static_cast<std::uint32_t>(segments[s].end - segments[s].begin);
      if (!is_small(s)) continue;
      folder.begin();
      std::uint64_t* items = folder.items(count);
      for (std::uint32_t i = 0; i < count; ++i) items[i] = segments[s].begin + i;
      if (count > 0) folder.feed(view, text, count, 0, -1, -1);
      bits[s] = root_bits(model, view, folder.node(), folder.symbol());
      options.watch.advance(count);
    }
  });
  for (std::size_t s = 0; s < segment_count && !options.watch.cancelled(); ++s) {
    if (!is_small(s)) bits[s] = context_tree_bits(model, text, segments + s, 1, options);
  }
}

}  // namespace skm
