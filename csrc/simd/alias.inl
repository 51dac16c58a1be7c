// Draws from alias tables in vectors, compiled once per instruction set; the including file provides `lanes`
// and philox_blocks.inl. Making words and waiting for slots overlap: each vector of words is looked up as
// soon as it is there.

// AliasView::draw in lanes.
struct Table {
  Table(const std::uint64_t* of, std::size_t n) noexcept : slots(of), size(lanes::word(n)) {
    const int bits = n > 1 ? 64 - __builtin_clzll(n - 1) : 0;
    alias_mask = lanes::word((std::uint64_t{1} << bits) - 1);
    threshold_mask = lanes::word(~((std::uint64_t{1} << bits) - 1));
  }
  [[gnu::always_inline]] Words draw(Words word) const noexcept {
    const Words low = lanes::multiply_low(word, size);
    const Words middle = lanes::add(lanes::multiply_low(lanes::right<32>(word), size), lanes::right<32>(low));
    const Words column = lanes::right<32>(middle);
    const Words slot = lanes::gather(slots, column);
    const Words place = lanes::right<1>(lanes::joined(low, middle));
    return lanes::if_below(place, lanes::both(slot, threshold_mask), column, lanes::both(slot, alias_mask));
  }
  const std::uint64_t* slots;
  Words size, alias_mask, threshold_mask;
};

void draw32(const std::uint64_t* slots, std::size_t n, std::uint64_t key, std::uint64_t first,
            std::size_t count, std::uint32_t* out) {
  const Table table(slots, n);
  fill(
      key, first, count, out, [&table](std::uint32_t* to, Words x) { lanes::store(to, table.draw(x)); },
      [slots, n](std::uint64_t k, std::uint64_t at, std::size_t size, std::uint32_t* to) {
        alias_kernels_baseline().draw32(slots, n, k, at, size, to);
      });
}

void draw64(const std::uint64_t* slots, std::size_t n, std::uint64_t key, std::uint64_t first,
            std::size_t count, std::uint64_t* out) {
  const Table table(slots, n);
  fill(
      key, first, count, out, [&table](std::uint64_t* to, Words x) { lanes::store(to, table.draw(x)); },
      [slots, n](std::uint64_t k, std::uint64_t at, std::size_t size, std::uint64_t* to) {
        alias_kernels_baseline().draw64(slots, n, k, at, size, to);
      });
}

constexpr AliasKernels kKernels = {draw32, draw64};
