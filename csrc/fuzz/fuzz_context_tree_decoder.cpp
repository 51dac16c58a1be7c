// Hostile bytes into the context-tree decoder: the first byte is the depth, the next two the declared size.
// What it accepts must come back from the encoder's payload.
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <vector>

#include "skm/adaptive_context_tree.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const skm::TreeModel models[] = {skm::TreeModel(0), skm::TreeModel(2), skm::TreeModel(64)};
  if (size < 3) return 0;
  const skm::TreeModel& model = models[data[0] % 3];
  std::vector<std::uint8_t> document((data[1] | data[2] << 8) % 4096);
  std::size_t position = 0;
  if (!skm::context_tree_decode(model, {data + 3, size - 3}, document, position)) {
    if (position > size - 3) std::abort();
    return 0;
  }
  std::vector<std::uint8_t> again(document.size());
  if (!skm::context_tree_decode(model, skm::context_tree_encode(model, document), again, position))
    std::abort();
  if (again != document) std::abort();
  return 0;
}
