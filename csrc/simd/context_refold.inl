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

// The binary nodes of an extension, and where their messages are.
struct KeptTrie {
  std::uint64_t used[8];
  std::uint64_t branch[4];
  Slots slots;
  int before[4];  // slots in the words before
  const std::uint8_t* messages;
};

// That of the symbols in used[4 ... 7].
inline void complete(KeptTrie& trie) noexcept {
  mark_paths(trie.used);
  find_branches(trie.used, trie.branch);
  trie.slots = slots_of(trie.used, trie.branch);
  trie.before[0] = 0;
  for (int w = 1; w < 4; ++w) {
    trie.before[w] = trie.before[w - 1] + __builtin_popcountll(trie.slots.words[w - 1]);
  }
}

inline KeptTrie kept_trie(int slots, int symbol, const std::uint8_t* messages) noexcept {
  KeptTrie trie{};
  if (slots <= 1) {
    for (int v = 256 + symbol; v > 0; v >>= 1) set_bit(trie.used, v);
    trie.slots.words[0] = 2;
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
  return bit_of(branch, v) & !bit_of(trie.branch, v) & !bit_of(trie.used, 2 * v + 1);
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

// A product in registers; like a slot of a wide node.
struct RunningProduct {
  Lanes product = Lanes{} + 1.0f;
  IntLanes exponent{};
  std::int64_t scale = 0;
  int merges = 0;

  void multiply(const Message& message) noexcept {
    if (merges == merges_per_spread) {
      const IntLanes bits = reinterpret_cast<IntLanes>(product);
      exponent += (bits >> 23) - 127;
      product = reinterpret_cast<Lanes>((bits & 0x007fffff) | 0x3f800000);
      merges = 1;
    }
    ++merges;
    product *= message.lanes;
    scale += message.exponent;
  }
};

// An extension that is not the kept one: in its place, or new before it.
struct FreshExtension {
  KeptTrie trie;
  int place;
  bool is_new;
  bool is_leaf;
};

// Folds anew the slots whose columns hold: those that branch, or do not, as they did.
struct ColumnRefolding {
  ContextNode& node;
  const KeptColumns& kept;
  KeptTrie before;  ///< of the context as it was kept
  Message unseen;
  const FreshExtension* fresh;
  int fresh_count;

  bool holds(int v) const noexcept {
    return bit_of(before.slots.words, v) && bit_of(before.branch, v) == bit_of(node.branch, v);
  }

  void fold(int v) const noexcept {
    const std::uint8_t* begins = kept.columns + message_set_bytes;
    const int slots = before.before[3] + __builtin_popcountll(before.slots.words[3]);
    const std::uint8_t* entries = begins + 4 * (slots + 1);
    const int rank = rank_of(before, v);
    const std::uint8_t* entry = entries + 4 * std::ptrdiff_t{read_word(begins + 4 * rank)};
    const std::uint8_t* end = entries + 4 * std::ptrdiff_t{read_word(begins + 4 * rank + 4)};
    RunningProduct running;
    const auto take_until = [&](int child) {
      for (; entry < end; entry += 4) {
        const ColumnEntry here(read_word(entry));
        if (here.child() >= child) return;
        const Message message = here.place() == ColumnEntry::unseen
                                    ? unseen
                                    : read_message(kept.messages + 8 * std::ptrdiff_t{here.place()});
        running.multiply(turned(message, here.keep()));
      }
    };
    for (int f = 0; f < fresh_count; ++f) {
      const FreshExtension& extension = fresh[f];
      take_until(extension.place);
      if (!extension.is_new && entry < end && ColumnEntry(read_word(entry)).child() == extension.place) {
        entry += 4;
      }
      if (!bit_of(extension.trie.used, v)) continue;
      if (extension.is_leaf) {
        running.multiply(turned(unseen, !is_turned(node.branch, extension.trie, v)));
      } else {
        running.multiply(factor_of(extension.trie, node.branch, v));
      }
    }
    take_until(256);
    store(node.product[v], running.product);
    store_exponents(node.exponent[v], running.exponent);
    node.scale[v] = running.scale;
  }
};

// ---- refold ----

// Binary nodes of the symbols in used[4 ... 7], their branches, and the symbol if there is but one.
inline void complete(ContextNode& node) noexcept {
  mark_paths(node.used);
  find_branches(node.used, node.branch);
  int symbols = 0;
  node.symbol = -1;
  for (int w = 0; w < 4; ++w) {
    const std::uint64_t word = node.used[4 + w];
    symbols += __builtin_popcountll(word);
    if (word != 0) node.symbol = 64 * w + __builtin_ctzll(word);
  }
  if (symbols > 1) node.symbol = -1;
}

// Symbols that the extensions saw, with their binary nodes; and binary nodes that changed in one of them.
// What is kept in columns has been united before.
inline void unite(ContextNode& node, const ExtensionMessages* extensions, int count, const KeptColumns& kept,
                  std::uint64_t* changed) noexcept {
  for (std::uint64_t& word : node.used) word = 0;
  if (kept.columns != nullptr) __builtin_memcpy(node.used + 4, kept.columns, message_set_bytes);
  for (int w = 0; w < 4; ++w) changed[w] = 0;
  for (int c = 0; c < count; ++c) {
    const ExtensionMessages& extension = extensions[c];
    if (kept.columns != nullptr && extension.origin == ExtensionOrigin::kept) continue;
    if (extension.slots <= 1) {
      set_bit(node.used, 256 + extension.symbol);
    } else {
      std::uint64_t symbols[4];
      __builtin_memcpy(symbols, extension.messages, message_set_bytes);
      for (int w = 0; w < 4; ++w) node.used[4 + w] |= symbols[w];
    }
    for (int w = 0; w < 4; ++w) changed[w] |= extension.changed[w];
  }
  complete(node);
}

// Multiplies all extensions into the wanted slots, one extension after the other.
inline void refold_slots(ContextNode& node, const ExtensionMessages* extensions, int count,
                         const Slots& wanted, const Message& unseen) noexcept {
  for_each_ascending(wanted, [&](int v) { set(node, v, {Lanes{} + 1.0f, 0}); });
  for (int c = 0; c < count; ++c) {
    if (node.merges == merges_per_spread) {
      for_each_ascending(wanted, [&](int v) { spread_slot(node, v); });
      node.wide = true;
      node.merges = 1;
    }
    ++node.merges;
    const bool leaf = extensions[c].slots == 0;
    const KeptTrie trie = kept_trie(extensions[c]);
    for_each_ascending(common(wanted, trie.used), [&](int v) {
      multiply(node, v,
               leaf ? turned(unseen, !is_turned(node.branch, trie, v)) : factor_of(trie, node.branch, v));
    });
  }
}

void refold(ContextNode& node, const ExtensionMessages* extensions, int count, const KeptColumns& kept,
            bool all, const TreeModelView& model, std::uint64_t* changed) noexcept {
  unite(node, extensions, count, kept, changed);
  node.empty = false;
  if (all) __builtin_memcpy(changed, node.used, sizeof node.branch);
  Slots wanted = common(slots_of(node.used, node.branch), changed);
  const Message unseen{load(model.leaf + tree_states * node.depth), 0};
  if (kept.columns == nullptr) return refold_slots(node, extensions, count, wanted, unseen);
  FreshExtension fresh[256];
  int fresh_count = 0;
  int place = 0;
  for (int c = 0; c < count; ++c) {
    const ExtensionOrigin origin = extensions[c].origin;
    if (origin != ExtensionOrigin::kept) {
      fresh[fresh_count++] = {kept_trie(extensions[c]), place, origin == ExtensionOrigin::added,
                              extensions[c].slots == 0};
    }
    place += origin != ExtensionOrigin::added;
  }
  ColumnRefolding columns{node, kept, {}, unseen, fresh, fresh_count};
  __builtin_memcpy(columns.before.used + 4, kept.columns, message_set_bytes);
  complete(columns.before);
  Slots in_columns{};
  for_each_ascending(wanted, [&](int v) {
    if (columns.holds(v)) set_bit(in_columns.words, v);
  });
  for (int w = 0; w < 4; ++w) wanted.words[w] &= ~in_columns.words[w];
  if (!is_empty(wanted)) refold_slots(node, extensions, count, wanted, unseen);
  node.wide = true;  // as there are more extensions than merges_per_spread
  for_each_ascending(in_columns, [&](int v) { columns.fold(v); });
}

void write_refolded(const ContextNode& node, const std::uint64_t* changed, int depth,
                    const ExtensionMessages& before, const TreeModelView& model, std::uint8_t* out) noexcept {
  const KeptTrie kept = kept_trie(before);
  const Slots slots = slots_of(node.used, node.branch);
  if (before.slots > 1 && __builtin_memcmp(node.used + 4, before.messages, message_set_bytes) == 0) {
    // The slots are those that were kept: one copy, and what has changed over it.
    __builtin_memcpy(out, before.messages, message_set_bytes + before.slots * message_slot_bytes);
    for_each_ascending(common(slots, changed), [&](int v) {
      const std::size_t place = static_cast<std::size_t>(rank_of(kept, v)) * message_slot_bytes;
      write_message(ascend(gather(node, v), model, depth, node.depth), out + message_set_bytes + place);
    });
    return;
  }
  if (node.symbol < 0) {
    __builtin_memcpy(out, node.used + 4, message_set_bytes);
    out += message_set_bytes;
  }
  for_each_ascending(slots, [&](int v) {
    if (bit_of(changed, v)) {
      write_message(ascend(gather(node, v), model, depth, node.depth), out);
    } else {
      __builtin_memcpy(out, message_at(kept, kept_rank(kept, v)), message_slot_bytes);
    }
    out += message_slot_bytes;
  });
}
