// Reads and writes the container's header; see skm/container.hpp for the contract, docs/format.md for the
// bytes.
#include "skm/container.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <stdexcept>

namespace skm::container {
namespace {

// Slicing by four: table[k][b] is the CRC of byte b followed by k zero bytes.
constexpr std::array<std::array<uint32_t, 256>, 4> make_crc_tables() {
  std::array<std::array<uint32_t, 256>, 4> table{};
  for (uint32_t b = 0; b < 256; ++b) {
    uint32_t crc = b;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) ? 0xEDB88320u : 0u);
    table[0][b] = crc;
  }
  for (size_t k = 1; k < 4; ++k) {
    for (size_t b = 0; b < 256; ++b) {
      const uint32_t previous = table[k - 1][b];
      table[k][b] = (previous >> 8) ^ table[0][previous & 0xFF];
    }
  }
  return table;
}
constexpr auto kCrc = make_crc_tables();

bool is_name(std::string_view name) noexcept {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  };
  return !name.empty() && name.size() <= kMaxName && std::all_of(name.begin(), name.end(), allowed);
}

/// Reads fields from front to back. The first failure sticks: later reads return zeros and change nothing.
class Reader {
 public:
  Reader(std::span<const uint8_t> bytes, size_t at, size_t end) : bytes_(bytes), at_(at), end_(end) {}

  bool ok() const { return status_.fault == Fault::ok; }
  Status status() const { return status_; }
  size_t offset() const { return at_; }
  size_t left() const { return end_ - at_; }

  uint64_t fail(Fault fault, size_t offset) {
    if (ok()) status_ = {fault, offset};
    return 0;
  }
  uint8_t byte() {
    if (!ok()) return 0;
    if (left() == 0) return static_cast<uint8_t>(fail(Fault::header_field, at_));
    return bytes_[at_++];
  }
  /// LEB128 of at most ten bytes, shortest form only, value at most `limit`.
  uint64_t varint(uint64_t limit) {
    const size_t start = at_;
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const uint8_t next = byte();
      if (!ok()) return 0;
      if (shift == 63 && next > 1) break;
      value |= static_cast<uint64_t>(next & 0x7F) << shift;
      if (next < 0x80) {
        const bool shortest = next != 0 || shift == 0;
        return shortest && value <= limit ? value : fail(Fault::header_field, start);
      }
    }
    return fail(Fault::header_field, start);
  }
  /// `Width` bytes, least significant first.
  template <int Width>
  uint64_t fixed() {
    uint64_t value = 0;
    for (int i = 0; i < Width; ++i) value |= static_cast<uint64_t>(byte()) << (8 * i);
    return value;
  }
  std::string text(size_t limit) {
    const size_t start = at_;
    const uint64_t size = varint(limit);
#if !defined(SKM_SEED_BUG_CONTAINER)  // see csrc/fuzz/seeded_bug.sh
    if (size > left()) fail(Fault::header_field, start);
#endif
    if (!ok()) return {};
    const auto* first = reinterpret_cast<const char*>(bytes_.data() + at_);
    at_ += size;
    return {first, first + size};
  }
  std::string name() {
    const size_t start = at_;
    std::string result = text(kMaxName);
    if (ok() && !is_name(result)) fail(Fault::header_field, start);
    return result;
  }

 private:
  std::span<const uint8_t> bytes_;
  size_t at_;
  size_t end_;
  Status status_;
};

Value read_value(Reader& in, bool may_be_list) {
  Value value;
  const size_t start = in.offset();
  const uint8_t type = in.byte();
  if (type > static_cast<uint8_t>(may_be_list ? Type::list : Type::text)) in.fail(Fault::header_field, start);
  if (!in.ok()) return value;
  value.type = static_cast<Type>(type);
  switch (value.type) {
    case Type::none:
    case Type::no:
    case Type::yes: break;
    case Type::integer: {
      const uint64_t zigzag = in.varint(~uint64_t{0});
      value.integer = static_cast<int64_t>((zigzag >> 1) ^ (~(zigzag & 1) + 1));
      break;
    }
    case Type::real: value.real = std::bit_cast<double>(in.fixed<8>()); break;
    case Type::text: value.text = in.text(kMaxText); break;
    case Type::list: {
      const uint64_t count = in.varint(kMaxItems);
      for (uint64_t i = 0; i < count && in.ok(); ++i) value.items.push_back(read_value(in, false));
      break;
    }
  }
  return value;
}

void read_parameters(Reader& in, Header* header) {
  const uint64_t count = in.varint(kMaxParameters);
  for (uint64_t i = 0; i < count && in.ok(); ++i) {
    const size_t start = in.offset();
    std::string name = in.name();
    if (in.ok() && i > 0 && name <= header->parameters.back().first) in.fail(Fault::header_field, start);
    header->parameters.emplace_back(std::move(name), read_value(in, true));
  }
}

uint64_t read_blocks(Reader& in, Header* header) {
  uint64_t total = 0;
  const uint64_t count = in.varint(in.left());
  for (uint64_t i = 0; i < count && in.ok(); ++i) {
    Block block;
    block.original_bytes = in.varint(kMaxBytes - total);
    block.payload_bytes = in.varint(kMaxBytes);
    block.original_crc = static_cast<uint32_t>(in.fixed<4>());
    total += block.original_bytes;
    header->blocks.push_back(block);
  }
  return total;
}

// The last size is what the others leave of the total, so the sizes cannot contradict the blocks.
void read_documents(Reader& in, uint64_t total, Header* header) {
  const size_t start = in.offset();
  const uint64_t count = in.varint(in.left() + 1);
  for (uint64_t i = 0; i + 1 < count && in.ok(); ++i) {
    header->documents.push_back(in.varint(total));
    total -= header->documents.back();
  }
  if (count > 0)
    header->documents.push_back(total);
  else if (total != 0)
    in.fail(Fault::header_field, start);
}

Status check_blocks(std::span<const uint8_t> file, const Header& header, uint64_t at) {
  for (const Block& block : header.blocks) {
    const uint64_t stored = stored_bytes(block);
    if (stored > file.size() - at) return {Fault::truncated, file.size()};
    const auto padding = file.subspan(at + block.payload_bytes, stored - block.payload_bytes);
    const auto dirty = std::find_if(padding.begin(), padding.end(), [](uint8_t b) { return b != 0; });
    if (dirty != padding.end()) return {Fault::padding, static_cast<uint64_t>(&*dirty - file.data())};
    at += stored;
  }
  return at == file.size() ? Status{} : Status{Fault::trailing_bytes, at};
}

class Writer {
 public:
  std::vector<uint8_t> bytes;

  void varint(uint64_t value) {
    for (; value >= 0x80; value >>= 7) bytes.push_back(static_cast<uint8_t>(value | 0x80));
    bytes.push_back(static_cast<uint8_t>(value));
  }
  void fixed(uint64_t value, int width) {
    for (int i = 0; i < width; ++i) bytes.push_back(static_cast<uint8_t>(value >> (8 * i)));
  }
  void text(const std::string& value) {
    varint(value.size());
    bytes.insert(bytes.end(), value.begin(), value.end());
  }
  void value(const Value& value, bool may_be_list) {
    if (value.type == Type::list && !may_be_list) throw std::invalid_argument("a list inside a list");
    bytes.push_back(static_cast<uint8_t>(value.type));
    switch (value.type) {
      case Type::none:
      case Type::no:
      case Type::yes: break;
      case Type::integer: {
        const auto bits = static_cast<uint64_t>(value.integer);
        varint((bits << 1) ^ (value.integer < 0 ? ~uint64_t{0} : 0));
        break;
      }
      case Type::real: fixed(std::bit_cast<uint64_t>(value.real), 8); break;
      case Type::text:
        if (value.text.size() > kMaxText) throw std::invalid_argument("a text value is too long");
        text(value.text);
        break;
      case Type::list:
        if (value.items.size() > kMaxItems) throw std::invalid_argument("a list value is too long");
        varint(value.items.size());
        for (const Value& item : value.items) this->value(item, false);
        break;
    }
  }
};

uint64_t checked_total(const Header& header) {
  uint64_t total = 0;
  for (const Block& block : header.blocks) {
    if (block.payload_bytes > kMaxBytes || block.original_bytes > kMaxBytes - total) {
      throw std::invalid_argument("blocks are too large");
    }
    total += block.original_bytes;
  }
  uint64_t left = total;
  for (const uint64_t size : header.documents) {
    if (size > left) throw std::invalid_argument("documents are larger than the blocks");
    left -= size;
  }
  if (left != 0) throw std::invalid_argument("documents are smaller than the blocks");
  return total;
}

}  // namespace

uint32_t crc32(std::span<const uint8_t> bytes, uint32_t before) noexcept {
  uint32_t crc = ~before;
  const uint8_t* p = bytes.data();
  size_t left = bytes.size();
  for (; left >= 4; left -= 4, p += 4) {
    crc ^= static_cast<uint32_t>(p[0]) | static_cast<uint32_t>(p[1]) << 8 |
           static_cast<uint32_t>(p[2]) << 16 | static_cast<uint32_t>(p[3]) << 24;
    crc = kCrc[3][crc & 0xFF] ^ kCrc[2][(crc >> 8) & 0xFF] ^ kCrc[1][(crc >> 16) & 0xFF] ^ kCrc[0][crc >> 24];
  }
  for (; left > 0; --left, ++p) crc = (crc >> 8) ^ kCrc[0][(crc ^ *p) & 0xFF];
  return ~crc;
}

uint64_t stored_bytes(const Block& block) noexcept {
  const uint64_t floor = block.original_bytes / kMaxExpansion + (block.original_bytes % kMaxExpansion != 0);
  return std::max(block.payload_bytes, floor);
}

Status parse(std::span<const uint8_t> file, Header* header, uint64_t* first_block) {
  const size_t seen = std::min(file.size(), sizeof kMagic);
  if (!std::equal(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(seen), kMagic)) {
    return {Fault::not_a_container, 0};
  }
  if (file.size() <= sizeof kMagic) return {Fault::truncated, file.size()};
  const uint8_t version = file[sizeof kMagic];

  Reader size_field(file, sizeof kMagic + 1, file.size());
  const uint64_t header_bytes = size_field.varint(~uint64_t{0} >> 1);
  if (!size_field.ok())
    return {file.size() < 15 ? Fault::truncated : Fault::header_checksum, sizeof kMagic + 1};
  const size_t start = size_field.offset();
  if (size_field.left() < 4 || header_bytes > size_field.left() - 4) return {Fault::truncated, file.size()};
  const size_t end = start + header_bytes;
  Reader checksum(file, end, file.size());
  if (checksum.fixed<4>() != crc32(file.first(end))) return {Fault::header_checksum, end};
  if (version != kVersion) return {Fault::unsupported_version, sizeof kMagic};

  *header = Header{};
  Reader in(file, start, end);
  header->code = in.name();
  read_parameters(in, header);
  const uint64_t total = read_blocks(in, header);
  read_documents(in, total, header);
  if (in.ok() && in.left() != 0) in.fail(Fault::header_field, in.offset());
  if (!in.ok()) return in.status();
  *first_block = end + 4;
  return check_blocks(file, *header, *first_block);
}

std::vector<uint8_t> write(const Header& header) {
  checked_total(header);
  if (!is_name(header.code)) throw std::invalid_argument("the code's name is not a name");
  if (header.parameters.size() > kMaxParameters) throw std::invalid_argument("too many parameters");
  Writer body;
  body.text(header.code);
  body.varint(header.parameters.size());
  for (size_t i = 0; i < header.parameters.size(); ++i) {
    const auto& [name, value] = header.parameters[i];
    if (!is_name(name)) throw std::invalid_argument("a parameter's name is not a name");
    if (i > 0 && name <= header.parameters[i - 1].first)
      throw std::invalid_argument("parameters are not in order");
    body.text(name);
    body.value(value, true);
  }
  body.varint(header.blocks.size());
  for (const Block& block : header.blocks) {
    body.varint(block.original_bytes);
    body.varint(block.payload_bytes);
    body.fixed(block.original_crc, 4);
  }
  body.varint(header.documents.size());
  for (size_t i = 0; i + 1 < header.documents.size(); ++i) body.varint(header.documents[i]);

  Writer out;
  out.bytes.assign(std::begin(kMagic), std::end(kMagic));
  out.bytes.push_back(kVersion);
  out.varint(body.bytes.size());
  out.bytes.insert(out.bytes.end(), body.bytes.begin(), body.bytes.end());
  out.fixed(crc32(out.bytes), 4);
  return std::move(out.bytes);
}

}  // namespace skm::container
