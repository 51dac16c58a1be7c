// What the processor has for matrix products in bfloat16 beyond its instruction set: dot products of pairs
// (AVX512_BF16) and tiles (AMX). Chosen once per process; the environment variable SKMFAST_MATRIX (none, dot,
// tile) lowers it, and SKMFAST_ISA below avx512 rules both out.
#pragma once

namespace skm {

enum class MatrixUnit { none = 0, dot = 1, tile = 2 };

/// The one in use. Where tiles are had, the first call asks the system for leave to use them.
MatrixUnit active_matrix_unit() noexcept;

/// Whether fused multiply-add runs beside AVX2.
bool has_fused_multiply_add() noexcept;

/// "none", "dot" or "tile".
const char* matrix_unit_name(MatrixUnit unit) noexcept;

}  // namespace skm
