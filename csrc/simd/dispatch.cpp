// Which instruction set runs, and the one table of functions that follows from it.
#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "skm/isa.hpp"

namespace skm {

Isa supported_isa() noexcept {
#if defined(SKM_X86)
  __builtin_cpu_init();
  const bool avx2 =
      __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
                      __builtin_cpu_supports("avx512vbmi");
  return avx512 ? Isa::avx512 : avx2 ? Isa::avx2 : Isa::baseline;
#else
  return Isa::baseline;
#endif
}

Isa active_isa() noexcept {
  static const Isa active = [] {
    const Isa best = supported_isa();
    const char* wanted = std::getenv("SKMFAST_ISA");
    for (const Isa isa : {Isa::baseline, Isa::avx2, Isa::avx512}) {
      if (wanted != nullptr && std::strcmp(wanted, isa_name(isa)) == 0) return std::min(best, isa);
    }
    return best;
  }();
  return active;
}

const char* isa_name(Isa isa) noexcept {
  switch (isa) {
    case Isa::avx512: return "avx512";
    case Isa::avx2: return "avx2";
    case Isa::baseline: break;
  }
  return "baseline";
}

}  // namespace skm
