// Blocks of Philox in vectors, and loops over the words of a stream, compiled once per instruction set; the
// including file provides `lanes`. Each of the four
// 32-bit words of the state stands in the lower half of a lane; what stands above it is never read until the
// last round.

using lanes::kLanes;
using lanes::Words;

struct Halves {
  Words half0, half1;
};

// Round keys, the same for all lanes.
struct Keys {
  explicit Keys(std::uint64_t key) noexcept {
    std::uint32_t low = static_cast<std::uint32_t>(key);
    std::uint32_t high = static_cast<std::uint32_t>(key >> 32);
    for (int round = 0; round < kPhiloxRounds; ++round, low += kPhiloxWeyl0, high += kPhiloxWeyl1) {
      key0[round] = lanes::word(low);
      key1[round] = lanes::word(high);
    }
  }
  Words key0[kPhiloxRounds], key1[kPhiloxRounds];
};

inline Words high_word(Words product, Words word, Words key) noexcept {
  return lanes::exclusive(lanes::upper_half(product), word, key);
}

struct State {
  Words c0, c1, c2, c3;
};

// The next round's state. Of the four moves from upper to lower halves in two rounds one goes by way of
// memory: as many as the stores of a processor bear.
template <int together>
[[gnu::always_inline]] inline void next(State (&state)[together], const Words (&product0)[together],
                                        const Words (&product1)[together], int round,
                                        const Keys& keys) noexcept {
  Words room[together];
  for (int v = 0; v < together; ++v) {
    const Words high0 =
        round % 2 == 0 ? lanes::upper_half_by_load(product0[v], room[v]) : lanes::upper_half(product0[v]);
    state[v] = {high_word(product1[v], state[v].c1, keys.key0[round]), product1[v],
                lanes::exclusive(high0, state[v].c3, keys.key1[round]), product0[v]};
  }
}

// Rounds from `from` on; the last one writes its words where they belong in the halves.
template <int from, int together>
[[gnu::always_inline]] inline void finish(State (&state)[together], const Keys& keys,
                                          Halves (&halves)[together]) noexcept {
  const Words multiplier0 = lanes::word(kPhiloxMultiplier0);
  const Words multiplier1 = lanes::word(kPhiloxMultiplier1);
  Words product0[together], product1[together];
#pragma GCC unroll 10
  for (int round = from; round < kPhiloxRounds; ++round) {
    for (int v = 0; v < together; ++v) {
      product0[v] = lanes::multiply_low(multiplier0, state[v].c0);
      product1[v] = lanes::multiply_low(multiplier1, state[v].c2);
    }
    if (round + 1 < kPhiloxRounds) next(state, product0, product1, round, keys);
  }
  constexpr int kLast = kPhiloxRounds - 1;
  for (int v = 0; v < together; ++v) {
    halves[v] = {lanes::swapped_exclusive(product1[v], state[v].c1, keys.key0[kLast]),
                 lanes::swapped_exclusive(product0[v], state[v].c3, keys.key1[kLast])};
  }
}

// Blocks (counter, 0) for counters whose upper half is `upper` in every lane. Two of the four products of the
// first two rounds are then the same for all: of c2 = 0, and of c0 after the first round; and that of the
// counter grows by the same number from one vector to the next.
struct Sequential {
  Sequential(const Keys& of, std::uint32_t upper) noexcept : keys(of) {
    const Words first0 = lanes::exclusive(lanes::word(upper), keys.key0[0], lanes::word(0));
    constant = lanes::multiply_low(lanes::word(kPhiloxMultiplier0), first0);
    constant_high = lanes::upper_half(constant);
  }
  /// The product of counters, which in_order's order has from `block` on, in the first round.
  static Words product(std::uint64_t block) noexcept {
    return lanes::multiply_low(lanes::word(kPhiloxMultiplier0), lanes::counters(block));
  }
  /// What `product` grows by when the counter grows by `blocks`, and its lower half does not overflow.
  static Words growth(std::uint64_t blocks) noexcept {
    return lanes::word(std::uint64_t{kPhiloxMultiplier0} * blocks);
  }
  [[gnu::always_inline]] State after_two_rounds(Words product0) const noexcept {
    const Words c2 = high_word(product0, lanes::word(0), keys.key1[0]);
    const Words product1 = lanes::multiply_low(lanes::word(kPhiloxMultiplier1), c2);
    return {high_word(product1, lanes::word(0), keys.key0[1]), product1,
            lanes::exclusive(constant_high, product0, keys.key1[1]), constant};
  }
  /// The next blocks; `product` goes on behind them.
  template <int together>
  [[gnu::always_inline]] void operator()(Words& product, Halves (&halves)[together]) const noexcept {
    State state[together];
    for (int v = 0; v < together; ++v) {
      state[v] = after_two_rounds(product);
      product = lanes::add(product, growth(kLanes));
    }
    finish<2>(state, keys, halves);
  }
  const Keys& keys;
  Words constant, constant_high;
};

// Whole groups of vectors from an even first draw on; returns how many draws were written.
template <int together, class T, class Store>
inline std::size_t fill_vectors(const Keys& keys, std::uint64_t block, std::size_t count, T* out,
                                Store store) noexcept {
  constexpr std::size_t kStep = 2 * kLanes * together;
  std::size_t j = 0;
  while (j + kStep <= count) {
    // Up to where the upper half of the counter changes.
    const std::uint64_t left = (std::uint64_t{1} << 32) - static_cast<std::uint32_t>(block);
    std::size_t steps = (count - j) / kStep;
    if (steps > left / (kStep / 2)) steps = left / (kStep / 2);
    if (steps == 0) break;
    const Sequential blocks(keys, static_cast<std::uint32_t>(block >> 32));
    Words product = Sequential::product(block);
    for (const std::size_t end = j + steps * kStep; j < end; j += kStep) {
      Halves halves[together];
      blocks(product, halves);
      for (int v = 0; v < together; ++v) {
        const lanes::InOrder ordered = lanes::in_order(halves[v].half0, halves[v].half1);
        store(out + j + 2 * kLanes * v, ordered.low);
        store(out + j + 2 * kLanes * v + kLanes, ordered.high);
      }
    }
    block += steps * (kStep / 2);
  }
  return j;
}

// `few` does what does not fill vectors: an odd start, the end, the blocks about a change of the counter's
// upper half.
template <class T, class Store, class Few>
inline void fill(std::uint64_t key, std::uint64_t first, std::size_t count, T* out, Store store,
                 Few few) noexcept {
  const Keys keys(key);
  std::size_t j = 0;
  while (j < count) {
    std::size_t scalars = 1;
    if ((first + j) % 2 == 0) {
      j += fill_vectors<lanes::kTogether>(keys, (first + j) / 2, count - j, out + j, store);
      j += fill_vectors<2>(keys, (first + j) / 2, count - j, out + j, store);
      j += fill_vectors<1>(keys, (first + j) / 2, count - j, out + j, store);
      scalars = 2 * kLanes;
    }
    if (scalars > count - j) scalars = count - j;
    few(key, first + j, scalars, out + j);
    j += scalars;
  }
}
