// Folding of sorted contexts, compiled once per instruction set.

#include "state_lanes.inl"

// Four messages of relative range 2^22 each way stay inside a float.
constexpr int merges_per_spread = 4;

inline IntLanes load_exponents(const std::int32_t* from) noexcept {
  IntLanes lanes;
  __builtin_memcpy(&lanes, from, sizeof lanes);
  return lanes;
}
inline void store_exponents(std::int32_t* to, IntLanes lanes) noexcept {
  __builtin_memcpy(to, &lanes, sizeof lanes);
}

// A message: lanes * 2^exponent.
struct Message {
  Lanes lanes;
  std::int64_t exponent;
};

inline bool bit_of(const std::uint64_t* words, int v) noexcept { return words[v >> 6] >> (v & 63) & 1; }
inline void set_bit(std::uint64_t* words, int v) noexcept { words[v >> 6] |= std::uint64_t{1} << (v & 63); }

// ---- tries of binary nodes ---------------------------------------------------------------------

// Bits 0, 2, 4 ... of x, packed into the low half; and the way back.
inline std::uint64_t pack_even(std::uint64_t x) noexcept {
#if defined(__BMI2__)
  return _pext_u64(x, 0x5555555555555555u);
#else
  x &= 0x5555555555555555u;
  x = (x | x >> 1) & 0x3333333333333333u;
  x = (x | x >> 2) & 0x0f0f0f0f0f0f0f0fu;
  x = (x | x >> 4) & 0x00ff00ff00ff00ffu;
  x = (x | x >> 8) & 0x0000ffff0000ffffu;
  return (x | x >> 16) & 0x00000000ffffffffu;
#endif
}
inline std::uint64_t unpack_even(std::uint64_t x) noexcept {
#if defined(__BMI2__)
  return _pdep_u64(x, 0x5555555555555555u);
#else
  x &= 0x00000000ffffffffu;
  x = (x | x << 16) & 0x0000ffff0000ffffu;
  x = (x | x << 8) & 0x00ff00ff00ff00ffu;
  x = (x | x << 4) & 0x0f0f0f0f0f0f0f0fu;
  x = (x | x << 2) & 0x3333333333333333u;
  return (x | x << 1) & 0x5555555555555555u;
#endif
}

inline void find_branches(const std::uint64_t* used, std::uint64_t* branch) noexcept {
  for (int w = 0; w < 4; ++w) {
    const std::uint64_t low = used[2 * w] & used[2 * w] >> 1;
    const std::uint64_t high = used[2 * w + 1] & used[2 * w + 1] >> 1;
    branch[w] = pack_even(low) | pack_even(high) << 32;
  }
}

inline Slots slots_of(const std::uint64_t* used, const std::uint64_t* branch) noexcept {
  Slots slots;
  for (int w = 0; w < 4; ++w) {
    const std::uint64_t below_branch = unpack_even(branch[w >> 1] >> 32 * (w & 1));
    slots.words[w] = used[w] & (branch[w] | below_branch | below_branch << 1 | (w == 0 ? 2u : 0u));
  }
  return slots;
}

template <typename Visit>
inline void for_each_ascending(const Slots& slots, Visit visit) noexcept {
  for (int w = 0; w < 4; ++w) {
    for (std::uint64_t word = slots.words[w]; word != 0; word &= word - 1)
      visit(64 * w + __builtin_ctzll(word));
  }
}

template <typename Visit>
inline void for_each_descending(const Slots& slots, Visit visit) noexcept {
  for (int w = 3; w >= 0; --w) {
    for (std::uint64_t word = slots.words[w]; word != 0;) {
      const int bit = 63 - __builtin_clzll(word);
      word ^= std::uint64_t{1} << bit;
      visit(64 * w + bit);
    }
  }
}

// Slot in which binary node v's product is kept.
inline int slot_of(const std::uint64_t* branch, int v) noexcept {
  if (!bit_of(branch, v)) {
    while (v > 1 && !bit_of(branch, v >> 1)) v >>= 1;
  }
  return v;
}

// How many binary nodes share slot v.
inline int sharers(const std::uint64_t* used, const std::uint64_t* branch, int v) noexcept {
  int count = 1;
  if (bit_of(branch, v)) return count;
  for (;;) {
    v = 2 * v + bit_of(used, 2 * v + 1);
    if (v >= 256 || bit_of(branch, v)) return count;
    ++count;
  }
}

// ---- nodes -------------------------------------------------------------------------------------

void clear(ContextNode& node, int depth) noexcept {
  node.depth = depth;
  node.merges = 0;
  node.empty = true;
  node.wide = false;
}

inline void spread_slot(ContextNode& node, int v) noexcept {
  const IntLanes bits = reinterpret_cast<IntLanes>(load(node.product[v]));
  const IntLanes before = node.wide ? load_exponents(node.exponent[v]) : IntLanes{};
  store_exponents(node.exponent[v], before + (bits >> 23) - 127);
  store(node.product[v], reinterpret_cast<Lanes>((bits & 0x007fffff) | 0x3f800000));
}

// Moves the exponents of the products into integers: from here on the node's range is unbounded.
void spread(ContextNode& node) noexcept {
  if (node.symbol >= 0) {
    spread_slot(node, 1);
  } else {
    for_each_ascending(slots_of(node.used, node.branch), [&](int v) { spread_slot(node, v); });
  }
  node.wide = true;
  node.merges = 1;
}

// To be called before a message is multiplied in.
inline void make_room(ContextNode& node) noexcept {
  if (node.merges == merges_per_spread) spread(node);
  ++node.merges;
}

inline Message turned(const Message& x, bool bit) noexcept { return {turned(x.lanes, bit), x.exponent}; }

inline void multiply(ContextNode& node, int v, const Message& message) noexcept {
  store(node.product[v], load(node.product[v]) * message.lanes);
  node.scale[v] += message.exponent;
}

inline void set(ContextNode& node, int v, const Message& message) noexcept {
  store(node.product[v], message.lanes);
  node.scale[v] = message.exponent;
  if (node.wide) store_exponents(node.exponent[v], IntLanes{});
}

// slot `to` := slot `from`; turned if the product changes from "the bit seen" to "a one".
inline void copy_slot(ContextNode& node, int to, int from, bool bit) noexcept {
  store(node.product[to], turned(load(node.product[from]), bit));
  node.scale[to] = node.scale[from];
  if (node.wide)
    store_exponents(node.exponent[to], turned_exponents(load_exponents(node.exponent[from]), bit));
}

inline void mark_path(ContextNode& node, int v) noexcept {
  for (; v > 0; v >>= 1) set_bit(node.used, v);
}

// Multiplies into a node with more than one symbol, or with another one, the message of `symbol` alone.
void absorb_into_trie(ContextNode& node, int symbol, const Message& message) noexcept {
  const int leaf = 256 + symbol;
  int top = 1;
  int v = 1;
  for (int b = 7; b >= 0; --b) {
    const bool bit = symbol >> b & 1;
    const int next = 2 * v + bit;
    if (bit_of(node.branch, v)) {
      if (v != top) multiply(node, top, message);
      multiply(node, v, turned(message, bit));
      top = next;
    } else if (!bit_of(node.used, next)) {  // the run from `top` is cut here
      const int other = 2 * v + !bit;
      if (other < 256 && !bit_of(node.branch, other)) copy_slot(node, other, top, true);
      copy_slot(node, v, top, !bit);
      multiply(node, v, turned(message, bit));
      if (v != top) multiply(node, top, message);
      if (next < 256) set(node, next, message);
      set_bit(node.branch, v);
      mark_path(node, leaf);
      return;
    }
    v = next;
  }
  if (top < 256) multiply(node, top, message);
}

// One message for all eight binary nodes of `symbol`: that of a context below which only it was seen.
inline void absorb_symbol(ContextNode& node, int symbol, const Message& message) noexcept {
  if (node.empty) {
    node.empty = false;
    node.symbol = symbol;
    for (std::uint64_t& word : node.used) word = 0;
    for (std::uint64_t& word : node.branch) word = 0;
    mark_path(node, 256 + symbol);
    return set(node, 1, message);
  }
  if (node.symbol == symbol) return multiply(node, 1, message);
  node.symbol = -1;
  absorb_into_trie(node, symbol, message);
}

// Products with their exponents as lanes * 2^exponent, the largest lane in [1, 2).
inline Message gather_wide(IntLanes bits, IntLanes more, std::int64_t scale) noexcept {
  const IntLanes exponents = more + (bits >> 23) - 127;
  std::int32_t largest = exponents[0];
  for (int i = 1; i < tree_states; ++i) largest = exponents[i] > largest ? exponents[i] : largest;
  const IntLanes relative = exponents - largest;
  const IntLanes scaled = (bits & 0x007fffff) | ((relative + 127) << 23);
  return {reinterpret_cast<Lanes>(scaled & (relative > -64)), scale + largest};
}

// The product in slot v as lanes * 2^exponent, the largest lane in [1, 2) if the node is wide.
inline Message gather(const ContextNode& node, int v) noexcept {
  const Lanes product = load(node.product[v]);
  if (!node.wide) return {product, node.scale[v]};
  return gather_wide(reinterpret_cast<IntLanes>(product), load_exponents(node.exponent[v]), node.scale[v]);
}

// Message from depth `to` up to depth `from`: sums over the states at `to`. The result is scaled so that a
// state in the middle is in [1, 2): a probability of one half is within 2^22 of every other.
inline Message ascend(Message below, const TreeModelView& model, int from, int to) noexcept {
  const float* matrix =
      model.chain + (static_cast<std::ptrdiff_t>(from) * (model.depth + 1) + to) * transition_size;
  const Lanes sum = transition(matrix, below.lanes);
  const std::int32_t exponent = (reinterpret_cast<IntLanes>(sum)[8] >> 23) - 127;
  const float scale = __builtin_bit_cast(float, (127 - exponent) << 23);
  return {sum * scale, below.exponent + exponent};
}

// Multiplies the messages of a child with several symbols into a parent that is not empty; message(v) is that
// of the child's slot v.
template <typename MessageAt>
inline void multiply_trie(ContextNode& parent, const std::uint64_t* child_used,
                          const std::uint64_t* child_branch, MessageAt message_at) noexcept {
  std::uint64_t used[8];
  std::uint64_t branch[4];
  for (int w = 0; w < 8; ++w) used[w] = parent.used[w] | child_used[w];
  find_branches(used, branch);
  // What changes: the child's binary nodes, and the other side of runs that it cuts.
  Slots changed = slots_of(used, branch);
  for (int w = 0; w < 4; ++w) {
    const int half = 32 * (w & 1);
    const std::uint64_t cut = unpack_even((branch[w >> 1] & ~parent.branch[w >> 1]) >> half);
    changed.words[w] &= child_used[w] | cut | cut << 1;
  }
  // Descending, so that the slot of a run is read before it is changed: it stands above those derived from
  // it.
  for_each_descending(changed, [&](int v) {
    const bool branches = bit_of(branch, v);
    if (bit_of(parent.used, v)) {
      const int slot = slot_of(parent.branch, v);
      const bool turn = branches && !bit_of(parent.branch, v);
      if (turn || slot != v) copy_slot(parent, v, slot, !turn || bit_of(parent.used, 2 * v + 1));
      if (!bit_of(child_used, v)) return;
    }
    Message message = message_at(slot_of(child_branch, v));
    if (branches && !bit_of(child_branch, v)) message = turned(message, bit_of(child_used, 2 * v + 1));
    if (bit_of(parent.used, v)) {
      multiply(parent, v, message);
    } else {
      set(parent, v, message);
    }
  });
  __builtin_memcpy(parent.used, used, sizeof used);
  __builtin_memcpy(parent.branch, branch, sizeof branch);
}

void absorb(ContextNode& parent, const ContextNode& child, const TreeModelView& model) noexcept {
  make_room(parent);
  if (child.symbol >= 0) {
    return absorb_symbol(parent, child.symbol, ascend(gather(child, 1), model, parent.depth, child.depth));
  }
  const Slots child_slots = slots_of(child.used, child.branch);
  parent.symbol = -1;
  if (parent.empty) {
    parent.empty = false;
    __builtin_memcpy(parent.used, child.used, sizeof parent.used);
    __builtin_memcpy(parent.branch, child.branch, sizeof parent.branch);
    for_each_ascending(child_slots, [&](int v) {
      set(parent, v, ascend(gather(child, v), model, parent.depth, child.depth));
    });
    return;
  }
  Message messages[256];
  for_each_ascending(
      child_slots, [&](int v) { messages[v] = ascend(gather(child, v), model, parent.depth, child.depth); });
  multiply_trie(parent, child.used, child.branch, [&](int v) { return messages[v]; });
}

void absorb_leaf(ContextNode& parent, int symbol, const TreeModelView& model) noexcept {
  make_room(parent);
  absorb_symbol(parent, symbol, {load(model.leaf + tree_states * parent.depth), 0});
}

#include "context_refold.inl"

struct MarkovWeighting {
  const TreeModelView& model;

  void open(ContextNode& node, int depth) const noexcept { clear(node, depth); }
  void absorb(ContextNode& parent, const ContextNode& child) const noexcept {
    skm::absorb(parent, child, model);
  }
  void absorb_leaf(ContextNode& parent, int symbol) const noexcept {
    skm::absorb_leaf(parent, symbol, model);
  }
};

void feed(ContextFold& fold, const TreeModelView& model, const std::uint8_t* text, const std::uint64_t* items,
          const std::int8_t* shared, std::uint32_t count) noexcept {
  const MarkovWeighting weighting{model};
  feed_sorted(fold, weighting, text, items, shared, count);
}

// Bits of the binary nodes that share slot v of the topmost context.
inline double slot_bits(const std::uint64_t* used, const std::uint64_t* branch, int v, const Message& message,
                        const double* prior) noexcept {
  double sum = 0.0;
  for (int p = 0; p < tree_states; ++p) sum += prior[p] * static_cast<double>(message.lanes[p]);
  return sharers(used, branch, v) * (__builtin_log2(sum) + static_cast<double>(message.exponent));
}

double root_bits(const ContextNode& node, const TreeModelView& model, const double* prior) noexcept {
  double bits = 0.0;
  for_each_ascending(slots_of(node.used, node.branch), [&](int v) {
    Message message = gather(node, v);
    if (node.depth > 0) message = ascend(message, model, 0, node.depth);
    bits -= slot_bits(node.used, node.branch, v, message, prior);
  });
  return bits;
}

double changed_bits(const ContextChange& change, const double* prior) noexcept {
  double bits = 0.0;
  const std::uint8_t* next = change.trie.messages;
  for_each_ascending(change.trie.slots, [&](int v) {
    bits -= slot_bits(change.trie.used, change.trie.branch, v, read_message(next), prior);
    next += message_slot_bytes;
  });
  return bits;
}

constexpr ContextTreeKernels context_tree_kernels{
    feed,          absorb,        absorb_leaf,  slot_count,  write_messages, absorb_messages, count_columns,
    write_columns, find_messages, open_context, plan_change, refold_changes, changed_bits,    root_bits};
