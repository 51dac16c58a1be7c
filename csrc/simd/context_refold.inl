// Messages that a tree keeps, and folding contexts anew from them; part of context_tree.inl.

// ---- messages that are kept ----------------------------------------------------------------------

int slot_count(const ContextNode& node) noexcept {
  if (node.symbol >= 0) return 1;
  const Slots slots = slots_of(node.used, node.branch);
  int count = 0;
  for (const std::uint64_t word : slots.words) count += __builtin_popcountll(word);
  return count;
}

inline void write_message(const Message& message, std::uint8_t* out) noexcept {
  __builtin_memcpy(out, &message.exponent, sizeof message.exponent);
  __builtin_memcpy(out + sizeof message.exponent, &message.lanes, sizeof message.lanes);
}

inline Message read_message(const std::uint8_t* from) noexcept {
  Message message;
  __builtin_memcpy(&message.exponent, from, sizeof message.exponent);
  __builtin_memcpy(&message.lanes, from + sizeof message.exponent, sizeof message.lanes);
  return message;
}

void write_messages(const ContextNode& child, int depth, const TreeModelView& model,
                    std::uint8_t* out) noexcept {
  if (child.symbol >= 0) {
    return write_message(ascend(gather(child, 1), model, depth, child.depth), out);
  }
  __builtin_memcpy(out, child.used + 4, message_set_bytes);
  out += message_set_bytes;
  for_each_ascending(slots_of(child.used, child.branch), [&](int v) {
    write_message(ascend(gather(child, v), model, depth, child.depth), out);
    out += message_slot_bytes;
  });
}

// Binary nodes on the paths of the symbols in used[4 ... 7].
inline void mark_paths(std::uint64_t* used) noexcept {
  const auto parents = [](std::uint64_t word) { return pack_even(word | word >> 1); };
  used[2] = parents(used[4]) | parents(used[5]) << 32;
  used[3] = parents(used[6]) | parents(used[7]) << 32;
  used[1] = parents(used[2]) | parents(used[3]) << 32;
  std::uint64_t low = parents(used[1]) << 32;
  for (int level = 0; level < 5; ++level) low |= parents(low);
  used[0] = low & ~std::uint64_t{1};
}

inline void count_before(KeptTrie& trie) noexcept {
  trie.before[0] = 0;
  for (int w = 1; w < 4; ++w) {
    trie.before[w] = trie.before[w - 1] + __builtin_popcountll(trie.slots.words[w - 1]);
  }
}

// That of the symbols in used[4 ... 7].
inline void complete(KeptTrie& trie) noexcept {
  mark_paths(trie.used);
  find_branches(trie.used, trie.branch);
  trie.slots = slots_of(trie.used, trie.branch);
  count_before(trie);
}

inline KeptTrie kept_trie(int slots, int symbol, const std::uint8_t* messages) noexcept {
  KeptTrie trie{};
  if (slots <= 1) {
    for (int v = 256 + symbol; v > 0; v >>= 1) set_bit(trie.used, v);
    trie.slots.words[0] = 2;
    trie.before[1] = trie.before[2] = trie.before[3] = 1;
    trie.messages = messages;
    return trie;
  }
  __builtin_memcpy(trie.used + 4, messages, message_set_bytes);
  complete(trie);
  trie.messages = messages + message_set_bytes;
  return trie;
}
inline KeptTrie kept_trie(const ExtensionMessages& extension) noexcept {
  return kept_trie(extension.slots, extension.symbol, extension.messages);
}

// Place of slot v among the slots.
inline int rank_of(const KeptTrie& trie, int v) noexcept {
  const std::uint64_t below = trie.slots.words[v >> 6] & ((std::uint64_t{1} << (v & 63)) - 1);
  return trie.before[v >> 6] + __builtin_popcountll(below);
}

// Place of the message of binary node v: its slot is the nearest one upwards. No branches: how far up it is
// is as random as the text.
inline int kept_rank(const KeptTrie& trie, int v) noexcept {
  unsigned ways = 0;
  for (int up = 0; up < 8; ++up) ways |= static_cast<unsigned>(bit_of(trie.slots.words, v >> up)) << up;
  return rank_of(trie, v >> __builtin_ctz(ways));
}

inline const std::uint8_t* message_at(const KeptTrie& trie, int rank) noexcept {
  return trie.messages + static_cast<std::ptrdiff_t>(message_slot_bytes) * rank;
}

void absorb_messages(ContextNode& parent, int slots, int symbol, const std::uint8_t* messages) noexcept {
  make_room(parent);
  if (slots == 1) return absorb_symbol(parent, symbol, read_message(messages));
  const KeptTrie trie = kept_trie(slots, symbol, messages);
  parent.symbol = -1;
  if (parent.empty) {
    parent.empty = false;
    __builtin_memcpy(parent.used, trie.used, sizeof parent.used);
    __builtin_memcpy(parent.branch, trie.branch, sizeof parent.branch);
    const std::uint8_t* from = trie.messages;
    for_each_ascending(trie.slots, [&](int v) {
      set(parent, v, read_message(from));
      from += message_slot_bytes;
    });
    return;
  }
  multiply_trie(parent, trie.used, trie.branch,
                [&](int v) { return read_message(message_at(trie, rank_of(trie, v))); });
}

// ---- folding anew what has changed -----------------------------------------------------------------
//
// The product of a slot is that of the messages of its binary node, in order of the extensions; no other
// binary node has a part in it. So where an extension's messages change at some binary nodes, only their
// slots are folded again. Slots are those of the final node from the beginning: a run that is cut on the way
// has one history until then, so its copies are the same products.

// Whether the message of binary node v is meant for "the bit that was seen" in the extension, and for "a one"
// in a node with these branches, where the bit that was seen was a zero.
inline bool is_turned(const std::uint64_t* branch, const KeptTrie& trie, int v) noexcept {
  return (int{bit_of(branch, v)} & ~(int{bit_of(trie.branch, v)} | int{bit_of(trie.used, 2 * v + 1)})) != 0;
}

inline Message factor_of(const KeptTrie& trie, const std::uint64_t* branch, int v) noexcept {
  return turned(read_message(message_at(trie, kept_rank(trie, v))), !is_turned(branch, trie, v));
}

inline Slots common(const Slots& a, const std::uint64_t* b) noexcept {
  Slots both;
  for (int w = 0; w < 4; ++w) both.words[w] = a.words[w] & b[w];
  return both;
}

inline bool is_empty(const Slots& slots) noexcept {
  return (slots.words[0] | slots.words[1] | slots.words[2] | slots.words[3]) == 0;
}

// ---- columns: the factors of every slot ----

// A column has an entry for each message that is multiplied into the slot, in order of the extensions.
struct ColumnEntry {
  static constexpr std::uint32_t unseen = 0x7fffff;  // the message of a symbol seen once

  std::uint32_t word;  // child : 8, turned : 1, place of the message in units of eight bytes : 23

  ColumnEntry(std::uint32_t from) noexcept : word(from) {}
  ColumnEntry(int child, bool turn, std::uint32_t place) noexcept
      : word(static_cast<std::uint32_t>(child) << 24 | static_cast<std::uint32_t>(turn) << 23 | place) {}
  int child() const noexcept { return static_cast<int>(word >> 24); }
  bool keep() const noexcept { return (word & 0x800000u) == 0; }
  std::uint32_t place() const noexcept { return word & 0x7fffffu; }
};

inline std::uint32_t read_word(const std::uint8_t* from) noexcept {
  std::uint32_t word;
  __builtin_memcpy(&word, from, sizeof word);
  return word;
}
inline void write_word(std::uint8_t* to, std::uint32_t word) noexcept {
  __builtin_memcpy(to, &word, sizeof word);
}

int count_columns(const ContextNode& node, const ExtensionMessages* extensions, int count) noexcept {
  const Slots slots = slots_of(node.used, node.branch);
  int entries = 0;
  for (int c = 0; c < count; ++c) {
    const KeptTrie trie = kept_trie(extensions[c]);
    for (const std::uint64_t word : common(slots, trie.used).words) entries += __builtin_popcountll(word);
  }
  return entries;
}

void write_columns(const ContextNode& node, const ExtensionMessages* extensions, int count,
                   const std::uint8_t* messages, std::uint8_t* out) noexcept {
  const Slots slots = slots_of(node.used, node.branch);
  std::uint32_t next[256] = {};  // [slot]: entries, then where its next one goes
  for (int c = 0; c < count; ++c) {
    const KeptTrie trie = kept_trie(extensions[c]);
    for_each_ascending(common(slots, trie.used), [&](int v) { ++next[v]; });
  }
  __builtin_memcpy(out, node.used + 4, message_set_bytes);
  out += message_set_bytes;
  std::uint32_t total = 0;
  for_each_ascending(slots, [&](int v) {
    write_word(out, total);
    out += 4;
    const std::uint32_t size = next[v];
    next[v] = total;
    total += size;
  });
  write_word(out, total);
  out += 4;
  for (int c = 0; c < count; ++c) {
    const KeptTrie trie = kept_trie(extensions[c]);
    for_each_ascending(common(slots, trie.used), [&](int v) {
      const std::uint32_t place =
          extensions[c].slots == 0
              ? ColumnEntry::unseen
              : static_cast<std::uint32_t>(message_at(trie, kept_rank(trie, v)) - messages) / 8;
      write_word(out + 4 * std::ptrdiff_t{next[v]++},
                 ColumnEntry(c, is_turned(node.branch, trie, v), place).word);
    });
  }
}

// ---- products of a column with several documents ----

// One slot of a context with each of several documents alone. Between entries of the column every lane of a
// product is in [1, 2): its exponents are in integers.
struct ColumnProducts {
  alignas(64) float product[most_changes][tree_states];
  alignas(64) std::int32_t exponent[most_changes][tree_states];
  std::int64_t scale[most_changes];
  const FreshExtension* const* next[most_changes];  ///< fresh extensions still to come
  const FreshExtension* const* end[most_changes];
  int count;
};

inline Lanes mantissas(Lanes x) noexcept {
  return reinterpret_cast<Lanes>((reinterpret_cast<IntLanes>(x) & 0x007fffff) | 0x3f800000);
}
inline IntLanes exponents_of(Lanes x) noexcept { return (reinterpret_cast<IntLanes>(x) >> 23) - 127; }

inline void multiply(ColumnProducts& products, int k, const Message& message) noexcept {
  const Lanes product = load(products.product[k]) * message.lanes;
  store(products.product[k], mantissas(product));
  store_exponents(products.exponent[k], load_exponents(products.exponent[k]) + exponents_of(product));
  products.scale[k] += message.exponent;
}

// Entries of a column, and the messages that they point to.
struct Column {
  const std::uint8_t* entry;
  const std::uint8_t* end;
  const std::uint8_t* messages;
  const std::uint8_t* unseen;

  bool has_before(int child) const noexcept { return entry < end && here().child() < child; }
  ColumnEntry here() const noexcept { return read_word(entry); }
  Message take() noexcept {
    const ColumnEntry from = here();
    entry += 4;
    const std::uint8_t* kept = messages + 8 * std::ptrdiff_t{from.place()};
    const Message message = read_message(from.place() == ColumnEntry::unseen ? unseen : kept);
    return turned(message, from.keep());
  }
};

// Multiplies the entries before `child` into the products first ... first + several - 1.
template <int several>
inline void take_entries(ColumnProducts& products, int first, Column& column, int child) noexcept {
  Lanes product[several];
  IntLanes exponent[several];
  std::int64_t scale = 0;
  for (int k = 0; k < several; ++k) {
    product[k] = load(products.product[first + k]);
    exponent[k] = load_exponents(products.exponent[first + k]);
  }
  int merges = 0;
  while (column.has_before(child)) {
    const Message message = column.take();
    scale += message.exponent;
    for (int k = 0; k < several; ++k) product[k] *= message.lanes;
    if (++merges < merges_per_spread) continue;
    merges = 0;
    for (int k = 0; k < several; ++k) {
      exponent[k] += exponents_of(product[k]);
      product[k] = mantissas(product[k]);
    }
  }
  for (int k = 0; k < several; ++k) {
    store_exponents(products.exponent[first + k], exponent[k] + exponents_of(product[k]));
    store(products.product[first + k], mantissas(product[k]));
    products.scale[first + k] += scale;
  }
}

// As many products at a time as the registers hold.
inline void take_entries(ColumnProducts& products, Column& column, int child) noexcept {
  if (!column.has_before(child)) return;
  const Column from = column;
  int k = 0;
#if defined(__AVX512F__)
  for (; k + 8 <= products.count; k += 8) take_entries<8>(products, k, column = from, child);
  for (; k + 4 <= products.count; k += 4) take_entries<4>(products, k, column = from, child);
#endif
#if defined(__AVX2__)
  for (; k + 2 <= products.count; k += 2) take_entries<2>(products, k, column = from, child);
#endif
  for (; k < products.count; ++k) take_entries<1>(products, k, column = from, child);
}

// Skips what leaves the message of binary node v as it was kept.
inline void skip_unchanged(ColumnProducts& products, int k, int v) noexcept {
  const FreshExtension* const*& next = products.next[k];
  while (next < products.end[k] && !bit_of((*next)->messages.changed, v)) ++next;
}

// Multiplies in the fresh extensions at `place`, and for the other products the kept one.
inline void take_fresh(ColumnProducts& products, Column& column, int place, const std::uint64_t* branch,
                       int v, const Message& unseen) noexcept {
  unsigned replaced = 0;
  for (int k = 0; k < products.count; ++k) {
    while (products.next[k] < products.end[k] && (*products.next[k])->place == place) {
      const FreshExtension& fresh = **products.next[k];
      ++products.next[k];
      skip_unchanged(products, k, v);
      if (fresh.messages.origin == ExtensionOrigin::replaced) replaced |= 1u << k;
      multiply(products, k,
               fresh.messages.slots == 0 ? turned(unseen, !is_turned(branch, fresh.trie, v))
                                         : factor_of(fresh.trie, branch, v));
    }
  }
  if (!column.has_before(place + 1)) return;
  const Message message = column.take();
  for (int k = 0; k < products.count; ++k) {
    if ((replaced >> k & 1) == 0) multiply(products, k, message);
  }
}

inline int next_place(const ColumnProducts& products) noexcept {
  int place = 256;
  for (int k = 0; k < products.count; ++k) {
    if (products.next[k] == products.end[k]) continue;
    const int next = (*products.next[k])->place;
    place = next < place ? next : place;
  }
  return place;
}

// The product as lanes * 2^exponent; like gather.
inline Message gather(const ColumnProducts& products, int k) noexcept {
  const IntLanes bits = reinterpret_cast<IntLanes>(load(products.product[k]));
  return gather_wide(bits, load_exponents(products.exponent[k]), products.scale[k]);
}

// ---- changes ----

void find_messages(const ExtensionMessages& extension, KeptTrie& trie) noexcept {
  trie = kept_trie(extension);
}

void add_symbols(std::uint64_t* used, const ExtensionMessages& extension) noexcept {
  if (extension.slots <= 1) return set_bit(used, 256 + extension.symbol);
  std::uint64_t symbols[4];
  __builtin_memcpy(symbols, extension.messages, message_set_bytes);
  for (int w = 0; w < 4; ++w) used[4 + w] |= symbols[w];
}

void open_context(KeptContext& context) noexcept {
  if (context.above >= 0) {
    context.trie = kept_trie(context.sent);
    return;
  }
  context.trie = {};
  for (int c = 0; c < context.count; ++c) add_symbols(context.trie.used, context.extensions[c]);
  complete(context.trie);
}

void plan_change(const KeptContext& context, bool all, ContextChange& change) noexcept {
  std::uint64_t used[4];
  __builtin_memcpy(used, context.trie.used + 4, sizeof used);
  for (std::uint64_t& word : change.changed) word = 0;
  for (int f = 0; f < change.fresh_count; ++f) {
    const FreshExtension& fresh = *change.fresh[f];
    for (int w = 0; w < 4; ++w) {
      used[w] |= fresh.trie.used[4 + w];
      change.changed[w] |= fresh.messages.changed[w];
    }
  }
  change.trie = context.trie;
  if (__builtin_memcmp(used, context.trie.used + 4, sizeof used) != 0) {
    __builtin_memcpy(change.trie.used + 4, used, sizeof used);
    complete(change.trie);
  }
  if (all) __builtin_memcpy(change.changed, change.trie.used, sizeof change.changed);
  change.trie.slots = common(change.trie.slots, change.changed);
  count_before(change.trie);
  change.slots = change.trie.before[3] + __builtin_popcountll(change.trie.slots.words[3]);
}

// Where the message of slot v goes.
inline std::uint8_t* out_of(const ContextChange& change, int v) noexcept {
  return const_cast<std::uint8_t*>(message_at(change.trie, rank_of(change.trie, v)));
}

inline void write_product(const KeptContext& context, const ContextChange& change, int v,
                          const Message& product, const TreeModelView& model) noexcept {
  write_message(context.above < 0 ? product : ascend(product, model, context.above, context.depth),
                out_of(change, v));
}

// Multiplies all extensions into the wanted slots, one extension after the other. What a fresh extension does
// not change is taken from the kept one that it replaces.
inline void refold_slots(ContextNode& node, const KeptContext& context, const ContextChange& change,
                         const Slots& wanted, const Message& unseen) noexcept {
  const std::uint64_t* branch = change.trie.branch;
  clear(node, context.depth);
  for_each_ascending(wanted, [&](int v) { set(node, v, {Lanes{} + 1.0f, 0}); });
  const auto make_room_in_slots = [&] {
    if (node.merges == merges_per_spread) {
      for_each_ascending(wanted, [&](int v) { spread_slot(node, v); });
      node.wide = true;
      node.merges = 1;
    }
    ++node.merges;
  };
  const auto take = [&](const Slots& slots, const KeptTrie& trie, bool leaf) {
    for_each_ascending(common(slots, trie.used), [&](int v) {
      multiply(node, v, leaf ? turned(unseen, !is_turned(branch, trie, v)) : factor_of(trie, branch, v));
    });
  };
  int f = 0;
  for (int c = 0; c <= context.count; ++c) {
    Slots as_kept = wanted;
    for (; f < change.fresh_count && change.fresh[f]->place == c; ++f) {
      const FreshExtension& fresh = *change.fresh[f];
      const bool added = fresh.messages.origin == ExtensionOrigin::added;
      make_room_in_slots();
      take(common(wanted, fresh.messages.changed), fresh.trie, fresh.messages.slots == 0);
      if (added) continue;
      for (int w = 0; w < 4; ++w) as_kept.words[w] &= ~fresh.messages.changed[w];
      if (!is_empty(as_kept)) {
        take(as_kept, kept_trie(context.extensions[c]), context.extensions[c].slots == 0);
      }
      as_kept = {};
    }
    if (c == context.count || is_empty(as_kept)) continue;
    make_room_in_slots();
    take(as_kept, kept_trie(context.extensions[c]), context.extensions[c].slots == 0);
  }
}

// Slots whose columns hold: those that branch, or do not, as they did.
inline Slots in_columns(const KeptContext& context, const ContextChange& change) noexcept {
  Slots slots{};
  if (context.columns == nullptr) return slots;
  for (int w = 0; w < 4; ++w) {
    slots.words[w] = change.trie.slots.words[w] & context.trie.slots.words[w] &
                     ~(change.trie.branch[w] ^ context.trie.branch[w]);
  }
  return slots;
}

// One slot with the documents whose bits are set in `which`.
inline void refold_column(const KeptContext& context, const ContextChange* changes, unsigned which, int v,
                          const TreeModelView& model, const std::uint8_t* unseen) noexcept {
  const KeptTrie& kept = context.trie;
  const std::uint8_t* begins = context.columns + message_set_bytes;
  const int slots = kept.before[3] + __builtin_popcountll(kept.slots.words[3]);
  const std::uint8_t* entries = begins + 4 * (slots + 1);
  const int rank = rank_of(kept, v);
  Column column{entries + 4 * std::ptrdiff_t{read_word(begins + 4 * rank)},
                entries + 4 * std::ptrdiff_t{read_word(begins + 4 * rank + 4)}, context.messages, unseen};
  ColumnProducts products;
  int count = 0;
  int of[most_changes];
  for (unsigned rest = which; rest != 0; rest &= rest - 1) {
    const int c = __builtin_ctz(rest);
    store(products.product[count], Lanes{} + 1.0f);
    store_exponents(products.exponent[count], IntLanes{});
    products.scale[count] = 0;
    products.next[count] = changes[c].fresh;
    products.end[count] = changes[c].fresh + changes[c].fresh_count;
    skip_unchanged(products, count, v);
    of[count++] = c;
  }
  products.count = count;
  for (;;) {
    const int place = next_place(products);
    take_entries(products, column, place);
    if (place == 256) break;
    take_fresh(products, column, place, kept.branch, v, read_message(unseen));
  }
  for (int k = 0; k < count; ++k) write_product(context, changes[of[k]], v, gather(products, k), model);
}

void refold_changes(const KeptContext& context, const ContextChange* changes, int count,
                    const TreeModelView& model, ContextNode& node) noexcept {
  std::uint8_t unseen[message_slot_bytes];
  write_message({load(model.leaf + tree_states * context.depth), 0}, unseen);
  Slots columns[most_changes];
  Slots any{};
  for (int k = 0; k < count; ++k) {
    const ContextChange& change = changes[k];
    columns[k] = in_columns(context, change);
    Slots apart = change.trie.slots;
    for (int w = 0; w < 4; ++w) {
      apart.words[w] &= ~columns[k].words[w];
      any.words[w] |= columns[k].words[w];
    }
    if (is_empty(apart)) continue;
    refold_slots(node, context, change, apart, read_message(unseen));
    for_each_ascending(apart, [&](int v) { write_product(context, change, v, gather(node, v), model); });
  }
  for_each_ascending(any, [&](int v) {
    unsigned which = 0;
    for (int k = 0; k < count; ++k) which |= static_cast<unsigned>(bit_of(columns[k].words, v)) << k;
    refold_column(context, changes, which, v, model, unseen);
  });
}
