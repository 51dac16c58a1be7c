// One lane of 64 bits in plain C++: what the vector lanes must equal, and where there are none.

namespace lanes {

constexpr std::size_t kLanes = 1;
using Words = std::uint64_t;
using Doubles = double;
using Mask = bool;

inline Words word(std::uint64_t x) noexcept { return x; }
inline Doubles real(double x) noexcept { return x; }
inline Words load(const std::uint64_t* from) noexcept { return *from; }
inline Doubles load(const double* from) noexcept { return *from; }
inline void store(std::uint64_t* to, Words x) noexcept { *to = x; }
inline void store(double* to, Doubles x) noexcept { *to = x; }
inline Words bits(Doubles x) noexcept { return __builtin_bit_cast(std::uint64_t, x); }
inline Doubles as_real(Words x) noexcept { return __builtin_bit_cast(double, x); }

inline Words add(Words a, Words b) noexcept { return a + b; }
inline Words sub(Words a, Words b) noexcept { return a - b; }
inline Words both(Words a, Words b) noexcept { return a & b; }
inline Words either(Words a, Words b) noexcept { return a | b; }
template <unsigned by>
inline Words left(Words x) noexcept {
  return x << by;
}
template <unsigned by>
inline Words right(Words x) noexcept {
  return x >> by;
}

/// x in [-2^51, 2^51), as two's complement.
inline Doubles signed_to_real(Words x) noexcept { return static_cast<double>(static_cast<std::int64_t>(x)); }
/// x in [0, 2^64), whole, as an integer.
inline Words whole_to_word(Doubles x) noexcept { return static_cast<std::uint64_t>(x); }
inline Doubles floor(Doubles x) noexcept { return __builtin_floor(x); }
inline Doubles least(Doubles a, Doubles b) noexcept { return a < b ? a : b; }
inline Doubles most(Doubles a, Doubles b) noexcept { return a > b ? a : b; }

inline Mask less(Doubles a, Doubles b) noexcept { return a < b; }
inline Mask not_less(Doubles a, Doubles b) noexcept { return !(a < b); }
inline Mask both_masks(Mask a, Mask b) noexcept { return a && b; }
inline unsigned mask_bits(Mask mask) noexcept { return mask ? 1 : 0; }
/// Arithmetic shift by 52.
inline Words exponent_of(Words x) noexcept {
  return static_cast<std::uint64_t>(static_cast<std::int64_t>(x) >> 52);
}

/// table[index % 16]
inline Words lookup(const std::uint64_t (&table)[16], Words index) noexcept { return table[index % 16]; }
inline Doubles lookup(const double (&table)[16], Words index) noexcept { return table[index % 16]; }

}  // namespace lanes
