// Hostile bytes into the two-part decoder: a depth, the declared size, the size of the model message, then
// the two messages. And the input as a text, which must come back from every point of its hull.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "skm/context_sort.hpp"
#include "skm/two_part.hpp"

namespace {

void round_trip(std::span<const std::uint8_t> input, int depth) {
  std::vector<std::uint8_t> text(skm::context_padding);
  text.insert(text.end(), input.begin(), input.end());
  const skm::Segment segment{skm::context_padding, text.size()};
  skm::StructureOptions options;
  options.depth = depth;
  const skm::StructureHull hull = skm::structure_hull<std::uint8_t>(text, {&segment, 1}, options);
  for (const std::size_t splits : {std::size_t{0}, hull.splits.size()}) {
    const auto payload = skm::two_part_encode(text, {hull.splits.data(), splits}, depth);
    std::vector<std::uint8_t> document(input.size());
    if (!skm::two_part_decode(payload.model, payload.data, depth, document)) std::abort();
    if (!std::equal(document.begin(), document.end(), input.begin())) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 4) return 0;
  const int depth = data[0] % 65;
  const std::span<const std::uint8_t> rest(data + 4, size - 4);
  const std::size_t model_size = data[3] < rest.size() ? data[3] : rest.size();
  std::vector<std::uint8_t> document((data[1] | data[2] << 8) % 4096);
  (void)skm::two_part_decode(rest.first(model_size), rest.subspan(model_size), depth, document);
  round_trip(rest.first(rest.size() < 512 ? rest.size() : 512), depth);
  return 0;
}
