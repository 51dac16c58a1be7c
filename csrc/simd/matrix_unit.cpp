// Which matrix instructions run: what the processor says, what the system allows, what the user wants.
#include "skm/matrix_unit.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "skm/isa.hpp"

#if defined(SKM_X86)
#include <cpuid.h>
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif
#endif

namespace skm {
namespace {

#if defined(SKM_X86)

bool has_dot() noexcept {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid_count(7, 1, &a, &b, &c, &d) != 0 && (a >> 5 & 1) != 0;  // AVX512_BF16
}

// The tile registers' 8 KiB are switched on per process, on demand: arch_prctl(ARCH_REQ_XCOMP_PERM,
// XTILEDATA).
bool may_use_tiles() noexcept {
#if defined(__linux__)
  return syscall(SYS_arch_prctl, 0x1023, 18) == 0;
#else
  return false;
#endif
}

MatrixUnit with_tiles() noexcept {
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0) return MatrixUnit::dot;
  const bool bf16 = (d >> 22 & 1) != 0;
  const bool tile = (d >> 24 & 1) != 0;
  const bool int8 = (d >> 25 & 1) != 0;
  if (!bf16 || !tile || !may_use_tiles()) return MatrixUnit::dot;
  return int8 ? MatrixUnit::byte_tile : MatrixUnit::tile;
}

MatrixUnit supported() noexcept {
  if (active_isa() < Isa::avx512 || !has_dot()) return MatrixUnit::none;
  return with_tiles();
}

#else

MatrixUnit supported() noexcept { return MatrixUnit::none; }

#endif

}  // namespace

MatrixUnit active_matrix_unit() noexcept {
  static const MatrixUnit active = [] {
    const MatrixUnit best = supported();
    const char* wanted = std::getenv("SKMFAST_MATRIX");
    for (const MatrixUnit unit :
         {MatrixUnit::none, MatrixUnit::dot, MatrixUnit::tile, MatrixUnit::byte_tile}) {
      if (wanted != nullptr && std::strcmp(wanted, matrix_unit_name(unit)) == 0) return std::min(best, unit);
    }
    return best;
  }();
  return active;
}

bool has_fused_multiply_add() noexcept {
#if defined(SKM_X86)
  __builtin_cpu_init();
  return __builtin_cpu_supports("fma") != 0;
#else
  return false;
#endif
}

const char* matrix_unit_name(MatrixUnit unit) noexcept {
  switch (unit) {
    case MatrixUnit::byte_tile: return "byte_tile";
    case MatrixUnit::tile: return "tile";
    case MatrixUnit::dot: return "dot";
    case MatrixUnit::none: break;
  }
  return "none";
}

}  // namespace skm
