// Vectors over the 16 hidden states, for code compiled once per instruction set. Generic vectors: every lane
// does the same IEEE operations in the same order whatever the register width, so results have the same bits.

typedef float Lanes __attribute__((vector_size(64)));
typedef std::int32_t IntLanes __attribute__((vector_size(64)));

inline Lanes load(const float* from) noexcept {
  Lanes lanes;
  __builtin_memcpy(&lanes, from, sizeof lanes);
  return lanes;
}
inline void store(float* to, Lanes lanes) noexcept { __builtin_memcpy(to, &lanes, sizeof lanes); }

// State i is the mirror image of state 15 - i: the same history seen from the other value of the bit.
inline IntLanes mirror_exponents(IntLanes x) noexcept {
  return __builtin_shufflevector(x, x, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
}

// x, or its mirror image where `keep` is false.
inline IntLanes turned_exponents(IntLanes x, bool keep) noexcept {
  const IntLanes mask = IntLanes{} - keep;  // no branch: the bit is as random as the text
  return (x & mask) | (mirror_exponents(x) & ~mask);
}
inline Lanes turned(Lanes x, bool keep) noexcept {
  return reinterpret_cast<Lanes>(turned_exponents(reinterpret_cast<IntLanes>(x), keep));
}

// Sum over the states p below of matrix[p] * states[p], for each state above. Only the first eight rows are
// stored: row 15 - p is the mirror image of row p.
inline Lanes transition(const float* matrix, Lanes below) noexcept {
  alignas(64) float states[16];
  store(states, below);
  // Broadcast from memory: the shuffle port is busier.
  __asm__ volatile("" : : "r"(states) : "memory");
  Lanes ahead[2];
  Lanes behind[2];
  for (int i = 0; i < 2; ++i) {
    const Lanes row = load(matrix + 16 * i);
    ahead[i] = row * states[i];
    behind[i] = row * states[15 - i];
  }
  for (int p = 2; p < 8; p += 2) {
    for (int i = 0; i < 2; ++i) {
      const Lanes row = load(matrix + 16 * (p + i));
      ahead[i] += row * states[p + i];
      behind[i] += row * states[15 - p - i];
    }
  }
  const Lanes mirrored = behind[0] + behind[1];
  return (ahead[0] + ahead[1]) +
         reinterpret_cast<Lanes>(mirror_exponents(reinterpret_cast<IntLanes>(mirrored)));
}
