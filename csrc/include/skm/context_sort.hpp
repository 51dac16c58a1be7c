// Positions of a text in the order of their contexts (the bytes before them, nearest first).
//
// The documents of a corpus lie in one buffer, each preceded by at least `context_padding` zero bytes: before
// a document's first byte the context is all zero bytes. A context tree over the corpus is then the tree of
// longest common prefixes of neighbours in this order, and can be folded without being built.
#pragma once

#include <cstddef>
#include <cstdint>

namespace skm {

/// Contexts are told apart by at most this many bytes: one AVX-512 register.
inline constexpr int max_context_depth = 64;

/// Zero bytes required before each document, and readable bytes before the buffer's first position: the sort
/// fetches four context bytes at a time, from any depth below the greatest.
inline constexpr std::size_t context_padding = max_context_depth + 4;

/// Sorts `count` positions, given in the low halves of `items`, by the bytes of their contexts from depth
/// `from` (they are equal up to there) to `depth` <= 64.
///
/// On return the low halves are in context order; shared[i] (0 < i) is the number of bytes, at most `depth`,
/// that the contexts of neighbours i - 1 and i have in common; shared[0] is left alone. Positions with equal
/// contexts to the full depth come in the order of the symbols that follow, then of position. The order is
/// the same on every instruction set. `count` < 2^32; O(count * depth / 4) at worst; allocates nothing.
void sort_contexts(const std::uint8_t* text, std::uint64_t* items, std::uint32_t count, std::uint8_t* shared,
                   int from, int depth) noexcept;

}  // namespace skm
