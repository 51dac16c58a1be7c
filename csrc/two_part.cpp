// Two-part coder of a context tree. Encoder and decoder share every line that decides what a message says: a
// coder is told what is the case and answers with it, or is not told and answers with what it reads.
#include "skm/two_part.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <numeric>

#include "skm/context_sort.hpp"
#include "skm/range_coder.hpp"
#include "structure_lengths.hpp"
#include "structure_trie.hpp"

namespace skm {
namespace {

constexpr unsigned kAlphabet = 256;

// A true value has the share in / (in + out). Shares of nothing and all are not coded.
std::uint32_t share(std::uint64_t in, std::uint64_t out) noexcept {
  const auto p = static_cast<std::uint64_t>((static_cast<detail::uint128>(in) << 32) / (in + out));
  return static_cast<std::uint32_t>(std::clamp<std::uint64_t>(p, 1, 0xFFFFFFFFu));
}

class Writer {
 public:
  static constexpr bool reads = false;
  bool flag(bool value, std::uint64_t in, std::uint64_t out) {
    if (in != 0 && out != 0) encoder_.encode_bit(value, share(in, out));
    return value;
  }
  std::uint32_t uniform(std::uint32_t value, std::uint32_t size) {
    encoder_.encode(value, 1, size);
    return value;
  }
  bool failed() const noexcept { return false; }
  std::vector<std::uint8_t> finish() {
    const auto message = encoder_.finish();
    return {message.begin(), message.end()};
  }

 private:
  RangeEncoder encoder_;
};

class Reader {
 public:
  static constexpr bool reads = true;
  explicit Reader(std::span<const std::uint8_t> message) noexcept : decoder_(message) {}
  bool flag(bool, std::uint64_t in, std::uint64_t out) noexcept {
    return in != 0 && (out == 0 || decoder_.decode_bit(share(in, out)));
  }
  std::uint32_t uniform(std::uint32_t, std::uint32_t size) noexcept {
    const std::uint32_t value = decoder_.decode_target(size);
    decoder_.consume(value, 1);
    return value;
  }
  bool failed() const noexcept { return decoder_.failed(); }
  bool at_end() const noexcept { return decoder_.at_end(); }

 private:
  RangeDecoder decoder_;
};

using Counts = std::array<std::uint32_t, kAlphabet>;

struct SymbolCount {
  std::uint8_t symbol;
  std::uint32_t count;
};
using Row = std::vector<SymbolCount>;

void sort_by_count(Row& row) {
  std::sort(row.begin(), row.end(), [](const SymbolCount& a, const SymbolCount& b) {
    return a.count != b.count ? a.count > b.count : a.symbol < b.symbol;
  });
}

void sort_by_symbol(Row& row) {
  std::sort(row.begin(), row.end(),
            [](const SymbolCount& a, const SymbolCount& b) { return a.symbol < b.symbol; });
}

std::uint32_t total_of(const Row& row) noexcept {
  return std::accumulate(row.begin(), row.end(), std::uint32_t{0},
                         [](std::uint32_t sum, const SymbolCount& each) { return sum + each.count; });
}

// A context of the pruned tree. Extensions of a split context stand one behind the other.
struct Node {
  std::array<std::uint64_t, 4> extends{};  // bit z: the context z before this one occurs
  std::uint32_t first = 0;                 // split: its first extension; leaf: its counts in `rows`
  bool split = false;

  void add(std::uint8_t symbol) noexcept { extends[symbol >> 6] |= std::uint64_t{1} << (symbol & 63); }
  bool has(std::uint8_t symbol) const noexcept { return extends[symbol >> 6] >> (symbol & 63) & 1; }
  std::uint32_t extension(std::uint8_t symbol) const noexcept {
    std::uint32_t rank = 0;
    for (int w = 0; w < symbol >> 6; ++w) rank += static_cast<std::uint32_t>(std::popcount(extends[w]));
    const std::uint64_t below = extends[symbol >> 6] & ((std::uint64_t{1} << (symbol & 63)) - 1);
    return first + rank + static_cast<std::uint32_t>(std::popcount(below));
  }
  template <typename Visit>
  void for_each(Visit visit) const {
    for (unsigned w = 0; w < 4; ++w)
      for (std::uint64_t word = extends[w]; word != 0; word &= word - 1)
        visit(static_cast<std::uint8_t>(64 * w + static_cast<unsigned>(std::countr_zero(word))));
  }
};

struct PrunedTree {
  std::vector<Node> nodes;
  std::vector<Row> rows;  // counts of each leaf
};

// ---- the model part ---------------------------------------------------------------------------------------

template <typename Coder>
class ModelPart {
 public:
  ModelPart(Coder& coder, int depth) : coder_(coder), depth_(depth) {}

  /// Counts of the empty context, `total` in all.
  bool root_counts(Row& row, std::uint32_t total) {
    Counts counts{};
    for (const SymbolCount& each : row) counts[each.symbol] = each.count;
    const std::uint32_t most = std::min(total, kAlphabet);
    const std::uint32_t distinct = coder_.uniform(static_cast<std::uint32_t>(row.size()) - 1, most) + 1;
    std::uint32_t members = distinct;
    row.clear();
    for (unsigned symbol = 0; symbol < kAlphabet; ++symbol) {
      if (!coder_.flag(counts[symbol] != 0, members, kAlphabet - symbol - members)) continue;
      row.push_back({static_cast<std::uint8_t>(symbol), counts[symbol]});
      --members;
    }
    composition(row, total);
    return !coder_.failed();
  }

  /// The tree below a node with these counts; `tree` is filled (when writing, it is given). False: damage.
  bool context(PrunedTree& tree, std::uint32_t node, const Row& row, int depth, unsigned farthest,
               std::vector<Row>& rows_of) {
    if (row.size() > 1 && depth < depth_) {
      const std::uint32_t n = total_of(row);
      const bool split = coder_.flag(tree.nodes[node].split, n, std::uint64_t{n} + 2 * structure_split_scale);
      tree.nodes[node].split = split;
    } else if (tree.nodes[node].split) {
      return false;
    }
    if (!tree.nodes[node].split) return leaf(tree, node, row);
    std::vector<Row> rows;
    if (!table(tree, node, row, farthest, rows_of, rows) || coder_.failed()) return false;
    if (depth == 0) learn_predecessors(tree.nodes[node], rows);
    std::size_t r = 0;
    bool sound = true;
    const Node copy = tree.nodes[node];
    copy.for_each([&](std::uint8_t symbol) {
      sound = sound &&
              context(tree, copy.first + static_cast<std::uint32_t>(r), rows[r], depth + 1, symbol, rows_of);
      rows[r] = {};
      ++r;
    });
    return sound;
  }

 private:
  bool leaf(PrunedTree& tree, std::uint32_t node, const Row& row) {
    if constexpr (Coder::reads) {
      tree.nodes[node].first = static_cast<std::uint32_t>(tree.rows.size());
      tree.rows.push_back(row);
    }
    return true;
  }

  // An integer of 1 ... most with probability proportional to 1 / (j (j + 1)).
  std::uint32_t size(std::uint32_t value, std::uint32_t most) {
    for (std::uint64_t j = 1; j < most; ++j) {
      const std::uint64_t here = std::uint64_t{most} + 1;
      if (coder_.flag(value == j, here, (j + 1) * (here - j) - here)) return static_cast<std::uint32_t>(j);
    }
    return most;
  }

  // Positive counts that add up to `total`, all such being equally likely.
  void composition(Row& row, std::uint32_t total) {
    std::uint32_t bars = static_cast<std::uint32_t>(row.size()) - 1;
    std::uint32_t gaps = total - 1;
    for (SymbolCount& each : row) {
      if (bars == 0) {
        each.count = gaps + 1;
        return;
      }
      std::uint32_t count = 1;
      while (!coder_.flag(count == each.count, bars, gaps - bars)) {
        ++count;
        --gaps;
      }
      --gaps;
      --bars;
      each.count = count;
    }
  }

  // Which of the candidates, heaviest first, are members: `members` of them. Marks them in `member`.
  void choose(const Row& candidates, std::uint32_t members, std::array<bool, kAlphabet>& member) {
    std::uint64_t possible = candidates.size();
    std::uint64_t weight = total_of(candidates);
    for (const SymbolCount& each : candidates) {
      if (members == 0) return;  // none of the others is one
      bool& is = member[each.symbol];
      if (members == possible) {
        is = true;
      } else {
        is = coder_.flag(is, std::uint64_t{members} * each.count, weight - each.count);
      }
      members -= is;
      weight -= each.count;
      --possible;
    }
  }

  // Extensions of a split context and their counts, `rows` in order of the extending symbol.
  bool table(PrunedTree& tree, std::uint32_t node, const Row& row, unsigned farthest,
             std::vector<Row>& rows_of, std::vector<Row>& rows) {
    const Row& candidates = farthest < kAlphabet ? predecessors_[farthest] : root_candidates(row);
    std::uint32_t total = total_of(row);
    Row totals;  // of the extensions
    if constexpr (!Coder::reads) {
      std::uint32_t next = tree.nodes[node].first;
      tree.nodes[node].for_each([&](std::uint8_t symbol) {
        rows.push_back(std::move(rows_of[next]));
        totals.push_back({symbol, total_of(rows.back())});
        ++next;
      });
    }
    const auto most = std::min<std::uint32_t>(static_cast<std::uint32_t>(candidates.size()), total);
    const std::uint32_t extensions = size(static_cast<std::uint32_t>(totals.size()), most);
    std::array<bool, kAlphabet> member{};
    for (const SymbolCount& each : totals) member[each.symbol] = true;
    choose(candidates, extensions, member);
    if constexpr (Coder::reads) {
      tree.nodes[node].first = static_cast<std::uint32_t>(tree.nodes.size());
      for (unsigned symbol = 0; symbol < kAlphabet; ++symbol) {
        if (!member[symbol]) continue;
        tree.nodes[node].add(static_cast<std::uint8_t>(symbol));
        totals.push_back({static_cast<std::uint8_t>(symbol), 0});
        tree.nodes.emplace_back();
        rows.emplace_back();
      }
    }
    composition(totals, total);
    return row_by_row(row, totals, rows);
  }

  // Rows, the extension that is seen least first; the last one is what the others leave.
  bool row_by_row(const Row& row, const Row& totals, std::vector<Row>& rows) {
    std::vector<std::uint32_t> order(totals.size());
    std::iota(order.begin(), order.end(), 0u);
    std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
      return totals[a].count != totals[b].count ? totals[a].count < totals[b].count : a < b;
    });
    Row left = row;
    sort_by_count(left);
    for (std::size_t k = 0; k + 1 < order.size(); ++k) {
      Row& here = rows[order[k]];
      const std::uint32_t total = totals[order[k]].count;
      const auto most = std::min<std::uint32_t>(static_cast<std::uint32_t>(left.size()), total);
      for (const SymbolCount& each : here) member_[each.symbol] = true;
      choose(left, size(static_cast<std::uint32_t>(here.size()), most), member_);
      if constexpr (Coder::reads) {
        for (const SymbolCount& each : left)
          if (member_[each.symbol]) here.push_back({each.symbol, 0});
        sort_by_symbol(here);
      }
      for (const SymbolCount& each : here) member_[each.symbol] = false;
      composition(here, total);
      if (!subtract(left, here) || coder_.failed()) return false;
    }
    if constexpr (Coder::reads) {
      sort_by_symbol(left);
      rows[order.back()] = std::move(left);
    }
    return true;
  }

  // False if `left` has less than `row` wants.
  bool subtract(Row& left, const Row& row) noexcept {
    for (const SymbolCount& each : row) wanted_[each.symbol] = each.count;
    bool enough = true;
    for (SymbolCount& each : left) {
      enough = enough && each.count >= wanted_[each.symbol];
      each.count -= wanted_[each.symbol];
    }
    for (const SymbolCount& each : row) wanted_[each.symbol] = 0;
    std::erase_if(left, [](const SymbolCount& each) { return each.count == 0; });
    return enough;
  }

  const Row& root_candidates(const Row& row) {
    root_candidates_ = row;
    const auto zero = std::find_if(root_candidates_.begin(), root_candidates_.end(),
                                   [](const SymbolCount& each) { return each.symbol == 0; });
    if (zero == root_candidates_.end()) {
      root_candidates_.push_back({0, 1});
    } else {
      ++zero->count;
    }
    sort_by_count(root_candidates_);
    return root_candidates_;
  }

  void learn_predecessors(const Node& root, const std::vector<Row>& rows) {
    std::size_t r = 0;
    root.for_each([&](std::uint8_t before) {
      for (const SymbolCount& each : rows[r]) predecessors_[each.symbol].push_back({before, each.count});
      ++r;
    });
    const auto zero = std::find_if(predecessors_[0].begin(), predecessors_[0].end(),
                                   [](const SymbolCount& each) { return each.symbol == 0; });
    if (zero == predecessors_[0].end()) {
      predecessors_[0].push_back({0, 1});
    } else {
      ++zero->count;
    }
    for (Row& each : predecessors_) sort_by_count(each);
  }

  Coder& coder_;
  int depth_;
  Row root_candidates_;
  std::array<Row, kAlphabet> predecessors_;  // [symbol]: what comes before it
  std::array<bool, kAlphabet> member_{};     // all false between uses
  Counts wanted_{};                          // all zero between uses
};

// ---- the data part ----------------------------------------------------------------------------------------

// What is left of a leaf's counts: every symbol is drawn without replacement.
struct Urn {
  Row left;
  std::uint32_t total = 0;
  std::uint32_t distinct = 0;
};

std::vector<Urn> fill_urns(PrunedTree& tree) {
  std::vector<Urn> urns(tree.rows.size());
  for (std::size_t i = 0; i < urns.size(); ++i) {
    Row& row = urns[i].left;
    row.swap(tree.rows[i]);
    sort_by_count(row);
    urns[i].total = total_of(row);
    urns[i].distinct = static_cast<std::uint32_t>(row.size());
  }
  return urns;
}

void take(Urn& urn, SymbolCount& drawn) noexcept {
  urn.distinct -= --drawn.count == 0;
  --urn.total;
}

void encode_symbol(Urn& urn, std::uint8_t symbol, RangeEncoder& encoder) {
  std::uint32_t below = 0;
  std::size_t k = 0;
  for (; urn.left[k].symbol != symbol; ++k) below += urn.left[k].count;
  if (urn.distinct > 1) encoder.encode(below, urn.left[k].count, urn.total);
  take(urn, urn.left[k]);
}

std::uint8_t decode_symbol(Urn& urn, RangeDecoder& decoder) noexcept {
  std::uint32_t below = 0;
  const std::uint32_t target = urn.distinct > 1 ? decoder.decode_target(urn.total) : 0;
  std::size_t k = 0;
  for (; below + urn.left[k].count <= target; ++k) below += urn.left[k].count;
  if (urn.distinct > 1) {
    decoder.consume(below, urn.left[k].count);
  } else {
    while (urn.left[k].count == 0) ++k;
  }
  take(urn, urn.left[k]);
  return urn.left[k].symbol;
}

// Leaf of what comes after text[... end); none when the tree has no such context.
constexpr std::uint32_t no_leaf = ~std::uint32_t{0};

std::uint32_t find_leaf(const PrunedTree& tree, const std::uint8_t* end) noexcept {
  const Node* node = tree.nodes.data();
  while (node->split) {
    const std::uint8_t symbol = *--end;
    if (!node->has(symbol)) return no_leaf;
    node = tree.nodes.data() + node->extension(symbol);
  }
  return node->first;
}

// ---- from splits to a tree --------------------------------------------------------------------------------

// Rows of all nodes, summed up from the leaves; `tree` gets its leaves' rows.
class TreeBuilder {
 public:
  TreeBuilder(std::span<const std::uint8_t> text, std::span<const ContextSplit> splits)
      : trie_(text, splits) {
    count_leaves(text);
    edges_.resize(trie_.num_splits());
    trie_.edges().for_each([&](std::uint64_t key, std::uint32_t value) {
      edges_[key >> 32].push_back({static_cast<std::uint8_t>(key), value});
    });
    tree.nodes.emplace_back();
    rows.emplace_back();
    fill(0, trie_.num_splits() > 0 ? 0 : 1);
  }

  PrunedTree tree;
  std::vector<Row> rows;

 private:
  struct TrieEdge {
    std::uint8_t symbol;
    std::uint32_t value;  // as in SplitTrie
  };

  void count_leaves(std::span<const std::uint8_t> text) {
    std::vector<std::uint32_t> leaf_of(text.size() - context_padding);
    for (std::size_t i = 0; i < leaf_of.size(); ++i) leaf_of[i] = trie_.leaf(i + context_padding);
    std::vector<std::uint32_t> begin(trie_.num_leaves() + std::size_t{1});
    for (const std::uint32_t leaf : leaf_of) ++begin[leaf + std::size_t{1}];
    std::partial_sum(begin.begin(), begin.end(), begin.begin());
    std::vector<std::uint8_t> symbols(leaf_of.size());
    std::vector<std::uint32_t> next(begin.begin(), begin.end() - 1);
    for (std::size_t i = 0; i < leaf_of.size(); ++i) symbols[next[leaf_of[i]]++] = text[i + context_padding];
    leaf_rows_.resize(trie_.num_leaves());
    for (std::size_t leaf = 0; leaf < leaf_rows_.size(); ++leaf) {
      Counts counts{};
      for (std::uint32_t i = begin[leaf]; i < begin[leaf + 1]; ++i) ++counts[symbols[i]];
      leaf_rows_[leaf] = row_of(counts);
    }
  }

  static Row row_of(const Counts& counts) {
    Row row;
    for (unsigned symbol = 0; symbol < kAlphabet; ++symbol)
      if (counts[symbol] != 0) row.push_back({static_cast<std::uint8_t>(symbol), counts[symbol]});
    return row;
  }

  // `value` says what the node is: twice a split context, or twice a leaf and one.
  void fill(std::uint32_t node, std::uint32_t value) {
    if (value & 1) {
      tree.nodes[node].first = static_cast<std::uint32_t>(tree.rows.size());
      tree.rows.push_back(leaf_rows_[value >> 1]);
      rows[node] = std::move(leaf_rows_[value >> 1]);
      return;
    }
    std::vector<TrieEdge>& edges = edges_[value >> 1];
    std::sort(edges.begin(), edges.end(),
              [](const TrieEdge& a, const TrieEdge& b) { return a.symbol < b.symbol; });
    const auto first = static_cast<std::uint32_t>(tree.nodes.size());
    tree.nodes[node].split = true;
    tree.nodes[node].first = first;
    for (const TrieEdge& edge : edges) tree.nodes[node].add(edge.symbol);
    tree.nodes.resize(tree.nodes.size() + edges.size());
    rows.resize(tree.nodes.size());
    Counts counts{};
    for (std::uint32_t k = 0; k < edges.size(); ++k) {
      fill(first + k, edges[k].value);
      for (const SymbolCount& each : rows[first + k]) counts[each.symbol] += each.count;
    }
    rows[node] = row_of(counts);
  }

  SplitTrie<std::uint8_t> trie_;
  std::vector<Row> leaf_rows_;
  std::vector<std::vector<TrieEdge>> edges_;
};

}  // namespace

TwoPartPayload two_part_encode(std::span<const std::uint8_t> text, std::span<const ContextSplit> splits,
                               int depth, const Watch& watch) {
  TwoPartPayload payload;
  if (text.size() <= context_padding) return payload;
  TreeBuilder builder(text, splits);
  Writer writer;
  ModelPart<Writer> model(writer, depth);
  Row root = builder.rows[0];
  model.root_counts(root, static_cast<std::uint32_t>(text.size() - context_padding));
  model.context(builder.tree, 0, root, 0, kAlphabet, builder.rows);
  payload.model = writer.finish();
  std::vector<Urn> urns = fill_urns(builder.tree);
  RangeEncoder encoder;
  for (std::size_t i = context_padding; i < text.size(); ++i) {
    encode_symbol(urns[find_leaf(builder.tree, text.data() + i)], text[i], encoder);
    if (i % 65536 == 0) {
      watch.advance(65536);
      if (watch.cancelled()) return payload;
    }
  }
  const auto message = encoder.finish();
  payload.data.assign(message.begin(), message.end());
  return payload;
}

bool two_part_decode(std::span<const std::uint8_t> model_message, std::span<const std::uint8_t> data_message,
                     int depth, std::span<std::uint8_t> document, const Watch& watch) {
  if (document.empty()) return model_message.empty() && data_message.empty();
  Reader reader(model_message);
  ModelPart<Reader> model(reader, depth);
  PrunedTree tree;
  tree.nodes.emplace_back();
  Row root(1);
  std::vector<Row> none;
  if (!model.root_counts(root, static_cast<std::uint32_t>(document.size()))) return false;
  if (!model.context(tree, 0, root, 0, kAlphabet, none) || !reader.at_end()) return false;
  std::vector<Urn> urns = fill_urns(tree);
  RangeDecoder decoder(data_message);
  std::vector<std::uint8_t> text(context_padding + document.size());
  for (std::size_t i = context_padding; i < text.size(); ++i) {
    const std::uint32_t leaf = find_leaf(tree, text.data() + i);
    if (leaf == no_leaf || urns[leaf].total == 0) return false;
    text[i] = decode_symbol(urns[leaf], decoder);
    if (i % 65536 == 0) {
      watch.advance(65536);
      if (decoder.failed() || watch.cancelled()) return false;
    }
  }
  std::copy(text.begin() + context_padding, text.end(), document.begin());
  return decoder.at_end();
}

}  // namespace skm
