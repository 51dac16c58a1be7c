#!/usr/bin/env bash
# Does the fuzz set-up find a bug that is there? Builds fuzz_container with one bounds check removed (the size
# of a text against the bytes left, SKM_SEED_BUG=container) and succeeds only if the fuzzer reports it.
set -euo pipefail
cd "$(dirname "$0")/../.."
limit_seconds=${1:-60}
build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT
cmake -G Ninja -S . -B "$build" -DCMAKE_CXX_COMPILER=clang++-14 -DCMAKE_C_COMPILER=clang-14 \
  -DCMAKE_BUILD_TYPE=RelWithDebInfo -DSKM_FUZZ=ON -DSKM_SEED_BUG=container >/dev/null
cmake --build "$build" --target fuzz_container >/dev/null
mkdir "$build/corpus"
started=$(date +%s%N)
if "$build/fuzz_container" -max_total_time="$limit_seconds" -artifact_prefix="$build/" "$build/corpus" \
  >"$build/log" 2>&1; then
  echo "the seeded bug was not found in $limit_seconds s" >&2
  exit 1
fi
grep -m 1 'heap-buffer-overflow' "$build/log" || { tail -n 40 "$build/log" >&2; exit 1; }
echo "seeded bug found in $((($(date +%s%N) - started) / 1000000)) ms"
