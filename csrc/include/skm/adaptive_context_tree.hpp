// The context-tree code in sequence: the same mixture as skm/context_tree.hpp, bit by bit.
//
// The tree is grown position by position. A prediction carries, from the deepest known context up to the
// root, the probability of each bit given each hidden state; coding a bit multiplies those ratios into the
// products along the path. By the chain rule the bits spent add up to the batch code length, up to rounding.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "skm/tree_model.hpp"
#include "skm/watch.hpp"

namespace skm {

/// Payload of `document`: the range coder's message. size < 2^31.
std::vector<std::uint8_t> context_tree_encode(const TreeModel& model, std::span<const std::uint8_t> document,
                                              const Watch& watch = {});

/// Bits of each byte given those before it.
void context_tree_byte_bits(const TreeModel& model, std::span<const std::uint8_t> document, double* bits,
                            const Watch& watch = {});

/// Decodes document.size() bytes. Returns false if the payload is not one that context_tree_encode writes for
/// a document of that size; `position` is then how many of its bytes had been read. The result has the same
/// bits on every processor.
bool context_tree_decode(const TreeModel& model, std::span<const std::uint8_t> payload,
                         std::span<std::uint8_t> document, std::size_t& position, const Watch& watch = {});

}  // namespace skm
