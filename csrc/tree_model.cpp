#include "skm/tree_model.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

#include "skm/portable_math.hpp"

namespace skm {
namespace {

constexpr int states = 16;
constexpr int matrix_size = states / 2 * states;
using Row = std::array<double, states>;
using Matrix = std::array<Row, states>;  // [state above][state below]

double logistic(double x) noexcept { return 1.0 / (1.0 + portable_exp(-x)); }

// Log-odds x + curve x^3, scaled to grid_range at the last state; symmetric about one half.
Row make_grid(const TreeParameters& parameters) noexcept {
  Row grid;
  for (int i = 0; i < states / 2; ++i) {
    const double x = (i + 0.5) / (states / 2);
    const double log_odds =
        parameters.grid_range * (x + parameters.grid_curve * x * x * x) / (1.0 + parameters.grid_curve);
    grid[states / 2 + i] = logistic(log_odds);
    grid[states / 2 - 1 - i] = 1.0 - grid[states / 2 + i];
  }
  return grid;
}

void normalise(Row& row) noexcept {
  double sum = 0.0;
  for (const double x : row) sum += x;
  for (double& x : row) x /= sum;
}

Row make_prior(const Row& grid, double power) noexcept {
  Row prior;
  for (int i = 0; i < states; ++i) prior[i] = portable_exp(power * portable_log(grid[i] * (1.0 - grid[i])));
  normalise(prior);
  return prior;
}

// Points of the log-odds line at which a density is summed up, and the bin of the state that each belongs to.
struct Quadrature {
  struct Point {
    double log_one;   ///< ln p
    double log_zero;  ///< ln (1 - p)
    double width;
    int state;
  };
  static constexpr double tail = 40.0;  ///< where the outer bins are cut; beyond, the density is exponential

  explicit Quadrature(const Row& grid) {
    Row odds;
    for (int i = 0; i < states; ++i) odds[i] = portable_log(grid[i] / (1.0 - grid[i]));
    for (int i = 0; i < states; ++i) {
      const double low = i == 0 ? -tail : (odds[i - 1] + odds[i]) / 2;
      const double high = i == states - 1 ? tail : (odds[i] + odds[i + 1]) / 2;
      const int steps = i == 0 || i == states - 1 ? 256 : 16;
      const double width = (high - low) / steps;
      for (int k = 0; k < steps; ++k) {
        const double x = low + width * (k + 0.5);
        points.push_back(
            {-portable_log(1.0 + portable_exp(-x)), -portable_log(1.0 + portable_exp(x)), width, i});
      }
    }
  }

  std::vector<Point> points;
};

// Mass of Beta(a, b) in the bin of each state (bins meet half way in log-odds), not normalised.
Row beta_masses(const Quadrature& quadrature, double a, double b) noexcept {
  Row masses{};
  for (const Quadrature::Point& point : quadrature.points) {
    masses[point.state] += point.width * portable_exp(a * point.log_one + b * point.log_zero);
  }
  masses[0] += portable_exp(-Quadrature::tail * a) / a;
  masses[states - 1] += portable_exp(-Quadrature::tail * b) / b;
  return masses;
}

// Exponential tilt of the masses until their mean is `mean`.
Row with_mean(const Row& masses, const Row& grid, double mean) noexcept {
  Row row;
  double tilt = 0.0;
  for (int iteration = 0; iteration < 80; ++iteration) {
    double sum = 0.0;
    double first = 0.0;
    double second = 0.0;
    for (int i = 0; i < states; ++i) {
      row[i] = masses[i] * portable_exp(tilt * (grid[i] - mean));
      sum += row[i];
      first += row[i] * grid[i];
      second += row[i] * grid[i] * grid[i];
    }
    first /= sum;
    const double variance = std::max(second / sum - first * first, 1e-12);
    const double next = std::clamp(tilt + std::clamp((mean - first) / variance, -3.0, 3.0), -500.0, 500.0);
    if (next == tilt) break;
    tilt = next;
  }
  normalise(row);
  return row;
}

Matrix make_transition(const TreeTransition& transition, const Row& grid, const Row& prior,
                       const Quadrature& quadrature) noexcept {
  Matrix matrix;
  for (int q = 0; q < states / 2; ++q) {
    Row moved{};
    if (q == 0) {
      moved[q] = 1.0;  // the mean of the last state can only be kept by staying
    } else {
      const double a = transition.concentration * grid[q];
      const double b = transition.concentration * (1.0 - grid[q]);
      moved = with_mean(beta_masses(quadrature, a, b), grid, grid[q]);
    }
    for (int p = 0; p < states; ++p) {
      const double kept = (1.0 - transition.move) * (p == q ? 1.0 : 0.0) + transition.move * moved[p];
      matrix[q][p] = (1.0 - transition.forget) * kept + transition.forget * prior[p];
      matrix[states - 1 - q][states - 1 - p] = matrix[q][p];  // zero and one exchanged
    }
  }
  return matrix;
}

Matrix product(const Matrix& x, const Matrix& y) noexcept {
  Matrix z{};
  for (int i = 0; i < states; ++i) {
    for (int k = 0; k < states; ++k) {
      for (int j = 0; j < states; ++j) z[i][j] += x[i][k] * y[k][j];
    }
  }
  return z;
}

}  // namespace

int tree_depth_class(int depth) noexcept {
  if (depth <= 8) return depth - 1;
  constexpr int last[] = {10, 12, 16, 24, 32};
  int c = 8;
  for (const int d : last) {
    if (depth <= d) return c;
    ++c;
  }
  return c;
}

const TreeParameters& default_tree_parameters() noexcept {
  static constexpr TreeParameters parameters{{{0.811, 3.82, 0.0818},
                                              {0.637, 1.58, 0.0178},
                                              {0.371, 0.552, 0.00658},
                                              {0.39, 0.77, 0.00118},
                                              {0.266, 0.779, 0.000263},
                                              {0.15, 0.443, 1.6e-05},
                                              {0.292, 2.21, 1.73e-05},
                                              {0.149, 0.662, 1.22e-06},
                                              {0.108, 0.362, 1.04e-06},
                                              {0.164, 0.915, 1.22e-06},
                                              {0.117, 0.863, 1.04e-06},
                                              {0.0825, 0.382, 1.04e-06},
                                              {0.0514, 0.746, 1.04e-06},
                                              {0.0718, 0.123, 1.04e-06}},
                                             12.4,
                                             2.93,
                                             -0.016};
  return parameters;
}

TreeModel::TreeModel(int depth, const TreeParameters& parameters)
    : depth_(depth),
      chain_(static_cast<std::size_t>(depth + 1) * (depth + 1) * matrix_size),
      leaf_(static_cast<std::size_t>(depth + 1) * states) {
  const Row grid = make_grid(parameters);
  const Row prior = make_prior(grid, parameters.prior_power);
  std::copy(prior.begin(), prior.end(), prior_);
  const Quadrature quadrature(grid);
  std::array<Matrix, tree_depth_classes> transitions;
  for (int c = 0; c < tree_depth_classes; ++c) {
    transitions[c] = make_transition(parameters.transitions[c], grid, prior, quadrature);
  }
  const auto put = [&](int from, int to, const Matrix& matrix) {
    float* out = chain_.data() + (static_cast<std::size_t>(from) * (depth + 1) + to) * matrix_size;
    for (int p = 0; p < states / 2; ++p) {
      for (int q = 0; q < states; ++q) out[p * states + q] = static_cast<float>(matrix[q][p]);
    }
  };
  for (int from = 0; from <= depth; ++from) {
    Row one = grid;  // probability of a one at the deepest context, given the state at `from`
    if (from < depth) {
      Matrix matrix = transitions[tree_depth_class(from + 1)];
      put(from, from + 1, matrix);
      for (int to = from + 2; to <= depth; ++to) {
        matrix = product(matrix, transitions[tree_depth_class(to)]);
        put(from, to, matrix);
      }
      for (int q = 0; q < states; ++q) {
        one[q] = 0.0;
        for (int p = 0; p < states; ++p) one[q] += matrix[q][p] * grid[p];
      }
    }
    for (int q = 0; q < states / 2; ++q) {
      const float low = static_cast<float>(one[q]);
      leaf_[static_cast<std::size_t>(from) * states + q] = low;
      leaf_[static_cast<std::size_t>(from) * states + states - 1 - q] = 1.0f - low;
    }
  }
}

}  // namespace skm
