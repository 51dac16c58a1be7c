// Fuzzes the Krichevsky-Trofimov decoder: the input holds parameters, a size and a payload. A payload that is
// accepted must decode to bytes that encode to it again; and the payload read as a text must come back.
#include <cstdlib>

#include "skm/krichevsky_trofimov.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace skm::kt;
  if (size < 4) return 0;
  const Parameters parameters{data[0] % (kMaxOrder + 1), 1u << (data[1] % 21), 1u << (data[1] / 21 % 13)};
  const std::vector<uint8_t> payload(data + 4, data + size);
  std::vector<uint8_t> document((data[2] | data[3] << 8) % 4096);
  uint64_t place = 0;
  if (decode(payload, parameters, document, &place) && encode(document, parameters) != payload) std::abort();
  if (place > payload.size()) std::abort();

  const std::vector<uint8_t> coded = encode(payload, parameters);
  document.assign(payload.size(), 0);
  if (!decode(coded, parameters, document, &place) || document != payload) std::abort();
  return 0;
}
