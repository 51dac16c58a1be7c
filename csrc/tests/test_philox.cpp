#include "skm/philox.hpp"

#include "check.hpp"

int main() {
  using namespace skm;
  // Known answers of the authors' own library (Random123, kat_vectors: philox 4x32 10).
  const RandomBlock zeros = random_block(0, 0, 0);
  CHECK(zeros.half[0] == 0xe169c58d6627e8d5u && zeros.half[1] == 0x9b00dbd8bc57ac4cu);
  const RandomBlock ones = random_block(~0ull, ~0ull, ~0ull);
  CHECK(ones.half[0] == 0x41c83b0e408f276du && ones.half[1] == 0x6d5451fda20bc7c6u);
  const RandomBlock digits = random_block(0x299f31d0a4093822u, 0x85a308d3243f6a88u, 0x0370734413198a2eu);
  CHECK(digits.half[0] == 0xd16cfe09u + (0x94fdcceb * (1ull << 32)));
  CHECK(digits.half[1] == 0x5001e420u + (0x24126ea1 * (1ull << 32)));

  Draw draw(7, 11);
  const RandomBlock first = random_block(7, 11, 0), second = random_block(7, 11, 1);
  CHECK(draw.bits() == first.half[0] && draw.bits() == first.half[1] && draw.bits() == second.half[0]);
  CHECK(unit_double(~0ull) < 1.0 && unit_double(0) == 0.0);
  CHECK(open_unit_double(~0ull) < 1.0 && open_unit_double(0) > 0.0);
  return 0;
}
