// Llama decoders: kernels of every instruction set against sums in double and against each other, whole
// windows against steps, in memory that ends where arrays end.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

#include "../simd/llama.hpp"
#include "check.hpp"
#include "skm/isa.hpp"
#include "skm/llama.hpp"
#include "skm/matrix_unit.hpp"
#include "skm/portable_trigonometry.hpp"

namespace {

using skm::kTokenLanes;

std::vector<const skm::LlamaKernels*> kernels_here() {
  std::vector<const skm::LlamaKernels*> all = {&skm::llama_kernels_baseline()};
#if defined(__x86_64__)
  if (skm::active_isa() >= skm::Isa::avx2 && skm::has_fused_multiply_add()) {
    all.push_back(&skm::llama_kernels_avx2());
  }
  if (skm::active_isa() >= skm::Isa::avx512) all.push_back(&skm::llama_kernels_avx512());
#endif
  return all;
}

struct Random {
  std::mt19937_64 bits{1};
  std::vector<float> operator()(std::size_t count, float spread = 1.0f) {
    std::normal_distribution<float> normal(0.0f, spread);
    std::vector<float> made(count);
    for (float& x : made) x = normal(bits);
    return made;
  }
};

bool same(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

/// Products are chains of fused multiply-adds in the order of the depth, of numbers far apart in size too.
void test_products() {
  Random random;
  for (const std::size_t depth : {1u, 2u, 7u, 64u, 172u}) {
    std::vector<float> rows = random(16 * depth);
    const std::vector<float> x = random(depth * kTokenLanes, 1e3f);
    const std::vector<float> before = random(16 * kTokenLanes, 1e-4f);
    for (std::size_t i = 0; i < rows.size(); i += 3) rows[i] *= 0x1p-20f;
    for (const bool add : {false, true}) {
      for (const skm::LlamaKernels* kernels : kernels_here()) {
        std::vector<float> found = before;
        kernels->product(rows.data(), x.data(), 16, depth, found.data(), add);
        for (std::size_t i = 0; i < 16; ++i) {
          for (std::size_t lane = 0; lane < kTokenLanes; ++lane) {
            float sum = add ? before[i * kTokenLanes + lane] : 0.0f;
            for (std::size_t k = 0; k < depth; ++k) {
              sum = std::fma(rows[i / 8 * 8 * depth + k * 8 + i % 8], x[k * kTokenLanes + lane], sum);
            }
            CHECK(found[i * kTokenLanes + lane] == sum);
          }
        }
      }
    }
  }
}

void test_activation() {
  Random random;
  std::vector<float> gate = random(6 * kTokenLanes, 8.0f);
  const float extremes[] = {0.0f, -0.0f, 200.0f, -200.0f, -87.0f, 1e-30f, 3e30f, -3e30f};
  std::copy(std::begin(extremes), std::end(extremes), gate.begin());
  std::vector<float> first;
  for (const skm::LlamaKernels* kernels : kernels_here()) {
    std::vector<float> found = gate;
    kernels->activate(found.data(), 3);
    for (std::size_t i = 0; i < 3 * kTokenLanes; ++i) {
      const double g = gate[i];
      const double wanted = g / (1.0 + std::exp(-g)) * static_cast<double>(gate[3 * kTokenLanes + i]);
      // The exponent is a float32 product: off by as much as its rounding and that of the constant.
      const double relative = 3e-7 + 7.2e-8 * std::abs(g);
      CHECK(std::abs(found[i] - wanted) <= relative * std::abs(wanted) + 1e-26);
    }
    if (first.empty()) first = found;
    CHECK(same(found, first));
  }
}

/// Lanes see different numbers of keys, some none; what is behind the last key, and in other lanes, is NaN.
void test_attention() {
  Random random;
  for (const std::size_t width : {2u, 6u, 8u, 20u}) {
    const std::size_t count = 301;
    const std::size_t slots = 304;
    const std::size_t entries = (width + 7) / 8 * 8;
    const std::vector<float> queries = random(width * kTokenLanes);
    std::vector<float> keys = random(slots * width);
    std::vector<float> values = random(slots * entries);
    for (std::size_t key = count; key < slots; ++key) {
      for (std::size_t d = 0; d < width; ++d) keys[key / 8 * 8 * width + d * 8 + key % 8] = NAN;
      for (std::size_t d = 0; d < entries; ++d) values[d / 8 * slots * 8 + key * 8 + d % 8] = NAN;
    }
    std::int32_t visible[kTokenLanes] = {};
    for (std::size_t lane = 5; lane < 30; ++lane)
      visible[lane] = static_cast<std::int32_t>(271 + lane + (lane > 28));
    std::vector<float> first;
    for (const skm::LlamaKernels* kernels : kernels_here()) {
      std::vector<float> out(width * kTokenLanes, 7.0f);
      std::vector<float> scratch((skm::kKeyBlock + entries) * kTokenLanes, NAN);
      kernels->attend({queries.data(), keys.data(), values.data(), slots * 8, width, visible, count,
                       out.data(), scratch.data()});
      for (std::size_t lane = 0; lane < kTokenLanes; ++lane) {
        std::vector<double> mixed(width);
        double total = 0.0;
        for (std::int32_t key = 0; key < visible[lane]; ++key) {
          const auto j = static_cast<std::size_t>(key);
          double score = 0.0;
          for (std::size_t d = 0; d < width; ++d) {
            score += static_cast<double>(queries[d * kTokenLanes + lane]) *
                     static_cast<double>(keys[j / 8 * 8 * width + d * 8 + j % 8]);
          }
          const double weight = std::exp2(score);
          total += weight;
          for (std::size_t d = 0; d < width; ++d) {
            mixed[d] += weight * static_cast<double>(values[d / 8 * slots * 8 + j * 8 + d % 8]);
          }
        }
        for (std::size_t d = 0; d < width; ++d) {
          const double wanted = visible[lane] == 0 ? 7.0 : mixed[d] / total;
          CHECK(std::abs(static_cast<double>(out[d * kTokenLanes + lane]) - wanted) < 1e-5);
        }
      }
      if (first.empty()) first = out;
      CHECK(same(out, first));
    }
  }
}

void test_folding() {
  Random random;
  const std::vector<float> logits = random(77 * kTokenLanes, 20.0f);
  std::vector<double> first;
  for (const skm::LlamaKernels* kernels : kernels_here()) {
    std::vector<float> max(kTokenLanes, -3.402823466e38f);
    std::vector<double> sum(kTokenLanes, 0.0);
    kernels->fold(logits.data(), 40, max.data(), sum.data());
    kernels->fold(logits.data() + 40 * kTokenLanes, 37, max.data(), sum.data());
    for (std::size_t lane = 0; lane < kTokenLanes; ++lane) {
      double wanted = 0.0;
      for (std::size_t j = 0; j < 77; ++j) {
        wanted +=
            std::exp(static_cast<double>(logits[j * kTokenLanes + lane]) - static_cast<double>(max[lane]));
      }
      CHECK(std::abs(sum[lane] / wanted - 1.0) < 1e-6);
    }
    if (first.empty()) first = sum;
    CHECK(sum == first);
  }
}

void test_sine_and_cosine() {
  for (double x = -10.0; x < 3e5; x = x * 1.01 + 0.37) {
    const skm::SineCosine found = skm::portable_sine_cosine(x);
    CHECK(std::abs(found.sine - std::sin(x)) < 2e-15);
    CHECK(std::abs(found.cosine - std::cos(x)) < 2e-15);
  }
}

/// Whole windows, windows in company, their bits, and token by token: the same.
void test_windows_and_steps() {
  Random random;
  const skm::LlamaSizes sizes{10, 7, 2, 5, 1, 2, 19};
  const std::vector<float> embedding = random(19 * 10), attention_norm = random(2 * 10),
                           query = random(2 * 100), key = random(2 * 20), value = random(2 * 20),
                           output = random(2 * 100), feed_norm = random(2 * 10), gate = random(2 * 70),
                           up = random(2 * 70), down = random(2 * 70), final_norm = random(10),
                           head = random(19 * 10);
  const skm::Llama model(
      sizes, {embedding.data(), attention_norm.data(), query.data(), key.data(), value.data(), output.data(),
              feed_norm.data(), gate.data(), up.data(), down.data(), final_norm.data(), head.data()});
  const std::vector<std::size_t> offsets = {0, 3, 3, 163, 193};
  std::vector<std::int64_t> tokens(193);
  for (std::int64_t& token : tokens) token = static_cast<std::int64_t>(random.bits() % 19);
  std::vector<float> states(193 * 10);
  model.hidden(tokens, offsets, states.data(), 2);
  std::vector<std::int64_t> targets(tokens.rbegin(), tokens.rend());
  targets[5] = -1;
  std::vector<double> bits(193);
  model.bits(tokens, offsets, targets, bits.data(), 3);
  CHECK(bits[5] == 0.0);
  skm::LlamaSteps steps(model, 2, 160);
  std::vector<float> logits(2 * 19);
  for (std::size_t step = 0; step < 160; ++step) {
    const std::vector<std::int64_t> next = {tokens[3 + step], step < 30 ? tokens[163 + step] : 0};
    const std::size_t active = step < 30 ? 2 : 1;
    steps.logits(std::span(next).first(active), logits.data());
    for (std::size_t window = 0; window < active; ++window) {
      const std::size_t at = (window == 0 ? 3 : 163) + step;
      double total = 0.0;
      for (std::size_t j = 0; j < 19; ++j) {
        float sum = 0.0f;
        for (std::size_t i = 0; i < 10; ++i) sum = std::fma(head[j * 10 + i], states[at * 10 + i], sum);
        CHECK(logits[window * 19 + j] == sum);
        total += std::exp(static_cast<double>(sum));
      }
      if (targets[at] < 0) continue;
      const double logit = static_cast<double>(logits[window * 19 + static_cast<std::size_t>(targets[at])]);
      CHECK(std::abs(bits[at] - (std::log(total) - logit) / std::log(2.0)) < 1e-4);
    }
  }
  model.hidden({}, std::span(offsets).first(1), nullptr, 1);
}

}  // namespace

int main() {
  test_products();
  test_activation();
  test_attention();
  test_folding();
  test_sine_and_cosine();
  test_windows_and_steps();
}
