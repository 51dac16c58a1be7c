// Fuzzes the container's reader. The checksum would stop nearly every input at the door, so an input is read
// twice: as a file, and as a header's body inside a sound frame. What is accepted must be written back alike.
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "skm/container.hpp"

namespace {

void check(const std::vector<uint8_t>& file) {
  using namespace skm::container;
  // An exact copy on the heap: one byte too far is then an error that AddressSanitizer reports.
  const std::vector<uint8_t> exact(file.begin(), file.end());
  Header header;
  uint64_t first_block = 0;
  if (parse(exact, &header, &first_block).fault != Fault::ok) return;
  const std::vector<uint8_t> again = write(header);
  if (again.size() != first_block || !std::equal(again.begin(), again.end(), exact.begin())) std::abort();
}

std::vector<uint8_t> framed(const uint8_t* body, size_t size, size_t tail) {
  using namespace skm::container;
  std::vector<uint8_t> file(std::begin(kMagic), std::end(kMagic));
  file.push_back(kVersion);
  for (size_t left = size;; left >>= 7) {
    if (left < 0x80) {
      file.push_back(static_cast<uint8_t>(left));
      break;
    }
    file.push_back(static_cast<uint8_t>(left | 0x80));
  }
  file.insert(file.end(), body, body + size);
  const uint32_t crc = crc32(file);
  for (int i = 0; i < 4; ++i) file.push_back(static_cast<uint8_t>(crc >> (8 * i)));
  file.resize(file.size() + tail);
  return file;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  check({data, data + size});
  if (size > 0) check(framed(data + 1, size - 1, data[0]));
  return 0;
}
