#!/bin/sh
# Peers and data of the benches: packages of Debian or Ubuntu, Python packages, and the gcide dictionary.
# Installs only what is missing (as root or by sudo) and says what it does. Run it again at any time.
#   PYTHON  the environment that gets the Python packages (default: .venv/bin/python)
set -eu
cd "$(dirname "$0")/.."
python=${PYTHON:-.venv/bin/python}
compressed=/usr/share/dictd/gcide.dict.dz
gcide=bench/data/gcide
gcide_bytes=39952321

missing=""
need() { command -v "$1" >/dev/null 2>&1 || missing="$missing $2"; }
need xz xz-utils
need zstd zstd
need brotli brotli
need bzip2 bzip2
need bzip3 bzip3
need 7z p7zip-full
need pkg-config pkg-config
[ -f /usr/include/absl/random/zipf_distribution.h ] || missing="$missing libabsl-dev" # bench_samplers.py
[ -f "$gcide" ] || [ -f "$compressed" ] || missing="$missing dict-gcide"

if [ -z "$missing" ]; then
  echo "apt: nothing is missing"
else
  echo "apt: installing$missing"
  root=""
  [ "$(id -u)" -eq 0 ] || root="sudo"
  command -v apt-get >/dev/null || { echo "no apt-get here: install by hand:$missing" >&2; exit 1; }
  $root apt-get update -q
  # shellcheck disable=SC2086  # a list of packages
  $root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing
fi

echo "pip: constriction 0.5.0, numba and matplotlib into the environment of $python"
"$python" -m pip install -q -c constraints.txt "constriction==0.5.0" "matplotlib>=3.8" numba

if [ -f "$gcide" ]; then
  echo "gcide: already in $gcide"
else
  echo "gcide: unpacking $compressed to $gcide"
  mkdir -p "$(dirname "$gcide")"
  gzip -dc <"$compressed" >"$gcide.part"
  mv "$gcide.part" "$gcide"
fi
size=$(wc -c <"$gcide")
# Another release of the dictionary is a fair input, but its figures are not the recorded ones.
[ "$size" -eq "$gcide_bytes" ] || echo "gcide: note: $size bytes, the records are of $gcide_bytes"
