// The instruction set in use. Chosen once per process from what the processor has; the environment
// variable SKMFAST_ISA (baseline, avx2, avx512) lowers it, and never raises it above the processor.
#pragma once

namespace skm {

enum class Isa { baseline = 0, avx2 = 1, avx512 = 2 };

/// Best instruction set that this processor, its operating system and this build support.
Isa supported_isa() noexcept;

/// The one in use: min(supported, SKMFAST_ISA). An unknown value of SKMFAST_ISA counts as unset;
/// the Python layer rejects it with a message.
Isa active_isa() noexcept;

/// "baseline", "avx2" or "avx512".
const char* isa_name(Isa isa) noexcept;

}  // namespace skm
