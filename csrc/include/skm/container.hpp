// The file that `skmfast compress` writes: what stands around the payloads. docs/format.md gives the bytes.
//
// A container is magic, version, a checksummed header (code, parameters, documents, blocks), then the
// stored blocks. Every header has exactly one byte form, so writing what was read gives the same bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace skm::container {

inline constexpr uint8_t kVersion = 1;
inline constexpr uint8_t kMagic[4] = {0x8D, 'S', 'K', 'M'};

/// A stored block may hold at most this many original bytes per stored byte. A model that is sure of itself
/// needs almost no bits, so without a floor a few bytes could declare any size; the writer pads instead.
inline constexpr uint64_t kMaxExpansion = 65536;
/// Original bytes of a whole container stay below this, so sums of sizes cannot overflow.
inline constexpr uint64_t kMaxBytes = uint64_t{1} << 48;
inline constexpr size_t kMaxName = 64;        ///< bytes of a code's or a parameter's name
inline constexpr size_t kMaxText = 4096;      ///< bytes of a text value
inline constexpr size_t kMaxParameters = 64;  ///< parameters of one code
inline constexpr size_t kMaxItems = 4096;     ///< scalars of a list value

enum class Type : uint8_t { none = 0, no = 1, yes = 2, integer = 3, real = 4, text = 5, list = 6 };

/// A parameter's value: the field named by `type` holds it. Lists hold scalars only.
struct Value {
  Type type = Type::none;
  int64_t integer = 0;
  double real = 0;
  std::string text;  ///< UTF-8; checked by the Python layer
  std::vector<Value> items;
};

struct Block {
  uint64_t original_bytes = 0;
  uint64_t payload_bytes = 0;
  uint32_t original_crc = 0;  ///< CRC-32 of the original bytes
  bool operator==(const Block&) const = default;
};

struct Header {
  std::string code;
  std::vector<std::pair<std::string, Value>> parameters;  ///< names strictly increasing
  std::vector<uint64_t> documents;                        ///< sizes; their sum is the sum over blocks
  std::vector<Block> blocks;
};

/// Why a container is refused. `ok` comes with no offset.
enum class Fault {
  ok,
  not_a_container,      ///< the magic is wrong
  truncated,            ///< the file ends inside the header or inside a block
  header_checksum,      ///< the header's bytes do not match its checksum
  header_field,         ///< the checksum holds, yet a field is outside its domain
  unsupported_version,  ///< a version this build does not know, with a sound header
  padding,              ///< a byte of a block's padding is not zero
  trailing_bytes,       ///< bytes follow the last block
};

struct Status {
  Fault fault = Fault::ok;
  uint64_t offset = 0;  ///< byte of the file where it shows
};

/// CRC-32 as in zlib, gzip and PNG (reflected 0x04C11DB7), of `bytes` after data whose CRC-32 is `before`.
uint32_t crc32(std::span<const uint8_t> bytes, uint32_t before = 0) noexcept;

/// Bytes that a block takes in the file: its payload and the zero bytes after it (see kMaxExpansion).
uint64_t stored_bytes(const Block& block) noexcept;

/// Reads the header of `file` and checks that the blocks fill the rest of it. On success fills `header` and
/// sets `*first_block` to the offset of the first stored block. Never reads outside `file`; allocates memory
/// proportional to the header's bytes that are there. Throws std::bad_alloc only.
Status parse(std::span<const uint8_t> file, Header* header, uint64_t* first_block);

/// Everything before the first block. `header` must hold values that `parse` accepts; otherwise
/// throws std::invalid_argument with the field.
std::vector<uint8_t> write(const Header& header);

}  // namespace skm::container
