// The structure function's hull: contexts in sorted order, folded from the longest up, one thread to a range.
#include "skm/structure_function.hpp"

#include <algorithm>
#include <atomic>
#include <memory>
#include <numeric>

#include "skm/context_sort.hpp"
#include "skm/parallel.hpp"
#include "structure_blocks.hpp"
#include "structure_lengths.hpp"
#include "structure_trie.hpp"

namespace skm {
namespace {

constexpr std::uint32_t none = SplitBlocks::none;

struct SymbolCount {
  std::uint32_t symbol;
  std::uint32_t count;
};

bool more_often(const SymbolCount& a, const SymbolCount& b) noexcept {
  return a.count != b.count ? a.count > b.count : a.symbol < b.symbol;
}

// Which symbols come before each, and how often: known as soon as the empty context is split.
class Predecessors {
 public:
  /// From (symbol, predecessor, count), in any order.
  struct Triple {
    std::uint32_t symbol, predecessor, count;
  };
  Predecessors(std::vector<Triple> triples, std::size_t alphabet, const StructureLengths& lengths)
      : begin_(alphabet + 1), totals_(alphabet), lengths_(lengths) {
    for (const Triple& each : triples) {
      ++begin_[each.symbol + std::size_t{1}];
      totals_[each.symbol] += each.count;
    }
    std::partial_sum(begin_.begin(), begin_.end(), begin_.begin());
    const auto fill = [&](auto precedes) {
      std::sort(triples.begin(), triples.end(), precedes);
      std::vector<SymbolCount> filled(triples.size());
      std::transform(triples.begin(), triples.end(), filled.begin(),
                     [](const Triple& each) { return SymbolCount{each.predecessor, each.count}; });
      return filled;
    };
    by_symbol_ = fill([](const Triple& a, const Triple& b) {
      return a.symbol != b.symbol ? a.symbol < b.symbol : a.predecessor < b.predecessor;
    });
    by_count_ = fill([](const Triple& a, const Triple& b) {
      if (a.symbol != b.symbol) return a.symbol < b.symbol;
      return more_often({a.predecessor, a.count}, {b.predecessor, b.count});
    });
  }

  /// Those of a symbol, the most frequent first.
  std::span<const SymbolCount> of(std::uint32_t symbol) const noexcept {
    return {by_count_.data() + begin_[symbol], by_count_.data() + begin_[symbol + std::size_t{1}]};
  }

  /// Bits of one of them, by its frequency.
  double bits(std::uint32_t symbol, std::uint32_t predecessor) const noexcept {
    const auto first = by_symbol_.begin() + static_cast<std::ptrdiff_t>(begin_[symbol]);
    const auto last = by_symbol_.begin() + static_cast<std::ptrdiff_t>(begin_[symbol + std::size_t{1}]);
    const auto found = std::lower_bound(first, last, predecessor,
                                        [](const SymbolCount& a, std::uint32_t b) { return a.symbol < b; });
    return lengths_.log2(totals_[symbol]) - lengths_.log2(found->count);
  }

 private:
  std::vector<std::uint64_t> begin_;
  std::vector<std::uint64_t> totals_;
  const StructureLengths& lengths_;
  std::vector<SymbolCount> by_symbol_;
  std::vector<SymbolCount> by_count_;
};

// A context whose extensions are all known, as its parent sees it.
struct Extension {
  std::uint32_t symbol;  // by which it extends the parent
  std::uint32_t count;
  std::uint32_t begin, end;  // its counts among the parent's
};

// What has arrived at one context.
struct OpenContext {
  std::uint32_t depth = 0;
  std::uint32_t position = 0;
  std::uint32_t heap = none;      // blocks below it
  std::size_t blocks_before = 0;  // size of the arena when its first position came
  double extension_bits = 0;      // data bits of the extensions as leaves
  double flag_bits = 0;           // and the bits that say that they are leaves
  std::vector<Extension> extensions;
  std::vector<SymbolCount> counts;  // of each extension

  void reset(std::uint32_t new_depth, std::uint32_t new_position, std::size_t blocks) noexcept {
    depth = new_depth;
    position = new_position;
    heap = none;
    blocks_before = blocks;
    extension_bits = flag_bits = 0;
    extensions.clear();
    counts.clear();
  }
};

// What is the same for all contexts of a corpus.
template <typename Symbol>
struct Corpus {
  const Symbol* text;
  const StructureOptions& options;
  const StructureLengths& lengths;
  const Predecessors& predecessors;
};

template <typename Symbol>
class ContextFolder {
 public:
  explicit ContextFolder(const Corpus<Symbol>& corpus)
      : corpus_(corpus),
        left_(corpus.options.alphabet),
        marked_(corpus.options.alphabet),
        stack_(corpus.options.depth + 2) {}

  /// Folds positions (bytes, in the low halves of `items`) that share their nearest symbol, `count` of them.
  /// Afterwards root() is the empty context with this one extension.
  void fold(std::uint64_t* items, std::uint8_t* shared, std::uint32_t count) {
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(corpus_.text);
    sort_contexts(bytes, items, count, shared, kBytes, corpus_.options.depth * kBytes);
    top_ = -1;
    std::uint32_t before = 0;
    for (std::uint32_t i = 0; i < count; ++i) {
      const std::uint32_t position = static_cast<std::uint32_t>(items[i]) / kBytes;
      const std::uint32_t after = i + 1 < count ? shared[i + 1] / kBytes : 0;
      const std::uint32_t depth = std::max(before, after);
      if (top_ < 0 || stack_[top_].depth < depth) stack_[++top_].reset(depth, position, blocks.blocks.size());
      add_position(stack_[top_], position);
      close_to(after);
      before = after;
    }
  }

  OpenContext& root() noexcept { return stack_[0]; }

  /// Counts of a context, its extensions together: `merged` in order of first appearance. Data bits.
  double merge(const OpenContext& context, std::uint32_t& total) {
    merged.clear();
    for (const SymbolCount& each : context.counts) {
      if (left_[each.symbol] == 0) merged.push_back({each.symbol, 0});
      left_[each.symbol] += each.count;
    }
    total = 0;
    double bits = 0;
    for (SymbolCount& each : merged) {
      each.count = left_[each.symbol];
      total += each.count;
      bits += corpus_.lengths.log2_factorial(each.count);
    }
    return merged.size() < 2 ? 0.0 : corpus_.lengths.log2_factorial(total) - bits;
  }

  /// Model bits of which symbols extend the context just merged, how often, and the counts of each. The
  /// extension that is seen most comes last, and is what is left. Reorders the extensions and `merged`.
  double table_bits(OpenContext& context, std::span<const SymbolCount> candidates, std::uint32_t total) {
    const StructureLengths& lengths = corpus_.lengths;
    std::vector<Extension>& rows = context.extensions;
    std::sort(rows.begin(), rows.end(), [](const Extension& a, const Extension& b) {
      return a.count != b.count ? a.count < b.count : a.symbol < b.symbol;
    });
    for (const Extension& row : rows) marked_[row.symbol] = true;
    double bits = lengths.members_bits(candidates.size(), rows.size(), total) +
                  marked_choice(candidates, rows.size()) + lengths.composition_bits(total, rows.size());
    for (const Extension& row : rows) marked_[row.symbol] = false;
    std::sort(merged.begin(), merged.end(), more_often);
    std::uint64_t possible = merged.size();
    for (std::size_t r = 0; r + 1 < rows.size(); ++r) {
      const std::span<const SymbolCount> row{context.counts.data() + rows[r].begin,
                                             context.counts.data() + rows[r].end};
      bits += lengths.members_bits(possible, row.size(), rows[r].count) +
              lengths.composition_bits(rows[r].count, row.size()) + row_choice(row, possible, total);
      for (const SymbolCount& each : row) possible -= (left_[each.symbol] -= each.count) == 0;
      total -= rows[r].count;
    }
    return bits;
  }

  /// After merge: ready for another context.
  void forget() noexcept {
    for (const SymbolCount& each : merged) left_[each.symbol] = 0;
  }

  /// The heap of a context that was merged: its own split before all of its extensions'. `first_depth` is the
  /// shortest of the contexts that are split with it, as they have no other extension.
  std::uint32_t split(OpenContext& context, std::uint32_t first_depth,
                      std::span<const SymbolCount> candidates, std::uint32_t total, double data_bits) {
    const StructureLengths& lengths = corpus_.lengths;
    SplitBlock block{};
    block.model_bits = lengths.split_bits(total) - lengths.leaf_bits(total) + context.flag_bits +
                       table_bits(context, candidates, total);
    for (std::uint32_t depth = first_depth; depth < context.depth; ++depth)
      block.model_bits += lengths.split_bits(total) + single_extension_bits(context, depth, total);
    block.data_bits = std::max(data_bits - context.extension_bits, 0.0);
    block.position = context.position;
    block.count = total;
    block.owner = block.child = block.sibling = none;
    block.first_depth = static_cast<std::uint16_t>(first_depth);
    block.depth = static_cast<std::uint16_t>(context.depth);
    const std::uint32_t heap = blocks.precede(context.heap, block);
    if (blocks.blocks[heap].slope() >= corpus_.options.least_slope) return heap;
    blocks.blocks.resize(context.blocks_before);  // no block of this subtree is steep enough
    return none;
  }

  SplitBlocks blocks;
  std::vector<SymbolCount> merged;

 private:
  static constexpr std::uint32_t kBytes = sizeof(Symbol);

  // What may extend the first `depth` symbols of a context: whatever comes before the farthest of them.
  std::span<const SymbolCount> candidates_of(const OpenContext& context, std::uint32_t depth) const noexcept {
    return corpus_.predecessors.of(corpus_.text[context.position - depth]);
  }

  double single_extension_bits(const OpenContext& context, std::uint32_t depth,
                               std::uint32_t total) const noexcept {
    const std::uint32_t farthest = corpus_.text[context.position - depth];
    const std::uint32_t extension = corpus_.text[context.position - depth - 1];
    return corpus_.lengths.members_bits(corpus_.predecessors.of(farthest).size(), 1, total) +
           corpus_.predecessors.bits(farthest, extension);
  }

  // Which candidates are marked; they come in the order of their weights.
  double marked_choice(std::span<const SymbolCount> candidates, std::size_t members) const noexcept {
    std::uint64_t weight = 0;
    for (const SymbolCount& each : candidates) weight += each.count;
    const SymbolCount* next = candidates.data();
    return StructureLengths::choice_bits(candidates.size(), members, weight, [&] {
      const SymbolCount& each = *next++;
      return std::pair<std::uint32_t, bool>(each.count, marked_[each.symbol]);
    });
  }

  // Which symbols that are left (`possible` of them, `total` times) a row has.
  double row_choice(std::span<const SymbolCount> row, std::uint64_t possible, std::uint32_t total) noexcept {
    if (row.size() == 1) return corpus_.lengths.log2(total) - corpus_.lengths.log2(left_[row[0].symbol]);
    for (const SymbolCount& each : row) marked_[each.symbol] = true;
    const SymbolCount* next = merged.data();
    const double bits = StructureLengths::choice_bits(possible, row.size(), total, [&] {
      while (left_[next->symbol] == 0) ++next;
      const std::uint32_t symbol = next++->symbol;
      return std::pair<std::uint32_t, bool>(left_[symbol], marked_[symbol]);
    });
    for (const SymbolCount& each : row) marked_[each.symbol] = false;
    return bits;
  }

  void add_position(OpenContext& context, std::uint32_t position) {
    const auto at = static_cast<std::uint32_t>(context.counts.size());
    if (context.depth < static_cast<std::uint32_t>(corpus_.options.depth))
      context.extensions.push_back({corpus_.text[position - 1 - context.depth], 1, at, at + 1});
    context.counts.push_back({corpus_.text[position], 1});
  }

  // Closes the open contexts longer than `depth`; one of that length is open afterwards.
  void close_to(std::uint32_t depth) {
    while (stack_[top_].depth > depth) {
      if (top_ == 0 || stack_[top_ - 1].depth < depth) {  // a new context between the two
        std::swap(stack_[top_], stack_[top_ + 1]);
        stack_[top_].reset(depth, stack_[top_ + 1].position, stack_[top_ + 1].blocks_before);
        ++top_;
      }
      close(stack_[top_], stack_[top_ - 1]);
      --top_;
    }
  }

  void close(OpenContext& context, OpenContext& parent) {
    std::uint32_t total;
    const double data_bits = merge(context, total);
    const std::uint32_t depth = parent.depth + 1;
    const auto limit = static_cast<std::uint32_t>(corpus_.options.depth);
    if (merged.size() > 1 && depth < limit) parent.flag_bits += corpus_.lengths.leaf_bits(total);
    const auto at = static_cast<std::uint32_t>(parent.counts.size());
    parent.counts.insert(parent.counts.end(), merged.begin(), merged.end());
    parent.extensions.push_back({corpus_.text[context.position - depth], total, at,
                                 static_cast<std::uint32_t>(parent.counts.size())});
    parent.extension_bits += data_bits;
    if (merged.size() > 1 && context.depth < limit) {
      const std::span<const SymbolCount> candidates = candidates_of(context, context.depth);
      parent.heap = blocks.meld(parent.heap, split(context, depth, candidates, total, data_bits));
    }
    forget();
  }

  const Corpus<Symbol>& corpus_;
  std::vector<std::uint32_t> left_;  // [symbol]: zero between contexts
  std::vector<char> marked_;         // [symbol]: false between uses
  std::vector<OpenContext> stack_;
  int top_ = -1;
};

// Positions by their nearest symbol.
struct PositionRanges {
  std::unique_ptr<std::uint32_t[]> positions;  // in bytes
  std::vector<std::uint64_t> begin;            // [symbol], one more at the end
};

template <typename Symbol, typename Visit>
void for_each_position(std::span<const Segment> segments, Visit visit) {
  for (const Segment& segment : segments)
    for (std::uint64_t i = segment.begin; i < segment.end; ++i) visit(i);
}

template <typename Symbol>
PositionRanges by_nearest_symbol(std::span<const Symbol> text, std::span<const Segment> segments,
                                 std::uint64_t alphabet) {
  PositionRanges ranges;
  ranges.begin.resize(alphabet + 1);
  for_each_position<Symbol>(segments, [&](std::uint64_t i) { ++ranges.begin[text[i - 1] + std::size_t{1}]; });
  std::partial_sum(ranges.begin.begin(), ranges.begin.end(), ranges.begin.begin());
  ranges.positions.reset(new std::uint32_t[ranges.begin.back()]);
  std::vector<std::uint64_t> next(ranges.begin.begin(), ranges.begin.end() - 1);
  for_each_position<Symbol>(segments, [&](std::uint64_t i) {
    ranges.positions[next[text[i - 1]]++] = static_cast<std::uint32_t>(i * sizeof(Symbol));
  });
  return ranges;
}

// Pairs of neighbours, counted; before a zero that stands before a document stand zeros.
template <typename Symbol>
Predecessors count_predecessors(std::span<const Symbol> text, const PositionRanges& ranges,
                                const StructureLengths& lengths) {
  const std::size_t alphabet = ranges.begin.size() - 1;
  std::vector<Predecessors::Triple> triples;
  std::vector<std::uint32_t> counts(alphabet);
  std::vector<std::uint32_t> seen;
  for (std::uint32_t nearest = 0; nearest < alphabet; ++nearest) {
    const auto add = [&](std::uint32_t symbol) {
      if (counts[symbol]++ == 0) seen.push_back(symbol);
    };
    if (nearest == 0) add(0);
    for (std::uint64_t k = ranges.begin[nearest]; k < ranges.begin[nearest + 1]; ++k)
      add(text[ranges.positions[k] / sizeof(Symbol)]);
    for (const std::uint32_t symbol : seen) {
      triples.push_back({symbol, nearest, counts[symbol]});
      counts[symbol] = 0;
    }
    seen.clear();
  }
  return Predecessors(std::move(triples), alphabet, lengths);
}

// One range, folded.
struct RangeResult {
  std::vector<SplitBlock> blocks;
  OpenContext root;
};

template <typename Symbol>
std::vector<RangeResult> fold_ranges(const Corpus<Symbol>& corpus, const PositionRanges& ranges) {
  const std::size_t alphabet = ranges.begin.size() - 1;
  std::vector<std::uint32_t> order(alphabet);
  std::iota(order.begin(), order.end(), 0u);
  const auto size = [&](std::uint32_t symbol) { return ranges.begin[symbol + 1] - ranges.begin[symbol]; };
  std::stable_sort(order.begin(), order.end(),
                   [&](std::uint32_t a, std::uint32_t b) { return size(a) > size(b); });
  std::vector<RangeResult> results(alphabet);
  const Watch& watch = corpus.options.watch;
  std::atomic<std::size_t> taken{0};
  run_threads(corpus.options.threads, [&] {
    ContextFolder<Symbol> folder(corpus);
    std::unique_ptr<std::uint64_t[]> items;
    std::unique_ptr<std::uint8_t[]> shared;
    std::uint64_t room = 0;
    for (std::size_t k; (k = taken.fetch_add(1)) < alphabet && !watch.cancelled();) {
      const std::uint32_t symbol = order[k];
      const std::uint64_t count = size(symbol);
      if (count == 0) break;
      if (room < count) {  // the first range that a thread takes is its largest
        room = count;
        items.reset(new std::uint64_t[room]);
        shared.reset(new std::uint8_t[room + 1]);
      }
      std::copy_n(ranges.positions.get() + ranges.begin[symbol], count, items.get());
      folder.fold(items.get(), shared.get(), static_cast<std::uint32_t>(count));
      results[symbol].root = folder.root();
      results[symbol].blocks.assign(folder.blocks.blocks.begin(), folder.blocks.blocks.end());
      folder.blocks.blocks.clear();
      watch.advance(count);
    }
  });
  return results;
}

// The empty context, with all ranges as its extensions.
void join(std::vector<RangeResult>& results, SplitBlocks& blocks, OpenContext& root) {
  for (RangeResult& result : results) {
    if (result.root.counts.empty()) continue;
    const std::uint32_t offset = blocks.append(result.blocks);
    const auto at = static_cast<std::uint32_t>(root.counts.size());
    root.position = result.root.position;
    root.extension_bits += result.root.extension_bits;
    root.flag_bits += result.root.flag_bits;
    root.counts.insert(root.counts.end(), result.root.counts.begin(), result.root.counts.end());
    for (Extension extension : result.root.extensions) {
      extension.begin += at;
      extension.end += at;
      root.extensions.push_back(extension);
    }
    if (result.root.heap != none) root.heap = blocks.meld(root.heap, result.root.heap + offset);
    result = {};
  }
}

// What may extend the empty context: every symbol, and the zero before a document.
std::vector<SymbolCount> root_candidates(std::span<const SymbolCount> counts) {
  std::vector<SymbolCount> candidates(counts.begin(), counts.end());
  const auto zero = std::find_if(candidates.begin(), candidates.end(),
                                 [](const SymbolCount& each) { return each.symbol == 0; });
  if (zero == candidates.end()) {
    candidates.push_back({0, 1});
  } else {
    ++zero->count;
  }
  std::sort(candidates.begin(), candidates.end(), more_often);
  return candidates;
}

// Blocks that nobody owns and that are steep enough, in order of slope, with the splits of each.
void list_blocks(std::vector<SplitBlock>& blocks, double least_slope, StructureHull& hull) {
  const auto size = static_cast<std::uint32_t>(blocks.size());
  std::vector<std::uint32_t> order;
  for (std::uint32_t b = 0; b < size; ++b)
    if (blocks[b].owner == none && blocks[b].slope() >= least_slope) order.push_back(b);
  std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
    const double slope_a = blocks[a].slope();
    const double slope_b = blocks[b].slope();
    return slope_a != slope_b ? slope_a > slope_b : a < b;
  });
  // From here on `child` is the place on the hull. An owner was made after what it owns.
  for (SplitBlock& block : blocks) block.child = none;
  for (std::uint32_t place = 0; place < order.size(); ++place) blocks[order[place]].child = place;
  hull.block_begin.assign(order.size() + 1, 0);
  for (std::uint32_t b = size; b-- > 0;) {
    if (blocks[b].owner != none) blocks[b].child = blocks[blocks[b].owner].child;
    if (blocks[b].child != none) ++hull.block_begin[blocks[b].child + std::size_t{1}];
  }
  std::partial_sum(hull.block_begin.begin(), hull.block_begin.end(), hull.block_begin.begin());
  hull.model_bits.resize(order.size());
  hull.data_bits.resize(order.size());
  for (std::size_t place = 0; place < order.size(); ++place) {
    hull.model_bits[place] = blocks[order[place]].model_bits;
    hull.data_bits[place] = blocks[order[place]].data_bits;
  }
  std::vector<std::uint64_t> next(hull.block_begin.begin(), hull.block_begin.end() - 1);
  hull.splits.resize(hull.block_begin.back());
  for (std::uint32_t b = size; b-- > 0;) {
    const SplitBlock& block = blocks[b];
    if (block.child == none) continue;
    hull.splits[next[block.child]++] = {block.position, block.count, block.first_depth, block.depth,
                                        block.child};
  }
}

}  // namespace

std::uint64_t structure_memory(std::uint64_t num_symbols, std::uint64_t largest_group, int threads) noexcept {
  constexpr std::uint64_t kTables = std::uint64_t{1} << 22;
  return num_symbols * sizeof(std::uint32_t) +
         static_cast<std::uint64_t>(threads) * largest_group * (sizeof(std::uint64_t) + 1) + kTables;
}

template <typename Symbol>
StructureHull structure_hull(std::span<const Symbol> text, std::span<const Segment> segments,
                             const StructureOptions& options) {
  StructureHull hull;
  const StructureLengths lengths;
  const PositionRanges ranges = by_nearest_symbol(text, segments, options.alphabet);
  const Predecessors predecessors = count_predecessors(text, ranges, lengths);
  const Corpus<Symbol> corpus{text.data(), options, lengths, predecessors};
  ContextFolder<Symbol> folder(corpus);
  OpenContext root;
  if (options.depth > 0) {
    std::vector<RangeResult> results = fold_ranges(corpus, ranges);
    join(results, folder.blocks, root);
  } else {
    for_each_position<Symbol>(segments, [&](std::uint64_t i) { root.counts.push_back({text[i], 1}); });
  }
  if (root.counts.empty() || options.watch.cancelled()) return hull;
  std::uint32_t total;
  hull.root_data_bits = folder.merge(root, total);
  hull.root_model_bits = lengths.root_bits(options.alphabet, folder.merged.size(), total);
  if (folder.merged.size() == 1 || options.depth == 0) return hull;
  hull.root_model_bits += lengths.leaf_bits(total);
  if (root.extensions.size() == 1) return hull;  // all contexts are zeros
  const std::vector<SymbolCount> candidates = root_candidates(folder.merged);
  folder.split(root, 0, candidates, total, hull.root_data_bits);
  folder.forget();
  list_blocks(folder.blocks.blocks, options.least_slope, hull);
  return hull;
}

template StructureHull structure_hull(std::span<const std::uint8_t>, std::span<const Segment>,
                                      const StructureOptions&);
template StructureHull structure_hull(std::span<const std::uint16_t>, std::span<const Segment>,
                                      const StructureOptions&);
template StructureHull structure_hull(std::span<const std::uint32_t>, std::span<const Segment>,
                                      const StructureOptions&);

template <typename Symbol>
std::uint32_t structure_leaves(std::span<const Symbol> text, std::span<const Segment> segments,
                               std::span<const ContextSplit> splits, std::span<std::uint32_t> leaves) {
  SplitTrie<Symbol> trie(text, splits);
  std::size_t place = 0;
  for_each_position<Symbol>(segments, [&](std::uint64_t i) { leaves[place++] = trie.leaf(i); });
  return trie.num_leaves();
}

template std::uint32_t structure_leaves(std::span<const std::uint8_t>, std::span<const Segment>,
                                        std::span<const ContextSplit>, std::span<std::uint32_t>);
template std::uint32_t structure_leaves(std::span<const std::uint16_t>, std::span<const Segment>,
                                        std::span<const ContextSplit>, std::span<std::uint32_t>);
template std::uint32_t structure_leaves(std::span<const std::uint32_t>, std::span<const Segment>,
                                        std::span<const ContextSplit>, std::span<std::uint32_t>);

}  // namespace skm
