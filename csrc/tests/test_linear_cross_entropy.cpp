// Linear cross-entropy: panel kernels of every instruction set against plain sums, losses and gradients
// against double, threads.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

#include "../head_blocks.hpp"
#include "check.hpp"
#include "skm/isa.hpp"
#include "skm/linear_cross_entropy.hpp"
#include "skm/matrix_unit.hpp"

namespace {

using skm::kLanes;

float wide(float x) { return x; }
float wide(std::uint16_t x) {
  const std::uint32_t bits = static_cast<std::uint32_t>(x) << 16;
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

struct Kernel {
  const skm::PanelKernels* panels;
  double error;  // of a product, relative
};

std::vector<Kernel> kernels_here() {
  std::vector<Kernel> all = {{&skm::panel_kernels_baseline(), 1e-6}};
#if defined(__x86_64__)
  const skm::Isa isa = skm::active_isa();
  const skm::MatrixUnit unit = skm::active_matrix_unit();
  if (isa >= skm::Isa::avx2 && skm::has_fused_multiply_add())
    all.push_back({&skm::panel_kernels_avx2(), 1e-6});
  if (isa >= skm::Isa::avx512) all.push_back({&skm::panel_kernels_avx512(), 1e-6});
  if (unit >= skm::MatrixUnit::dot) all.push_back({&skm::panel_kernels_avx512bf16(), 8e-3});
  if (unit >= skm::MatrixUnit::tile) {
    all.push_back({&skm::panel_kernels_amx(), 8e-3});
    all.push_back({&skm::panel_kernels_amx_pairs(), 2e-5});
    all.push_back({&skm::panel_kernels_amx_split(), 1e-6});
  }
  if (unit >= skm::MatrixUnit::byte_tile) all.push_back({&skm::panel_kernels_amx_fixed(), 1e-6});
#endif
  return all;
}

/// (count, depth) and its transpose, in memory that ends with them.
struct Matrix {
  std::vector<float> along, across;
  std::size_t count, depth;

  Matrix(std::mt19937_64& random, std::size_t rows, std::size_t columns)
      : along(rows * columns), across(rows * columns), count(rows), depth(columns) {
    std::normal_distribution<float> normal;
    for (std::size_t i = 0; i < rows; ++i) {
      for (std::size_t k = 0; k < columns; ++k) {
        along[i * columns + k] = across[k * rows + i] = normal(random);
      }
    }
  }
};

void compare_product(const Kernel& kernel, std::mt19937_64& random, std::size_t count, std::size_t lanes,
                     std::size_t depth, bool transposed, bool add) {
  const skm::PanelKernels& k = *kernel.panels;
  const Matrix a(random, count, depth);
  const Matrix b(random, lanes, depth);
  const std::size_t rows = skm::rounded_up(count, k.row_unit);
  const std::size_t padded = skm::padded_depth(k, depth);
  const skm::Aligned<char> rows_panel(k.bytes(rows, padded));
  const skm::Aligned<char> lanes_panel(k.bytes(kLanes, padded));
  if (transposed && k.from_float.lanes != nullptr) {
    k.from_float.rows_transposed(a.across.data(), count, count, depth, {rows_panel.get(), padded, 0});
    k.from_float.lanes(b.across.data(), lanes, lanes, depth, {lanes_panel.get(), padded, 0});
  } else {
    k.from_float.rows(a.along.data(), depth, count, depth, {rows_panel.get(), padded, 0});
    k.from_float.lanes_transposed(b.along.data(), depth, lanes, depth, {lanes_panel.get(), padded, 0});
  }
  const skm::Aligned<float> c(rows * kLanes);
  std::fill_n(c.get(), rows * kLanes, 2.0f);
  k.begin();
  k.product(rows_panel.get(), lanes_panel.get(), rows, padded, c.get(), kLanes, add);
  k.end();
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t j = 0; j < kLanes; ++j) {
      double sum = add ? 2.0 : 0.0;
      double size = 1.0;
      for (std::size_t d = 0; j < lanes && d < depth; ++d) {
        const double term =
            static_cast<double>(a.along[i * depth + d]) * static_cast<double>(b.along[j * depth + d]);
        sum += term;
        size += std::abs(term);
      }
      CHECK(std::abs(static_cast<double>(c[i * kLanes + j]) - sum) <= kernel.error * size);
    }
  }
}

void test_products() {
  std::mt19937_64 random(1);
  for (const Kernel& kernel : kernels_here()) {
    for (const std::size_t count : {1, 11, 32, 97}) {
      for (const std::size_t lanes : {1, 17, 32}) {
        for (const std::size_t depth : {1, 31, 32, 63, 64, 65, 300, 1100}) {
          compare_product(kernel, random, count, lanes, depth, false, false);
          compare_product(kernel, random, count, lanes, depth, true, true);
        }
      }
    }
  }
}

// A tile packed both ways at once gives the bytes of the two ways apart.
void test_both_ways() {
  std::mt19937_64 random(3);
  std::normal_distribution<float> normal;
  const std::size_t rows = 64, depth = 96;
  const skm::Aligned<float> tile(rows * kLanes);
  for (std::size_t i = 0; i < rows * kLanes; ++i) tile[i] = normal(random);
  for (const Kernel& kernel : kernels_here()) {
    const skm::PanelKernels& k = *kernel.panels;
    if (k.pack_both_ways == nullptr) continue;
    const std::size_t bytes = depth * depth * k.element_bytes;
    const skm::Aligned<char> panels(4 * bytes);
    std::fill_n(panels.get(), 4 * bytes, '\0');
    const auto place = [&](std::size_t i) { return skm::PanelPlace{panels.get() + i * bytes, depth, 32}; };
    k.from_float.rows(tile.get(), kLanes, rows, kLanes, place(0));
    k.from_float.lanes(tile.get(), kLanes, kLanes, rows, place(1));
    k.pack_both_ways(tile.get(), rows, place(2), {nullptr, depth, 32});
    k.pack_both_ways(tile.get(), rows, {nullptr, depth, 32}, place(3));
    CHECK(std::memcmp(panels.get(), panels.get() + 2 * bytes, 2 * bytes) == 0);
    CHECK(std::any_of(panels.get(), panels.get() + bytes, [](char byte) { return byte != 0; }));
    k.pack_both_ways(tile.get(), rows, place(0), place(1));
    CHECK(std::memcmp(panels.get(), panels.get() + 2 * bytes, 2 * bytes) == 0);
  }
}

template <class T>
struct Problem {
  std::vector<T> x, weight;
  std::vector<std::int64_t> target;
  skm::LinearHead<T> head;

  Problem(std::mt19937_64& random, std::size_t tokens, std::size_t width, std::size_t vocabulary)
      : x(tokens * width), weight(vocabulary * width), target(tokens) {
    std::normal_distribution<float> normal;
    for (T& value : x) skm::narrow(normal(random), &value);
    const float spread = 2.0f / std::sqrt(static_cast<float>(width));
    for (T& value : weight) skm::narrow(spread * normal(random), &value);
    for (std::int64_t& t : target)
      t = random() % 8 == 0 ? -100 : static_cast<std::int64_t>(random() % vocabulary);
    head = {x.data(), weight.data(), nullptr, target.data(), tokens, width, vocabulary};
  }
};

template <class T>
struct Results {
  std::vector<skm::Wide<T>> loss, log_sum_exp, entropy, bias;
  std::vector<std::int64_t> argmax;
  std::vector<T> x, weight;

  Results(const skm::LinearHead<T>& head, const skm::LossObjective& objective, unsigned threads)
      : loss(head.tokens),
        log_sum_exp(head.tokens),
        entropy(head.tokens),
        bias(head.vocabulary),
        argmax(head.tokens),
        x(head.tokens * head.width),
        weight(head.vocabulary * head.width) {
    skm::linear_cross_entropy<T>(head, objective,
                                 {loss.data(), log_sum_exp.data(), entropy.data(), argmax.data()}, threads);
    const std::vector<skm::Wide<T>> up(head.tokens, skm::Wide<T>{1});
    skm::linear_cross_entropy_backward<T>(head, objective,
                                          {log_sum_exp.data(), entropy.data(), up.data(), nullptr, up.data()},
                                          {x.data(), weight.data(), bias.data()}, threads);
  }
};

template <class T>
void check_near(const std::vector<T>& ours, const std::vector<double>& expected, double error) {
  double largest = 1e-3;
  for (const double e : expected) largest = std::max(largest, std::abs(e));
  for (std::size_t i = 0; i < ours.size(); ++i) {
    CHECK(std::abs(static_cast<double>(wide(ours[i])) - expected[i]) <= error * largest);
  }
}

template <class T>
void test_head(std::size_t tokens, std::size_t width, std::size_t vocabulary, double error) {
  std::mt19937_64 random(tokens + width + vocabulary);
  const Problem<T> problem(random, tokens, width, vocabulary);
  skm::LossObjective objective;
  objective.softcap = vocabulary % 2 == 0 ? 5.0 : 0.0;
  objective.label_smoothing = vocabulary % 2 == 0 ? 0.1 : 0.0;
  const Results<T> ours(problem.head, objective, 1);
  const Results<T> threaded(problem.head, objective, 3);
  CHECK(ours.loss == threaded.loss && ours.argmax == threaded.argmax && ours.entropy == threaded.entropy);
  CHECK(ours.x == threaded.x && ours.weight == threaded.weight && ours.bias == threaded.bias);

  std::vector<double> x(problem.x.size()), weight(problem.weight.size());
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<double>(wide(problem.x[i]));
  for (std::size_t i = 0; i < weight.size(); ++i) weight[i] = static_cast<double>(wide(problem.weight[i]));
  const skm::LinearHead<double> same = {x.data(), weight.data(), nullptr,   problem.target.data(),
                                        tokens,   width,         vocabulary};
  const Results<double> expected(same, objective, 1);
  const double logit_error = 2e-6 + 2e-9 * static_cast<double>(width);  // float32 sums along the width
  check_near(ours.loss, expected.loss, logit_error);
  check_near(ours.log_sum_exp, expected.log_sum_exp, logit_error);
  check_near(ours.entropy, expected.entropy, logit_error);
  check_near(ours.x, expected.x, error);
  check_near(ours.weight, expected.weight, error);
  check_near(ours.bias, expected.bias, 2e-5);
}

// Gradients by x that begin on a line of the cache serve as room for the work: the numbers stay the same.
template <class T>
void test_room(std::size_t tokens, std::size_t width) {
  std::mt19937_64 random(tokens);
  const Problem<T> problem(random, tokens, width, 300);
  const Results<T> forward(problem.head, {}, 1);
  const std::vector<float> up(tokens, 1.0f);
  const std::size_t count = tokens * width;
  const skm::Aligned<T> room(count + 64 / sizeof(T));
  std::vector<std::vector<T>> found;
  for (const std::size_t shift : {std::size_t{0}, 16 / sizeof(T)}) {
    for (const unsigned threads : {1u, 3u}) {
      T* x = room.get() + shift;
      skm::linear_cross_entropy_backward<T>(
          problem.head, {}, {forward.log_sum_exp.data(), nullptr, up.data()}, {x, nullptr, nullptr}, threads);
      found.emplace_back(x, x + count);
    }
  }
  for (const std::vector<T>& each : found) CHECK(each == found.front());
}

void test_targets() {
  const std::vector<std::int64_t> targets = {0, -100, 4, 5, -1};
  CHECK(skm::first_wrong_target(targets, 5, -100) == 3);
  CHECK(skm::first_wrong_target(targets, 6, -100) == 4);
  CHECK(skm::first_wrong_target(targets, 6, -1) == 1);
  CHECK(skm::first_wrong_target({targets.data(), 3}, 5, -100) == 3);
}

}  // namespace

int main() {
  test_products();
  test_both_ways();
  test_targets();
  for (const std::size_t tokens : {64, 70, 1504}) {
    for (const std::size_t width : {64, 40}) {
      test_room<float>(tokens, width);
      test_room<std::uint16_t>(tokens, width);
    }
  }
  for (const auto& [tokens, width, vocabulary] :
       {std::array<std::size_t, 3>{1, 1, 1}, {33, 31, 97}, {70, 40, 1100}, {1100, 33, 50}, {40, 5000, 33}}) {
    test_head<float>(tokens, width, vocabulary, 4e-5);
    test_head<std::uint16_t>(tokens, width, vocabulary, 1e-2);
  }
  return 0;
}
