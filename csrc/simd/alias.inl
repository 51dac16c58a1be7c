// Draws from alias tables in vectors, compiled once per instruction set; the including file provides `lanes`
// and philox_blocks.inl. Making words and waiting for slots overlap: each vector of words is looked up as
// soon as it is there.

// AliasView::draw in lanes.
struct Table {
  explicit Table(const AliasTables& tables) noexcept
      : slots(tables.slots), brief(tables.brief), size(lanes::word(tables.n)) {
    const int bits = tables.n > 1 ? 64 - __builtin_clzll(tables.n - 1) : 0;
    alias_mask = lanes::word((std::uint64_t{1} << bits) - 1);
    threshold_mask = lanes::word(~((std::uint64_t{1} << bits) - 1));
  }
  // Column (upper half of word * n), and place in it (lower half).
  struct Spot {
    Words column, place;
  };
  [[gnu::always_inline]] Spot spot(Words word) const noexcept {
    const Words low = lanes::multiply_low(word, size);
    const Words middle = lanes::add(lanes::multiply_low(lanes::right<32>(word), size), lanes::right<32>(low));
    return {lanes::right<32>(middle), lanes::joined(low, middle)};
  }
  [[gnu::always_inline]] Words draw_whole(Words word) const noexcept {
    const Spot at = spot(word);
    const Words slot = lanes::gather(slots, at.column);
    return lanes::if_below(lanes::right<1>(at.place), lanes::both(slot, threshold_mask), at.column,
                           lanes::both(slot, alias_mask));
  }
  [[gnu::always_inline]] Words draw_brief(Words word) const noexcept {
    const Spot at = spot(word);
    const Words slot = lanes::gather(brief, at.column);
    const Words place = lanes::both(lanes::right<32>(at.place), threshold_mask);
    const Words threshold = lanes::both(slot, threshold_mask);
    if (lanes::any_equal(place, threshold)) [[unlikely]]
      return draw_whole(word);
    return lanes::if_below(place, threshold, at.column, lanes::both(slot, alias_mask));
  }
  const std::uint64_t* slots;
  const std::uint32_t* brief;
  Words size, alias_mask, threshold_mask;
};

template <class T, class Few>
void draw(const AliasTables& tables, std::uint64_t key, std::uint64_t first, std::size_t count, T* out,
          Few few) {
  const Table table(tables);
  if (tables.brief == nullptr) {
    fill(key, first, count, out, [&table](T* to, Words x) { lanes::store(to, table.draw_whole(x)); }, few);
  } else {
    fill(key, first, count, out, [&table](T* to, Words x) { lanes::store(to, table.draw_brief(x)); }, few);
  }
}

void draw32(const AliasTables& tables, std::uint64_t key, std::uint64_t first, std::size_t count,
            std::uint32_t* out) {
  draw(tables, key, first, count, out,
       [&tables](std::uint64_t k, std::uint64_t at, std::size_t size, std::uint32_t* to) {
         alias_kernels_baseline().draw32(tables, k, at, size, to);
       });
}

void draw64(const AliasTables& tables, std::uint64_t key, std::uint64_t first, std::size_t count,
            std::uint64_t* out) {
  draw(tables, key, first, count, out,
       [&tables](std::uint64_t k, std::uint64_t at, std::size_t size, std::uint64_t* to) {
         alias_kernels_baseline().draw64(tables, k, at, size, to);
       });
}

constexpr AliasKernels kKernels = {draw32, draw64};
