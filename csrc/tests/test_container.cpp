// The container's reader and writer: known checksums, round trip, every truncation, every flipped bit,
// sizes that the file cannot hold.
#include <limits>
#include <stdexcept>
#include <string_view>

#include "check.hpp"
#include "skm/container.hpp"

namespace {

using namespace skm::container;

std::span<const uint8_t> view(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

Header example() {
  Header header;
  header.code = "context-tree";
  Value list{Type::list, 0, 0, {}, {}};
  for (const double x : {0.5, -1.25}) list.items.push_back({Type::real, 0, x, {}, {}});
  header.parameters = {{"alpha", {Type::real, 0, 0.5, {}, {}}},
                       {"depth", {Type::none, 0, 0, {}, {}}},
                       {"low", {Type::integer, std::numeric_limits<int64_t>::min(), 0, {}, {}}},
                       {"reset", {Type::yes, 0, 0, {}, {}}},
                       {"shape", {Type::text, 0, 0, "binary", {}}},
                       {"weights", list}};
  header.blocks = {{70000, 3, 0x01020304}, {5, 4, 0xFFFFFFFF}, {0, 0, 0}};
  header.documents = {70000, 0, 5};
  return header;
}

std::vector<uint8_t> file_of(const Header& header) {
  std::vector<uint8_t> file = write(header);
  for (const Block& block : header.blocks) {
    file.insert(file.end(), block.payload_bytes, 0xAB);
    file.insert(file.end(), stored_bytes(block) - block.payload_bytes, 0);
  }
  return file;
}

Fault fault_of(const std::vector<uint8_t>& file) {
  Header header;
  uint64_t first_block = 0;
  return parse(file, &header, &first_block).fault;
}

void test_crc() {
  CHECK(crc32(view("123456789")) == 0xCBF43926u);                   // the CRC-32 check value
  CHECK(crc32(view("")) == 0);                                      // the CRC-32 of nothing
  CHECK(crc32(view("6789"), crc32(view("12345"))) == 0xCBF43926u);  // a CRC-32 in two parts
}

void test_round_trip() {
  const Header header = example();
  const std::vector<uint8_t> file = file_of(header);
  Header again;
  uint64_t first_block = 0;
  CHECK(parse(file, &again, &first_block).fault == Fault::ok);  // a sound file parses
  CHECK(again.code == header.code && again.documents == header.documents &&
        again.blocks == header.blocks);  // code, documents and blocks come back
  CHECK(again.parameters.size() == 6 &&
        again.parameters[2].second.integer == std::numeric_limits<int64_t>::min() &&
        again.parameters[5].second.items[1].real == -1.25);  // parameters come back
  CHECK(write(again) ==
        std::vector<uint8_t>(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(
                                                              first_block)));  // one header, one byte form
}

void test_damage() {
  const std::vector<uint8_t> file = file_of(example());
  Header header;
  uint64_t first_block = 0;
  parse(file, &header, &first_block);
  for (size_t size = 0; size < file.size(); ++size) {
    CHECK(fault_of({file.begin(), file.begin() + static_cast<std::ptrdiff_t>(size)}) ==
          Fault::truncated);  // every truncation is called one
  }
  for (size_t bit = 0; bit < 8 * first_block; ++bit) {
    std::vector<uint8_t> flipped = file;
    flipped[bit / 8] ^= static_cast<uint8_t>(1 << (bit % 8));
    const Fault fault = fault_of(flipped);
    const Fault expected = bit < 32 ? Fault::not_a_container : Fault::header_checksum;
    CHECK(fault == expected ||
          (bit >= 40 && bit < 56 &&
           fault == Fault::truncated));  // every flipped bit of the header shows as damage to the header
  }
  std::vector<uint8_t> longer = file;
  longer.push_back(0);
  CHECK(fault_of(longer) == Fault::trailing_bytes);  // bytes after the end
}

void test_declared_sizes() {
  Header header = example();
  header.blocks = {{uint64_t{1} << 47, 4, 0}};
  header.documents = {uint64_t{1} << 47};
  std::vector<uint8_t> file = write(header);
  file.resize(file.size() + 4);
  CHECK(fault_of(file) == Fault::truncated);  // a size that the stored bytes cannot hold

  header.blocks = {{65537, 1, 0}};
  header.documents = {65537};
  file = write(header);
  file.push_back(7);
  file.push_back(1);
  CHECK(fault_of(file) == Fault::padding);  // padding that is not zero
  file.back() = 0;
  CHECK(fault_of(file) == Fault::ok);  // padding that is zero
}

void test_write_refuses() {
  const auto refused = [](const Header& header) {
    try {
      write(header);
    } catch (const std::invalid_argument&) {
      return true;
    }
    return false;
  };
  Header header = example();
  header.documents.back() = 4;
  CHECK(refused(header));  // documents that leave bytes over
  header = example();
  std::swap(header.parameters[0], header.parameters[1]);
  CHECK(refused(header));  // parameters out of order
  header = example();
  header.code = "no spaces";
  CHECK(refused(header));  // a code name with a space
}

}  // namespace

int main() {
  test_crc();
  test_round_trip();
  test_damage();
  test_declared_sizes();
  test_write_refuses();
}
