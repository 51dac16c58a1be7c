// Rendering: random plans against a plain rendering here, split and threaded in many ways, into arrays of
// exactly the size (a sanitizer sees any byte too many); plans that lead outside their arrays are refused.
#include "skm/render.hpp"

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "check.hpp"
#include "skm/philox.hpp"

namespace {

using Random = std::mt19937_64;
using Words = std::vector<std::uint32_t>;

/// A plan with its arrays.
struct Plan {
  std::vector<std::uint8_t> piece_bytes, part_label;
  Words piece_byte_offsets{0}, piece_tokens, piece_token_offsets{0}, part_piece, template_parts{0},
      choice_offsets{0}, field_sizes;
  std::vector<std::int32_t> part_field;
  std::vector<double> choice_probability;
  skm::RenderPlan scalars;

  skm::RenderPlan view() const {
    skm::RenderPlan plan = scalars;
    plan.piece_bytes = piece_bytes;
    plan.piece_byte_offsets = piece_byte_offsets;
    plan.piece_tokens = piece_tokens;
    plan.piece_token_offsets = piece_token_offsets;
    plan.part_piece = part_piece;
    plan.part_field = part_field;
    plan.part_label = part_label;
    plan.template_parts = template_parts;
    plan.choice_offsets = choice_offsets;
    plan.choice_probability = choice_probability;
    plan.field_sizes = field_sizes;
    return plan;
  }
};

std::uint32_t below(Random& random, std::size_t bound) {
  return static_cast<std::uint32_t>(random() % bound);
}

void add_pieces(Random& random, Plan& plan, std::size_t count, std::uint32_t vocabulary,
                std::size_t longest) {
  for (std::size_t p = 0; p < count; ++p) {
    for (std::size_t i = below(random, longest); i > 0; --i)
      plan.piece_bytes.push_back(static_cast<std::uint8_t>(random()));
    for (std::size_t i = below(random, longest / 2 + 1); i > 0; --i)
      plan.piece_tokens.push_back(below(random, vocabulary));
    plan.piece_byte_offsets.push_back(static_cast<std::uint32_t>(plan.piece_bytes.size()));
    plan.piece_token_offsets.push_back(static_cast<std::uint32_t>(plan.piece_tokens.size()));
  }
}

Plan random_plan(Random& random, bool fixed, std::uint32_t vocabulary, std::size_t longest) {
  Plan plan;
  const std::size_t pieces = 20;
  add_pieces(random, plan, pieces, vocabulary, longest);
  for (std::size_t f = 1 + below(random, 10); f > 0; --f) plan.field_sizes.push_back(1 + below(random, 5));
  plan.scalars.kinds = 1 + below(random, 3);
  plan.scalars.kind_field = static_cast<std::int32_t>(below(random, plan.field_sizes.size()));
  plan.scalars.attributes = 1 + below(random, 5);
  plan.scalars.statements = 1 + below(random, plan.scalars.attributes);
  plan.scalars.fixed_order = fixed;
  plan.scalars.end_piece = below(random, pieces);
  plan.scalars.vocabulary_size = vocabulary;
  for (std::uint32_t choice = 0; choice < plan.scalars.kinds * plan.scalars.attributes; ++choice) {
    const std::uint32_t templates = 1 + below(random, 6);
    for (std::uint32_t t = 0; t < templates; ++t) plan.choice_probability.push_back(1.0 / templates);
    plan.choice_offsets.push_back(static_cast<std::uint32_t>(plan.choice_probability.size()));
  }
  for (std::size_t t = 0; t < 2 * plan.choice_probability.size(); ++t) {
    for (std::size_t q = below(random, 20); q > 0; --q) {
      const std::int32_t field = static_cast<std::int32_t>(below(random, plan.field_sizes.size() + 1)) - 1;
      const std::uint32_t values = field < 0 ? 1 : plan.field_sizes[static_cast<std::size_t>(field)];
      plan.part_field.push_back(field);
      plan.part_piece.push_back(below(random, pieces - values + 1));
      plan.part_label.push_back(static_cast<std::uint8_t>(below(random, 4)));
    }
    plan.template_parts.push_back(static_cast<std::uint32_t>(plan.part_piece.size()));
  }
  return plan;
}

struct Sentence {
  std::vector<std::uint8_t> text, labels;
  Words tokens;
  std::vector<std::uint16_t> choices;
};

void add_piece(const Plan& plan, std::size_t piece, std::uint8_t label, Sentence& out) {
  for (std::size_t i = plan.piece_byte_offsets[piece]; i < plan.piece_byte_offsets[piece + 1]; ++i)
    out.text.push_back(plan.piece_bytes[i]);
  for (std::size_t i = plan.piece_token_offsets[piece]; i < plan.piece_token_offsets[piece + 1]; ++i) {
    out.tokens.push_back(plan.piece_tokens[i]);
    out.labels.push_back(label);
  }
}

std::size_t pick_template(const Plan& plan, std::size_t group, std::uint64_t bits) {
  const std::size_t begin = plan.choice_offsets[group], end = plan.choice_offsets[group + 1];
  double sum = 0;
  for (std::size_t c = begin; c < end; ++c) {
    sum += plan.choice_probability[c];
    if (skm::unit_double(bits) < sum) return c - begin;
  }
  return end - begin - 1;
}

/// One sentence, step by step as skm/render.hpp tells it.
Sentence render_plainly(const Plan& plan, const std::uint16_t* row, std::uint64_t key, std::uint64_t index) {
  Sentence out;
  skm::Draw draw(key, index);
  const std::size_t kind = row[plan.scalars.kind_field] % plan.scalars.kinds;
  std::vector<std::uint16_t> left;
  for (std::uint16_t a = 0; a < plan.scalars.attributes; ++a) left.push_back(a);
  for (std::size_t j = 0; j < plan.scalars.statements; ++j) {
    std::uint16_t attribute = static_cast<std::uint16_t>(j);
    if (!plan.scalars.fixed_order) {
      // The upper half of a 64 by 64-bit product, by schoolbook.
      const std::uint64_t bits = draw.bits(), size = left.size();
      const std::size_t place = ((bits >> 32) * size + ((bits & 0xFFFFFFFFu) * size >> 32)) >> 32;
      attribute = left[place];
      left[place] = left.back();
      left.pop_back();
    }
    const std::size_t group = kind * plan.scalars.attributes + attribute;
    const std::size_t chosen = pick_template(plan, group, draw.bits());
    const std::size_t compiled = 2 * (plan.choice_offsets[group] + chosen) + (j > 0);
    for (std::size_t q = plan.template_parts[compiled]; q < plan.template_parts[compiled + 1]; ++q) {
      const std::int32_t field = plan.part_field[q];
      add_piece(plan, plan.part_piece[q] + (field < 0 ? 0u : row[field]), plan.part_label[q], out);
    }
    out.choices.push_back(attribute);
    out.choices.push_back(static_cast<std::uint16_t>(chosen));
  }
  add_piece(plan, plan.scalars.end_piece, 0, out);
  return out;
}

template <class Token>
void check_rendered(const Plan& plan, const skm::Renderer& renderer,
                    const std::vector<std::uint16_t>& contents, const Words& elements, unsigned threads) {
  const std::size_t n = elements.size(), fields = plan.field_sizes.size();
  const std::uint64_t key = 42, first = 1000;
  std::vector<std::uint16_t> choices(n * 2 * plan.scalars.statements);
  std::vector<std::uint64_t> text_offsets(n + 1), token_offsets(n + 1);
  static skm::Drawn drawn;  // used again and again, as in a long run
  CHECK(renderer.draw(elements, first, key, choices.data(), text_offsets.data(), token_offsets.data(), drawn,
                      threads) == n);
  std::vector<std::uint8_t> text(drawn.text_size()), labels(drawn.num_tokens());
  std::vector<Token> tokens(drawn.num_tokens());
  renderer.write(drawn, text.data(), text_offsets.data(), tokens.data(), token_offsets.data(), labels.data());
  CHECK(text_offsets[n] == text.size() && token_offsets[n] == tokens.size());
  Sentence all;
  for (std::size_t i = 0; i < n; ++i) {
    CHECK(text_offsets[i] == all.text.size() && token_offsets[i] == all.tokens.size());
    const Sentence one = render_plainly(plan, contents.data() + elements[i] * fields, key, first + i);
    all.text.insert(all.text.end(), one.text.begin(), one.text.end());
    all.labels.insert(all.labels.end(), one.labels.begin(), one.labels.end());
    all.tokens.insert(all.tokens.end(), one.tokens.begin(), one.tokens.end());
    all.choices.insert(all.choices.end(), one.choices.begin(), one.choices.end());
  }
  CHECK(text == all.text && labels == all.labels && choices == all.choices);
  CHECK(Words(tokens.begin(), tokens.end()) == all.tokens);
}

void test_random_plans() {
  Random random(1);
  for (int round = 0; round < 60; ++round) {
    const std::uint32_t vocabulary = round % 3 == 0 ? 70'000 : 500;
    const Plan plan = random_plan(random, round % 2 == 0, vocabulary, round % 5 == 0 ? 200 : 20);
    CHECK(skm::check_plan(plan.view()).array == nullptr);
    skm::Renderer renderer(plan.view());
    std::vector<std::uint16_t> contents;
    for (int element = 0; element < 9; ++element)
      for (const std::uint32_t size : plan.field_sizes)
        contents.push_back(static_cast<std::uint16_t>(below(random, size)));
    CHECK(renderer.append_contents(contents).row == 9);
    // Enough sentences in some rounds that several threads share them.
    Words elements(round % 20 == 1 ? 9'000 : below(random, 70));
    for (std::uint32_t& element : elements) element = below(random, 9);
    for (const unsigned threads : {1u, 3u}) {
      if (vocabulary > 1u << 16)
        check_rendered<std::uint32_t>(plan, renderer, contents, elements, threads);
      else
        check_rendered<std::uint16_t>(plan, renderer, contents, elements, threads);
    }
  }
}

/// Whatever is done to a plan: it is refused, or renders within its arrays.
void test_damaged_plans() {
  Random random(2);
  int refused = 0, rendered = 0;
  for (int round = 0; round < 600; ++round) {
    Plan plan = random_plan(random, false, 500, 20);
    Words* arrays[] = {&plan.piece_byte_offsets, &plan.piece_tokens,   &plan.piece_token_offsets,
                       &plan.part_piece,         &plan.template_parts, &plan.choice_offsets,
                       &plan.field_sizes};
    Words& damaged = *arrays[random() % std::size(arrays)];
    if (damaged.empty()) continue;
    const std::uint32_t values[] = {0, 1, 7, 0xFFFFFFFFu, 0x80000000u, below(random, 100)};
    if (random() % 8 == 0)
      damaged.pop_back();
    else
      damaged[random() % damaged.size()] = values[random() % std::size(values)];
    if (skm::check_plan(plan.view()).array != nullptr) {
      ++refused;
      continue;
    }
    ++rendered;
    skm::Renderer renderer(plan.view());
    std::vector<std::uint16_t> contents;
    for (int element = 0; element < 3; ++element)
      for (const std::uint32_t size : plan.field_sizes)
        contents.push_back(static_cast<std::uint16_t>(below(random, size)));
    CHECK(renderer.append_contents(contents).row == 3);
    check_rendered<std::uint16_t>(plan, renderer, contents, {0, 1, 2, 2, 1, 0, 1}, 1);
  }
  CHECK(refused > 200 && rendered > 20);
}

void test_refused_contents_and_elements() {
  Random random(3);
  const Plan plan = random_plan(random, false, 500, 20);
  skm::Renderer renderer(plan.view());
  std::vector<std::uint16_t> contents(3 * plan.field_sizes.size());
  contents[2 * plan.field_sizes.size()] = static_cast<std::uint16_t>(plan.field_sizes[0]);
  const skm::ContentsFault fault = renderer.append_contents(contents);
  CHECK(fault.row == 2 && fault.field == 0 && renderer.num_elements() == 0);
  contents.resize(2 * plan.field_sizes.size());
  CHECK(renderer.append_contents(contents).row == 2 && renderer.num_elements() == 2);
  const Words elements = {0, 1, 2};
  std::vector<std::uint16_t> choices(6 * plan.scalars.statements);
  std::vector<std::uint64_t> offsets(8);
  skm::Drawn drawn;
  CHECK(renderer.draw(elements, 0, 1, choices.data(), offsets.data(), offsets.data() + 4, drawn, 1) == 2);
}

}  // namespace

int main() {
  test_random_plans();
  test_damaged_plans();
  test_refused_contents_and_elements();
  return 0;
}
