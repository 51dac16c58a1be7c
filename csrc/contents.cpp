#include "skm/contents.hpp"

#include <cstddef>

#include "skm/parallel.hpp"

namespace skm {
namespace {

constexpr std::size_t kGrain = 4096;  // elements worth a thread
constexpr std::size_t kBlock = 1024;  // elements that a thread takes at a time

void write_name(std::uint64_t rest, std::span<const ContentsColumn> digits, std::uint16_t* row) noexcept {
  for (const ContentsColumn& digit : digits) {
    row[digit.column] = static_cast<std::uint16_t>(rest % digit.size);
    rest /= digit.size;
  }
}

void write_drawn(std::uint64_t element, std::span<const ContentsColumn> drawn, std::uint64_t key,
                 std::uint16_t* row) noexcept {
  std::uint64_t attempt = ~std::uint64_t{0};
  RandomBlock block{};
  for (const ContentsColumn& field : drawn) {
    if (field.word / 4 != attempt) {
      attempt = field.word / 4;
      block = random_block(key, element, attempt);
    }
    const std::uint64_t word = block.half[field.word % 4 / 2] >> (field.word % 2 * 32) & 0xFFFFFFFFu;
    row[field.column] = static_cast<std::uint16_t>(word * field.size >> 32);
  }
}

}  // namespace

void fill_contents(std::span<const std::uint64_t> elements, std::span<const ContentsColumn> digits,
                   std::span<const ContentsColumn> drawn, std::uint64_t names_key, std::uint64_t contents_key,
                   std::uint16_t* table, std::size_t stride, unsigned threads) {
  std::uint64_t num_names = 1;
  for (const ContentsColumn& digit : digits) num_names *= digit.size;
  const Permutation permutation(num_names, names_key);
  parallel_blocks(elements.size(), kBlock, part_count(elements.size(), kGrain, threads),
                  [&](std::size_t begin, std::size_t end) {
                    for (std::size_t i = begin; i < end; ++i) {
                      std::uint16_t* row = table + i * stride;
                      write_name(permutation(elements[i]), digits, row);
                      write_drawn(elements[i], drawn, contents_key, row);
                    }
                  });
}

}  // namespace skm
