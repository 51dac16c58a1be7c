// The context sort, compiled once per instruction set. The including file provides
//   int shared_bytes(const uint8_t* text, uint32_t a, uint32_t b): equal context bytes, nearest first, up to
//   64; void load_keys(const uint8_t* text, uint64_t* items, uint32_t count, int depth): high half of each
//   item :=
//     the four context bytes from `depth` on, the nearest highest;
//   void sort_integers(uint64_t* items, uint32_t count).
//
// Rounds of four context bytes: fetch the keys of a group, sort (key, position) as integers, cut the group
// where neighbours differ, go on with what is still tied. Small groups are compared 64 bytes at a time
// instead.

constexpr std::uint32_t small_group = 6;

inline std::uint32_t position_of(std::uint64_t item) noexcept { return static_cast<std::uint32_t>(item); }

// Whether the context at a comes before that at b, which share `same` bytes; symbols decide beyond the depth.
inline bool precedes(const std::uint8_t* text, std::uint32_t a, std::uint32_t b, int same,
                     int depth) noexcept {
  if (same < depth) return text[a - 1 - same] < text[b - 1 - same];
  return text[a] != text[b] ? text[a] < text[b] : a < b;
}

void sort_pair(const std::uint8_t* text, std::uint64_t* items, std::uint8_t* shared, int depth) noexcept {
  const std::uint32_t a = position_of(items[0]);
  const std::uint32_t b = position_of(items[1]);
  const int same = shared_bytes(text, a, b);
  const bool keep = precedes(text, a, b, same, depth);
  items[0] = keep ? a : b;
  items[1] = keep ? b : a;
  shared[1] = static_cast<std::uint8_t>(same < depth ? same : depth);
}

// Insertion by whole contexts.
void sort_small(const std::uint8_t* text, std::uint64_t* items, std::uint32_t count, std::uint8_t* shared,
                int depth) noexcept {
  for (std::uint32_t i = 1; i < count; ++i) {
    const std::uint32_t position = position_of(items[i]);
    std::uint32_t j = i;
    for (; j > 0; --j) {
      const std::uint32_t other = position_of(items[j - 1]);
      if (precedes(text, other, position, shared_bytes(text, other, position), depth)) break;
      items[j] = items[j - 1];
    }
    items[j] = position;
  }
  for (std::uint32_t i = 1; i < count; ++i) {
    const int same = shared_bytes(text, position_of(items[i - 1]), position_of(items[i]));
    shared[i] = static_cast<std::uint8_t>(same < depth ? same : depth);
  }
}

void order_by_symbol(const std::uint8_t* text, std::uint64_t* items, std::uint32_t count) noexcept {
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint32_t position = position_of(items[i]);
    items[i] = std::uint64_t{text[position]} << 32 | position;
  }
  sort_integers(items, count);
}

// Depth of recursion: (depth - from) / 4.
void sort_group(const std::uint8_t* text, std::uint64_t* items, std::uint32_t count, std::uint8_t* shared,
                int from, int depth) noexcept {
  if (count < 2) return;
  if (count == 2) return sort_pair(text, items, shared, depth);
  if (count <= small_group) return sort_small(text, items, count, shared, depth);
  if (from >= depth) {
    for (std::uint32_t i = 1; i < count; ++i) shared[i] = static_cast<std::uint8_t>(depth);
    return order_by_symbol(text, items, count);
  }
  load_keys(text, items, count, from);
  const int width = depth - from < 4 ? depth - from : 4;
  if (width < 4) {
    const std::uint64_t mask = ~std::uint64_t{0} << (64 - 8 * width) | 0xffffffffu;
    for (std::uint32_t i = 0; i < count; ++i) items[i] &= mask;
  }
  sort_integers(items, count);
  std::uint32_t start = 0;
  std::uint64_t key = items[0] >> 32;
  for (std::uint32_t i = 1; i <= count; ++i) {
    if (i < count) {
      const std::uint64_t next = items[i] >> 32;
      if (next == key) {
        __builtin_prefetch(text + position_of(items[i]) - max_context_depth);
        continue;
      }
      shared[i] = static_cast<std::uint8_t>(from + (__builtin_clz(static_cast<unsigned>(key ^ next)) >> 3));
      key = next;
    }
    if (i - start > 1) sort_group(text, items + start, i - start, shared + start, from + width, depth);
    start = i;
  }
}
