// Folding of sorted contexts, compiled once per instruction set. Generic vectors of 16 floats: every lane does
// the same IEEE operations in the same order whatever the register width, so the result has the same bits.

typedef float Lanes __attribute__((vector_size(64)));
typedef std::int32_t IntLanes __attribute__((vector_size(64)));

// Four messages of relative range 2^22 each way stay inside a float.
constexpr int merges_per_spread = 4;

inline Lanes load(const float* from) noexcept {
  Lanes lanes;
  __builtin_memcpy(&lanes, from, sizeof lanes);
  return lanes;
}
inline IntLanes load_exponents(const std::int32_t* from) noexcept {
  IntLanes lanes;
  __builtin_memcpy(&lanes, from, sizeof lanes);
  return lanes;
}
inline void store(float* to, Lanes lanes) noexcept { __builtin_memcpy(to, &lanes, sizeof lanes); }
inline void store_exponents(std::int32_t* to, IntLanes lanes) noexcept { __builtin_memcpy(to, &lanes, sizeof lanes); }

// The same message seen from the other value of the bit: state i is the mirror image of state 15 - i.
inline Lanes mirror(Lanes x) noexcept {
  return __builtin_shufflevector(x, x, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
}
inline IntLanes mirror_exponents(IntLanes x) noexcept {
  return __builtin_shufflevector(x, x, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
}

inline bool is_used(const ContextNode& node, int v) noexcept { return node.used[v >> 6] >> (v & 63) & 1; }
inline void mark_used(ContextNode& node, int v) noexcept { node.used[v >> 6] |= std::uint64_t{1} << (v & 63); }

void clear(ContextNode& node, int depth) noexcept {
  node.depth = depth;
  node.merges = 0;
  node.empty = true;
  node.single = false;
  node.wide = false;
}

void clear_used(ContextNode& node) noexcept {
  for (std::uint64_t& word : node.used) word = 0;
}

// Calls visit(v) for each visited binary node in ascending order: parents before children.
template <typename Visit>
inline void for_each_used(const ContextNode& node, Visit visit) noexcept {
  for (int w = 0; w < 4; ++w) {
    for (std::uint64_t word = node.used[w]; word != 0; word &= word - 1) visit(64 * w + __builtin_ctzll(word));
  }
}

inline void spread_slot(ContextNode& node, int v) noexcept {
  const IntLanes bits = reinterpret_cast<IntLanes>(load(node.product[v]));
  const IntLanes before = node.wide ? load_exponents(node.exponent[v]) : IntLanes{};
  store_exponents(node.exponent[v], before + (bits >> 23) - 127);
  store(node.product[v], reinterpret_cast<Lanes>((bits & 0x007fffff) | 0x3f800000));
}

// Moves the exponents of the products into integers: from here on the node's range is unbounded.
void spread(ContextNode& node) noexcept {
  if (node.single) {
    spread_slot(node, 0);
  } else {
    for_each_used(node, [&](int v) { spread_slot(node, v); });
  }
  node.wide = true;
  node.merges = 1;
}

// To be called before a message is multiplied in.
inline void make_room(ContextNode& node) noexcept {
  if (node.merges == merges_per_spread) spread(node);
  ++node.merges;
}

inline void multiply(ContextNode& node, int v, Lanes message) noexcept {
  store(node.product[v], load(node.product[v]) * message);
}

inline void set(ContextNode& node, int v, Lanes message) noexcept {
  store(node.product[v], message);
  if (node.wide) store_exponents(node.exponent[v], IntLanes{});
}

inline void multiply_or_set(ContextNode& node, int v, Lanes message) noexcept {
  if (is_used(node, v)) {
    multiply(node, v, message);
  } else {
    mark_used(node, v);
    set(node, v, message);
  }
}

void expand(ContextNode& node) noexcept {
  if (!node.single) return;
  node.single = false;
  clear_used(node);
  const Lanes ahead = load(node.product[0]);
  const Lanes behind = mirror(ahead);
  const IntLanes exponents = node.wide ? load_exponents(node.exponent[0]) : IntLanes{};
  int v = 1;
  for (int b = 7; b >= 0; --b) {
    const int bit = node.symbol >> b & 1;
    mark_used(node, v);
    store(node.product[v], bit != 0 ? ahead : behind);
    if (node.wide) store_exponents(node.exponent[v], bit != 0 ? exponents : mirror_exponents(exponents));
    v = 2 * v + bit;
  }
  mark_used(node, v);
}

// One message for all eight binary nodes of `symbol`: that of a context below which only it was seen.
inline void absorb_symbol(ContextNode& node, std::uint8_t symbol, Lanes message) noexcept {
  make_room(node);
  if (node.empty) {
    node.empty = false;
    node.single = true;
    node.symbol = symbol;
    store(node.product[0], message);
    return;
  }
  if (node.single) {
    if (node.symbol == symbol) return multiply(node, 0, message);
    expand(node);
  }
  const Lanes mirrored = mirror(message);
  int v = 1;
  for (int b = 7; b >= 0; --b) {
    const int bit = symbol >> b & 1;
    multiply_or_set(node, v, bit != 0 ? message : mirrored);
    v = 2 * v + bit;
  }
  mark_used(node, v);
}

struct Message {
  Lanes lanes;
  std::int64_t exponent;
};

// The product in slot v as lanes * 2^exponent, the largest lane in [1, 2) if the node is wide.
inline Message gather(const ContextNode& node, int v) noexcept {
  const Lanes product = load(node.product[v]);
  if (!node.wide) return {product, 0};
  const IntLanes bits = reinterpret_cast<IntLanes>(product);
  const IntLanes exponents = load_exponents(node.exponent[v]) + (bits >> 23) - 127;
  std::int32_t largest = exponents[0];
  for (int i = 1; i < tree_states; ++i) largest = exponents[i] > largest ? exponents[i] : largest;
  const IntLanes relative = exponents - largest;
  const IntLanes scaled = (bits & 0x007fffff) | ((relative + 127) << 23);
  return {reinterpret_cast<Lanes>(scaled & (relative > -64)), largest};
}

// Message from depth `to` up to depth `from`: sums over the states at `to`. The result is scaled so that a state
// in the middle is in [1, 2): a probability of one half is within 2^22 of every other.
inline Message ascend(Message below, const TreeModelView& model, int from, int to) noexcept {
  const float* matrix = model.chain + (static_cast<std::ptrdiff_t>(from) * (model.depth + 1) + to) * 256;
  alignas(64) float states[tree_states];
  store(states, below.lanes);
  Lanes sums[4];
  for (int i = 0; i < 4; ++i) sums[i] = load(matrix + 16 * i) * states[i];
  for (int p = 4; p < tree_states; p += 4) {
    for (int i = 0; i < 4; ++i) sums[i] += load(matrix + 16 * (p + i)) * states[p + i];
  }
  const Lanes sum = (sums[0] + sums[1]) + (sums[2] + sums[3]);
  const std::int32_t exponent = (reinterpret_cast<IntLanes>(sum)[8] >> 23) - 127;
  const float scale = __builtin_bit_cast(float, (127 - exponent) << 23);
  return {sum * scale, below.exponent + exponent};
}

void absorb(ContextNode& parent, ContextNode& child, const TreeModelView& model, std::int64_t& exponent) noexcept {
  if (child.single) {
    const Message message = ascend(gather(child, 0), model, parent.depth, child.depth);
    exponent += 8 * message.exponent;
    absorb_symbol(parent, child.symbol, message.lanes);
    return;
  }
  make_room(parent);
  if (parent.empty) {
    parent.empty = false;
    clear_used(parent);
  } else {
    expand(parent);
  }
  // A binary node that saw one bit only, below another that did, has the same history: the same message, or its
  // mirror image. alone[v] is the bit, or -1.
  std::int8_t alone[256];
  Message messages[256];
  for_each_used(child, [&](int v) {
    const bool zero = is_used(child, 2 * v);
    const bool one = is_used(child, 2 * v + 1);
    alone[v] = static_cast<std::int8_t>(zero && one ? -1 : one);
    const int above = v >> 1;
    if (v > 1 && alone[v] >= 0 && alone[above] >= 0) {
      messages[v] = messages[above];
      if (alone[v] != alone[above]) messages[v].lanes = mirror(messages[v].lanes);
    } else {
      messages[v] = ascend(gather(child, v), model, parent.depth, child.depth);
    }
    exponent += messages[v].exponent;
    multiply_or_set(parent, v, messages[v].lanes);
  });
  for (int w = 4; w < 8; ++w) parent.used[w] |= child.used[w];
}

void absorb_leaf(ContextNode& parent, int symbol, const TreeModelView& model) noexcept {
  absorb_symbol(parent, static_cast<std::uint8_t>(symbol), load(model.leaf + tree_states * parent.depth));
}

inline ContextNode& node_at(ContextFold& fold, int level) noexcept { return fold.nodes[fold.order[level]]; }

inline void push(ContextFold& fold, int depth) noexcept { clear(node_at(fold, ++fold.top), depth); }

// Closes the open nodes deeper than `depth`; the last one stays open where nothing lies above it.
inline void close_to(ContextFold& fold, const TreeModelView& model, int depth) noexcept {
  while (node_at(fold, fold.top).depth > depth) {
    const int above = fold.top > 0 ? node_at(fold, fold.top - 1).depth : -1;
    const int parent_depth = depth > above ? depth : above;
    if (parent_depth < 0) return;
    if (above < parent_depth) {  // a new node between the two
      push(fold, parent_depth);
      const std::int16_t swapped = fold.order[fold.top];
      fold.order[fold.top] = fold.order[fold.top - 1];
      fold.order[fold.top - 1] = swapped;
    }
    absorb(node_at(fold, fold.top - 1), node_at(fold, fold.top), model, fold.exponent);
    --fold.top;
  }
}

void feed(ContextFold& fold, const TreeModelView& model, const std::uint8_t* text, const std::uint64_t* items,
          const std::int8_t* shared, std::uint32_t count) noexcept {
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint8_t symbol = text[static_cast<std::uint32_t>(items[i])];
    const int before = shared[i];
    const int after = shared[i + 1];
    const int depth = before > after ? before : after;
    if (depth < 0) {
      fold.last_symbol = symbol;
      return;
    }
    if (fold.top < 0 || node_at(fold, fold.top).depth < depth) push(fold, depth);
    absorb_leaf(node_at(fold, fold.top), symbol, model);
    close_to(fold, model, after);
  }
}

void message(const ContextNode& node, int v, const TreeModelView& model, float* out,
             std::int64_t& exponent) noexcept {
  Message result = gather(node, v);
  if (node.depth > 0) result = ascend(result, model, 0, node.depth);
  store(out, result.lanes);
  exponent += result.exponent;
}

constexpr ContextTreeKernels context_tree_kernels{feed, absorb, absorb_leaf, message, expand};
