// Two-part coder of a context tree: the model as one message, the data given the model as another. Their
// sizes are the model bits and data bits of skm/structure_function.hpp. docs/format.md gives the streams.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "skm/structure_function.hpp"

namespace skm {

struct TwoPartPayload {
  std::vector<std::uint8_t> model;
  std::vector<std::uint8_t> data;
};

/// Codes text[context_padding ...], which has context_padding zeros before it, by the tree that `splits`
/// make: the splits of the first blocks of its hull (of this text as one segment, symbols being bytes). Less
/// than 2^31 bytes. `depth` is the hull's. Throws std::bad_alloc.
TwoPartPayload two_part_encode(std::span<const std::uint8_t> text, std::span<const ContextSplit> splits,
                               int depth, const Watch& watch = {});

/// Decodes document.size() bytes, fewer than 2^31. Returns false if the two messages are not what
/// two_part_encode writes for a document of that size. Memory is in proportion to the messages and the
/// document, time to the document's size times the depth. Throws std::bad_alloc.
bool two_part_decode(std::span<const std::uint8_t> model, std::span<const std::uint8_t> data, int depth,
                     std::span<std::uint8_t> document, const Watch& watch = {});

}  // namespace skm
