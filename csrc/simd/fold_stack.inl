// Folding sorted contexts on a stack of open nodes; included in an unnamed namespace. `Weighting` provides
//   open(node, depth), absorb(parent, child), absorb_leaf(parent, symbol)
// as in context_walk.hpp. Every extension of a context is taken in before the context itself is, in order.

template <typename Node>
inline Node& node_at(FoldStack<Node>& stack, int level) noexcept {
  return stack.nodes[stack.order[level]];
}

// Closes the open nodes deeper than `depth`; the last one stays open where nothing lies above it.
template <typename Weighting, typename Node>
inline void close_to(FoldStack<Node>& stack, Weighting& weighting, int depth) {
  while (node_at(stack, stack.top).depth > depth) {
    const int above = stack.top > 0 ? node_at(stack, stack.top - 1).depth : -1;
    const int parent_depth = depth > above ? depth : above;
    if (parent_depth < 0) return;
    if (above < parent_depth) {  // a new node between the two
      weighting.open(node_at(stack, ++stack.top), parent_depth);
      const std::int16_t swapped = stack.order[stack.top];
      stack.order[stack.top] = stack.order[stack.top - 1];
      stack.order[stack.top - 1] = swapped;
    }
    weighting.absorb(node_at(stack, stack.top - 1), node_at(stack, stack.top));
    --stack.top;
  }
}

// Takes in `count` positions in context order; see ContextTreeKernels::feed for `shared`.
template <typename Weighting, typename Node>
inline void feed_sorted(FoldStack<Node>& stack, Weighting& weighting, const std::uint8_t* text,
                        const std::uint64_t* items, const std::int8_t* shared, std::uint32_t count) {
  for (std::uint32_t i = 0; i < count; ++i) {
    if (i + 8 < count) __builtin_prefetch(text + static_cast<std::uint32_t>(items[i + 8]));
    const std::uint8_t symbol = text[static_cast<std::uint32_t>(items[i])];
    const int before = shared[i];
    const int after = shared[i + 1];
    const int depth = before > after ? before : after;
    if (depth < 0) {
      stack.last_symbol = symbol;
      return;
    }
    if (stack.top < 0 || node_at(stack, stack.top).depth < depth) {
      weighting.open(node_at(stack, ++stack.top), depth);
    }
    weighting.absorb_leaf(node_at(stack, stack.top), symbol);
    close_to(stack, weighting, after);
  }
}
