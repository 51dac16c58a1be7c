// The open contexts of a fold: those on the path from the range's top to where the sorted contexts have come.
#pragma once

#include <cstdint>

#include "skm/context_sort.hpp"

namespace skm {

inline constexpr int fold_nodes = max_context_depth + 2;

template <typename Node>
struct FoldStack {
  Node* nodes;  ///< fold_nodes of them
  std::int16_t order[fold_nodes];
  int top;          ///< index of the deepest open node in `order`, -1 when there is none
  int last_symbol;  ///< of a range that holds a single position, else -1
};

}  // namespace skm
