#include "skm/adaptive_context_tree.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <memory>

#include "simd/adaptive_context_tree.hpp"
#include "skm/context_sort.hpp"
#include "skm/isa.hpp"
#include "skm/range_coder.hpp"

namespace skm {
namespace {

const AdaptiveKernels& kernels() noexcept {
  switch (active_isa()) {
#if defined(SKM_X86)
    case Isa::avx512: return adaptive_kernels_avx512();
    case Isa::avx2: return adaptive_kernels_avx2();
#endif
    default: return adaptive_kernels_baseline();
  }
}

// Growing storage that never moves what it holds: blocks of a fixed number of items.
template <typename T, unsigned block_bits>
class Arena {
 public:
  T& operator[](std::uint32_t i) noexcept { return blocks_[i >> block_bits][i & mask]; }

  /// Index of the first of `count` consecutive items; count <= 2^block_bits.
  std::uint32_t allocate(std::uint32_t count) {
    if ((size_ & mask) + count > mask + 1 || size_ == blocks_.size() << block_bits) {
      size_ = static_cast<std::uint32_t>(blocks_.size() << block_bits);
      blocks_.emplace_back(new T[mask + 1]);
    }
    const std::uint32_t first = size_;
    size_ += count;
    return first;
  }

 private:
  static constexpr std::uint32_t mask = (1u << block_bits) - 1;
  std::vector<std::unique_ptr<T[]>> blocks_;
  std::uint32_t size_ = 0;
};

// The slots of all nodes, in arrays of 1, 2, 4 ... 256; an array that grew too small is used again.
class SlotStore {
 public:
  AdaptiveSlot* at(std::uint32_t first) noexcept { return &slots_[first]; }

  std::uint32_t allocate(unsigned size_class) {
    std::vector<std::uint32_t>& free = free_[size_class];
    if (free.empty()) return slots_.allocate(1u << size_class);
    const std::uint32_t first = free.back();
    free.pop_back();
    return first;
  }

  void release(std::uint32_t first, unsigned size_class) { free_[size_class].push_back(first); }

 private:
  Arena<AdaptiveSlot, 14> slots_;
  std::array<std::vector<std::uint32_t>, 9> free_;
};

bool bit_of(const std::uint64_t* words, int v) noexcept { return words[v >> 6] >> (v & 63) & 1; }
void set_bit(std::uint64_t* words, int v) noexcept { words[v >> 6] |= std::uint64_t{1} << (v & 63); }

// A context that branched. Binary nodes on an unbranched run share a slot, as in the batch code.
struct Node {
  std::uint64_t used[8];
  std::uint64_t branch[4];
  std::uint64_t slots[4];  ///< binary nodes with a slot; the slots are stored in this order
  std::uint32_t position;  ///< some position with this context
  std::uint32_t first_slot;
  std::uint16_t slot_count;
  std::uint8_t size_class;
  std::uint8_t depth;
};

// Children of nodes, by (node, next context byte): open addressing. A child is a node, or a position.
class Children {
 public:
  static constexpr std::uint32_t none = ~std::uint32_t{0};
  static constexpr std::uint32_t position_flag = std::uint32_t{1} << 31;

  Children() : entries_(1u << 12) {}

  std::uint32_t find(std::uint32_t node, std::uint8_t byte) const noexcept {
    const std::uint64_t key = std::uint64_t{node} << 8 | byte;
    for (std::size_t i = slot(key);; i = (i + 1) & (entries_.size() - 1)) {
      if (entries_[i].key == key + 1) return entries_[i].child;
      if (entries_[i].key == 0) return none;
    }
  }

  void put(std::uint32_t node, std::uint8_t byte, std::uint32_t child) {
    if (2 * (count_ + 1) > entries_.size()) grow();
    insert({(std::uint64_t{node} << 8 | byte) + 1, child});
  }

 private:
  struct Entry {
    std::uint64_t key = 0;  ///< (node << 8 | byte) + 1; 0 when free
    std::uint32_t child = 0;
  };

  std::size_t slot(std::uint64_t key) const noexcept {
    return (key * 0x9e3779b97f4a7c15u) >> (64 - std::countr_zero(entries_.size()));
  }

  void insert(const Entry& entry) noexcept {
    std::size_t i = slot(entry.key - 1);
    while (entries_[i].key != 0 && entries_[i].key != entry.key) i = (i + 1) & (entries_.size() - 1);
    count_ += entries_[i].key == 0;
    entries_[i] = entry;
  }

  void grow() {
    std::vector<Entry> old(2 * entries_.size());
    old.swap(entries_);
    count_ = 0;
    for (const Entry& entry : old) {
      if (entry.key != 0) insert(entry);
    }
  }

  std::vector<Entry> entries_;
  std::size_t count_ = 0;
};

class AdaptiveTree {
 public:
  /// text: the document behind `context_padding` zero bytes; what lies at a position is read only after it
  /// was coded.
  AdaptiveTree(const TreeModel& model, const std::uint8_t* text) : model_(model), text_(text) {
    nodes_.allocate(1);
    nodes_[0] = Node{};
  }

  /// Codes the byte at `position`: code_bit(p1) is given the probability of a one, in 2^-32, and returns the
  /// bit.
  template <typename CodeBit>
  std::uint8_t code(std::uint32_t position, CodeBit code_bit) {
    const std::uint8_t new_edge = find_path(position);
    int v = 1;
    for (int i = 0; i < 8; ++i) v = 2 * v + code_bit(predict(v, i));
    const int symbol = v - 256;
    for (int level = 0; level <= deepest_; ++level) absorb(level, symbol);
    Node& attach = nodes_[path_[deepest_]];
    if (attach.depth < model_.depth()) {
      children_.put(path_[deepest_], new_edge, Children::position_flag | position);
    }
    return static_cast<std::uint8_t>(symbol);
  }

 private:
  using Ratios = std::array<BitRatio, max_context_depth + 1>;

  const float* chain(int from, int to) const noexcept {
    return model_.chain() + (static_cast<std::ptrdiff_t>(from) * (model_.depth() + 1) + to) * transition_size;
  }
  const float* leaf(int depth) const noexcept { return model_.leaf() + tree_states * depth; }

  AdaptiveSlot& slot(Node& node, int v) noexcept {
    int rank = 0;
    for (int w = 0; w < v >> 6; ++w) rank += std::popcount(node.slots[w]);
    rank += std::popcount(node.slots[v >> 6] & ((std::uint64_t{1} << (v & 63)) - 1));
    return slots_.at(node.first_slot)[rank];
  }

  // Binary node in whose slot v's product is kept.
  static int slot_of(const Node& node, int v) noexcept {
    if (!bit_of(node.branch, v)) {
      while (v > 1 && !bit_of(node.branch, v >> 1)) v >>= 1;
    }
    return v;
  }

  int shared_bytes(std::uint32_t a, std::uint32_t b) const noexcept {
    int d = 0;
    while (d < model_.depth() && text_[a - 1 - d] == text_[b - 1 - d]) ++d;
    return d;
  }

  // Nodes whose context the position has, shallowest first, into path_[0 ... deepest_]; a node is made where
  // the position leaves an edge. Returns the context byte by which the position leaves the deepest one.
  std::uint8_t find_path(std::uint32_t position) {
    std::uint32_t node = 0;
    std::uint32_t next = 0;
    std::uint32_t witness = position;
    deepest_ = -1;
    for (;;) {  // blind descent: edges are checked against one witness afterwards
      path_[++deepest_] = node;
      const Node& here = nodes_[node];
      if (deepest_ > 0) witness = here.position;
      if (here.depth == model_.depth()) break;
      next = children_.find(node, text_[position - 1 - here.depth]);
      if (next == Children::none) break;
      if (next & Children::position_flag) {
        witness = next & ~Children::position_flag;
        break;
      }
      node = next;
    }
    const int shared = witness == position ? 0 : shared_bytes(position, witness);
    while (nodes_[path_[deepest_]].depth > shared) --deepest_;
    const Node& above = nodes_[path_[deepest_]];
    if (above.depth < shared) split(position, shared);
    for (int level = 0; level <= deepest_; ++level) {
      const Node& node = nodes_[path_[level]];
      if (node.slot_count == 0) continue;
      const auto* slots = reinterpret_cast<const char*>(slots_.at(node.first_slot));
      for (int line = 0; line < 4; ++line) __builtin_prefetch(slots + 64 * line);
    }
    const int depth = nodes_[path_[deepest_]].depth;
    return depth < model_.depth() ? text_[position - 1 - depth] : 0;
  }

  // Makes the node of the position's first `depth` context bytes, on the edge below the path's end.
  void split(std::uint32_t position, int depth) {
    const std::uint32_t parent = path_[deepest_];
    const std::uint8_t edge = text_[position - 1 - nodes_[parent].depth];
    const std::uint32_t child = children_.find(parent, edge);
    const std::uint32_t made = nodes_.allocate(1);
    Node& node = nodes_[made];
    node = Node{};
    node.depth = static_cast<std::uint8_t>(depth);
    if (child & Children::position_flag) {
      const std::uint32_t other = child & ~Children::position_flag;
      node.position = other;
      begin(node, text_[other], leaf(depth));
      if (depth < model_.depth()) children_.put(made, text_[other - 1 - depth], child);
    } else {
      Node& below = nodes_[child];
      node.position = below.position;
      std::copy(std::begin(below.used), std::end(below.used), node.used);
      std::copy(std::begin(below.branch), std::end(below.branch), node.branch);
      std::copy(std::begin(below.slots), std::end(below.slots), node.slots);
      node.slot_count = below.slot_count;
      node.size_class = below.size_class;
      node.first_slot = slots_.allocate(node.size_class);
      const AdaptiveSlot* from = slots_.at(below.first_slot);
      AdaptiveSlot* to = slots_.at(node.first_slot);
      for (int i = 0; i < node.slot_count; ++i) kernels().lift(to[i], from[i], chain(depth, below.depth));
      children_.put(made, text_[below.position - 1 - depth], child);
    }
    children_.put(parent, edge, made);
    path_[++deepest_] = made;
  }

  // First symbol of a node: one run from the top, for "the bit that was seen".
  void begin(Node& node, int symbol, const float* factor) {
    node.slot_count = 1;
    node.size_class = 0;
    node.first_slot = slots_.allocate(0);
    node.slots[0] = 2;
    for (int v = 256 + symbol; v > 0; v >>= 1) set_bit(node.used, v);
    kernels().start(*slots_.at(node.first_slot), factor, false);
  }

  // Probability of a one at binary node v, the i-th of the byte; leaves in ratios_[i] the ratios that lead to
  // it, one for each level that has seen v.
  std::uint32_t predict(int v, int i) noexcept {
    Ratios& ratios = ratios_[i];
    int level = deepest_;
    while (level > 0 && !bit_of(nodes_[path_[level]].used, v)) --level;
    const int reused = i == 0 ? level + 1 : reuse_run(v, i, level);
    if (reused > level) {
      const float* unseen = leaf(nodes_[path_[level]].depth);
      for (int p = 0; p < tree_states; ++p) {
        ratios[level].one[p] = unseen[p];
        ratios[level].zero[p] = unseen[tree_states - 1 - p];
      }
    } else {
      level = reused;
    }
    for (; level > 0; --level) {
      Node& node = nodes_[path_[level]];
      kernels().ascend(slot(node, slot_of(node, v)), is_turned(node, v),
                       chain(nodes_[path_[level - 1]].depth, node.depth), ratios[level], ratios[level - 1]);
    }
    Node& root = nodes_[path_[0]];
    if (!bit_of(root.used, v)) return kernels().predict(nullptr, false, model_.prior(), ratios[0]);
    return kernels().predict(&slot(root, slot_of(root, v)), is_turned(root, v), model_.prior(), ratios[0]);
  }

  // Where, from `deepest` up, the nodes saw one bit only both at v and above it, the ratios are those of the
  // bit before, or their mirror image. Copies them; returns the level up to which they are now known.
  int reuse_run(int v, int i, int deepest) noexcept {
    int level = deepest;
    for (; level >= 0; --level) {
      const Node& node = nodes_[path_[level]];
      if (bit_of(node.branch, v) || bit_of(node.branch, v >> 1) || !bit_of(node.used, v)) break;
    }
    if (level == deepest) return deepest + 1;
    const int known = level < 0 ? 0 : level;
    const bool mirrored = is_turned(nodes_[path_[deepest]], v) != ((v & 1) == 0);
    for (int j = known; j <= deepest; ++j) {
      const BitRatio& from = ratios_[i - 1][j];
      BitRatio& to = ratios_[i][j];
      if (!mirrored) {
        to = from;
      } else {
        for (int p = 0; p < tree_states; ++p) {
          to.one[p] = from.zero[tree_states - 1 - p];
          to.zero[p] = from.one[tree_states - 1 - p];
        }
      }
    }
    return known;
  }

  // Whether the product at v is kept for "a zero".
  static bool is_turned(const Node& node, int v) noexcept {
    return !bit_of(node.branch, v) && !bit_of(node.used, 2 * v + 1);
  }

  // Multiplies the coded byte's ratios into a node of the path.
  void absorb(int level, int symbol) {
    Node& node = nodes_[path_[level]];
    const float* unseen = leaf(node.depth);
    if (node.slot_count == 0) return begin(node, symbol, unseen);
    int top = 1;
    int v = 1;
    for (int i = 0; i < 8; ++i) {
      const bool bit = symbol >> (7 - i) & 1;
      const int next = 2 * v + bit;
      if (bit_of(node.branch, v)) {
        if (v != top) follow(node, level, top, symbol);
        kernels().update(slot(node, v), bit ? ratios_[i][level].one : ratios_[i][level].zero, false);
        top = next;
      } else if (!bit_of(node.used, next)) {  // the run from `top` is cut here
        const int other = 2 * v + !bit;
        if (other < 256 && !bit_of(node.branch, other)) {
          insert(node, other);
          kernels().copy(slot(node, other), slot(node, top), false);
        }
        if (v != top) insert(node, v);
        kernels().copy(slot(node, v), slot(node, top), bit);  // it was for the other bit; now for a one
        kernels().update(slot(node, v), bit ? ratios_[i][level].one : ratios_[i][level].zero, false);
        if (v != top) follow(node, level, top, symbol);
        if (next < 256) {
          insert(node, next);
          kernels().start(slot(node, next), unseen, false);
        }
        set_bit(node.branch, v);
        for (int u = 256 + symbol; u > v; u >>= 1) set_bit(node.used, u);
        return;
      }
      v = next;
    }
    if (top < 256) follow(node, level, top, symbol);
  }

  // The run that begins at `top` saw its bit once more.
  void follow(Node& node, int level, int top, int symbol) noexcept {
    const int i = std::bit_width(static_cast<unsigned>(top)) - 1;
    const bool bit = symbol >> (7 - i) & 1;
    const BitRatio& ratio = ratios_[i][level];
    kernels().update(slot(node, top), bit ? ratio.one : ratio.zero, !bit);
  }

  // Gives binary node v a slot, with no value yet.
  void insert(Node& node, int v) {
    if (node.slot_count == 1u << node.size_class) {
      const std::uint32_t larger = slots_.allocate(node.size_class + 1u);
      std::copy_n(slots_.at(node.first_slot), node.slot_count, slots_.at(larger));
      slots_.release(node.first_slot, node.size_class);
      node.first_slot = larger;
      ++node.size_class;
    }
    AdaptiveSlot* end = slots_.at(node.first_slot) + node.slot_count;
    AdaptiveSlot* at = &slot(node, v);
    std::copy_backward(at, end, end + 1);
    set_bit(node.slots, v);
    ++node.slot_count;
  }

  const TreeModel& model_;
  const std::uint8_t* text_;
  Arena<Node, 12> nodes_;
  SlotStore slots_;
  Children children_;
  std::uint32_t path_[max_context_depth + 1];
  int deepest_ = 0;
  std::array<Ratios, 8> ratios_;
};

// Room for a document behind its padding, as the tree reads it. Not initialised: what is never written costs
// no memory, however large a size a damaged stream declares.
std::unique_ptr<std::uint8_t[]> padded(std::size_t size) {
  std::unique_ptr<std::uint8_t[]> text(new std::uint8_t[context_padding + size]);
  std::fill_n(text.get(), context_padding, std::uint8_t{0});
  return text;
}

std::unique_ptr<std::uint8_t[]> padded(std::span<const std::uint8_t> document) {
  std::unique_ptr<std::uint8_t[]> text = padded(document.size());
  std::copy(document.begin(), document.end(), text.get() + context_padding);
  return text;
}

bool known_bit(std::uint8_t byte, int& index) noexcept { return byte >> (7 - index++) & 1; }

}  // namespace

std::vector<std::uint8_t> context_tree_encode(const TreeModel& model, std::span<const std::uint8_t> document,
                                              const Watch& watch) {
  const std::unique_ptr<std::uint8_t[]> text = padded(document);
  const auto tree = std::make_unique<AdaptiveTree>(model, text.get());
  RangeEncoder encoder;
  for (std::size_t i = context_padding; i < context_padding + document.size() && !watch.cancelled(); ++i) {
    int index = 0;
    tree->code(static_cast<std::uint32_t>(i), [&](std::uint32_t p1) {
      const bool bit = known_bit(text[i], index);
      encoder.encode_bit(bit, p1);
      return bit;
    });
    watch.advance(1);
  }
  const std::span<const std::uint8_t> payload = encoder.finish();
  return {payload.begin(), payload.end()};
}

void context_tree_byte_bits(const TreeModel& model, std::span<const std::uint8_t> document, double* bits,
                            const Watch& watch) {
  const std::unique_ptr<std::uint8_t[]> text = padded(document);
  const auto tree = std::make_unique<AdaptiveTree>(model, text.get());
  for (std::size_t i = context_padding; i < context_padding + document.size() && !watch.cancelled(); ++i) {
    int index = 0;
    double sum = 0.0;
    tree->code(static_cast<std::uint32_t>(i), [&](std::uint32_t p1) {
      const bool bit = known_bit(text[i], index);
      sum -= std::log2((bit ? p1 : 4294967296.0 - p1) / 4294967296.0);
      return bit;
    });
    bits[i - context_padding] = sum;
    watch.advance(1);
  }
}

bool context_tree_decode(const TreeModel& model, std::span<const std::uint8_t> payload,
                         std::span<std::uint8_t> document, std::size_t& position, const Watch& watch) {
  const std::unique_ptr<std::uint8_t[]> text = padded(document.size());
  const auto tree = std::make_unique<AdaptiveTree>(model, text.get());
  RangeDecoder decoder(payload);
  for (std::size_t i = context_padding; i < context_padding + document.size() && !watch.cancelled(); ++i) {
    text[i] = tree->code(static_cast<std::uint32_t>(i),
                         [&](std::uint32_t p1) -> bool { return decoder.decode_bit(p1); });
    if (decoder.failed()) break;
    watch.advance(1);
  }
  position = decoder.position();
  if (!decoder.at_end()) return false;
  std::copy_n(text.get() + context_padding, document.size(), document.begin());
  return true;
}

}  // namespace skm
