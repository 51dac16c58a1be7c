// Blocks of Philox in vectors, and loops over the words of a stream, compiled once per instruction set; the
// including file provides `lanes`. Each of the four
// 32-bit words of the state stands in the lower half of a lane; what stands above it is never read until the
// last round.

using lanes::kLanes;
using lanes::Words;

// Vectors that go through the rounds together: one alone would wait for its own products.
constexpr int kTogether = 2;
constexpr std::size_t kStep = 2 * kLanes * kTogether;  // draws

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

// Rounds from `from` on.
template <int from, int together>
[[gnu::always_inline]] inline void finish(State (&state)[together], const Keys& keys,
                                          Halves (&halves)[together]) noexcept {
  const Words multiplier0 = lanes::word(kPhiloxMultiplier0);
  const Words multiplier1 = lanes::word(kPhiloxMultiplier1);
#pragma GCC unroll 10
  for (int round = from; round < kPhiloxRounds; ++round) {
    Words product0[together], product1[together];
    for (int v = 0; v < together; ++v) {
      product0[v] = lanes::multiply_low(multiplier0, state[v].c0);
      product1[v] = lanes::multiply_low(multiplier1, state[v].c2);
    }
    for (int v = 0; v < together; ++v) {
      state[v] = {high_word(product1[v], state[v].c1, keys.key0[round]), product1[v],
                  high_word(product0[v], state[v].c3, keys.key1[round]), product0[v]};
    }
  }
  for (int v = 0; v < together; ++v) {
    halves[v] = {lanes::joined(state[v].c0, state[v].c1), lanes::joined(state[v].c2, state[v].c3)};
  }
}

// Blocks (counter, 0) for counters whose upper half is `upper` in every lane. Two of the four products of the
// first two rounds are then the same for all: of c2 = 0, and of c0 after the first round.
struct Sequential {
  Sequential(const Keys& of, std::uint32_t upper) noexcept : keys(of) {
    const Words first0 = lanes::exclusive(lanes::word(upper), keys.key0[0], lanes::word(0));
    constant = lanes::multiply_low(lanes::word(kPhiloxMultiplier0), first0);
    constant_high = lanes::upper_half(constant);
  }
  [[gnu::always_inline]] State after_two_rounds(Words counter) const noexcept {
    const Words product0 = lanes::multiply_low(lanes::word(kPhiloxMultiplier0), counter);
    const Words c2 = high_word(product0, lanes::word(0), keys.key1[0]);
    const Words product1 = lanes::multiply_low(lanes::word(kPhiloxMultiplier1), c2);
    return {high_word(product1, lanes::word(0), keys.key0[1]), product1,
            lanes::exclusive(constant_high, product0, keys.key1[1]), constant};
  }
  template <int together>
  [[gnu::always_inline]] void operator()(Words counter, Halves (&halves)[together]) const noexcept {
    State state[together];
    for (int v = 0; v < together; ++v) {
      state[v] = after_two_rounds(counter);
      counter = lanes::add(counter, lanes::word(kLanes));
    }
    finish<2>(state, keys, halves);
  }
  const Keys& keys;
  Words constant, constant_high;
};

// Whole groups of vectors from an even first draw on; returns how many draws were written.
template <class T, class Store>
inline std::size_t fill_vectors(const Keys& keys, std::uint64_t block, std::size_t count, T* out,
                                Store store) noexcept {
  std::size_t j = 0;
  while (j + kStep <= count) {
    // Up to where the upper half of the counter changes.
    const std::uint64_t left = (std::uint64_t{1} << 32) - static_cast<std::uint32_t>(block);
    std::size_t steps = (count - j) / kStep;
    if (steps > left / (kStep / 2)) steps = left / (kStep / 2);
    if (steps == 0) break;
    const Sequential blocks(keys, static_cast<std::uint32_t>(block >> 32));
    Words counter = lanes::counters(block);
    for (const std::size_t end = j + steps * kStep; j < end; j += kStep) {
      Halves halves[kTogether];
      blocks(counter, halves);
      for (int v = 0; v < kTogether; ++v) {
        const lanes::InOrder ordered = lanes::in_order(halves[v].half0, halves[v].half1);
        store(out + j + 2 * kLanes * v, ordered.low);
        store(out + j + 2 * kLanes * v + kLanes, ordered.high);
      }
      counter = lanes::add(counter, lanes::word(kStep / 2));
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
      j += fill_vectors(keys, (first + j) / 2, count - j, out + j, store);
      scalars = kStep;
    }
    if (scalars > count - j) scalars = count - j;
    few(key, first + j, scalars, out + j);
    j += scalars;
  }
}
