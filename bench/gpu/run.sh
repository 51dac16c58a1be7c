#!/usr/bin/env bash
# Everything that needs a GPU, in one command, on a machine that need not have a network: build, correctness
# tests, races and accesses under compute-sanitizer, timings, training. Stops at the first thing that is wrong.
#
#   bench/gpu/run.sh [--skip-sanitizer] [--tune] [arguments of bench/gpu/measure.py, such as --seconds 300]
#   bench/gpu/run.sh --dry      the training part alone, on the CPU, with networks of no use: does it run?
#
#   PYTHON  the interpreter that has torch and triton (default: python3)
#   OUT     folder of the records (default: bench/results)
set -euo pipefail
cd "$(dirname "$0")/../.."
python=${PYTHON:-python3}
out=${OUT:-bench/results}
sanitize=yes tune=no dry=no
while [ $# -gt 0 ]; do
  case $1 in
  --skip-sanitizer) sanitize=no ;;
  --tune) tune=yes ;;
  --dry) dry=yes ;;
  *) break ;;
  esac
  shift
done
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir -p "$out"
step() { printf '\n=== %s (at %d s)\n' "$1" "$SECONDS"; }

here=$PWD
# Steps of the gpu preset, and one of its experiments with few of them, to its figure and its page.
training() {
  local settings=(corpus.sentences=20000 "sentences=[20000]" "steps=[200]" "discounts=[0.6]" uniform_elements=0
    repeats=1 training.warmup_steps=20 evaluation.test_sentences=2000)
  step "training"
  "$python" "$here/bench/gpu/train.py" --output "$1/gpu_training.json" "${@:2}"
  step "an experiment of the gpu preset, cut short"
  if [ "$dry" = yes ]; then
    settings+=("sentences=[300]" "steps=[3]" corpus.first=16 corpus.last=16 corpus.values=8 model.width=32
      model.layers=1 training.batch_sentences=32 training.compile=false training.device=cpu
      evaluation.test_sentences=50)
  fi
  "$python" -m skmfast experiment data-scaling --preset gpu --out "$scratch/runs" "${settings[@]/#/--set=}"
}
if [ "$dry" = yes ]; then
  training "$scratch" --tiny
  echo "=== all done in $SECONDS s"
  exit
fi

step "device"
"$python" -c 'import torch; assert torch.cuda.is_available(), "torch sees no GPU"
import triton; print(torch.cuda.get_device_name(), "torch", torch.__version__, "triton", triton.__version__)'

step "build"
if "$python" -m pip install -q --no-build-isolation --no-deps --target "$scratch/site" . 2>"$scratch/build.log"; then
  export SKMFAST_BENCH_BUILT=yes
else
  # Kernels and operators are Python: without the tools of the C++ core they can be measured all the same.
  tail -n 3 "$scratch/build.log"
  echo "the C++ core could not be built: kernels and operators are taken from the sources"
  mkdir -p "$scratch/site/skmfast"
  cp -r skmfast/. "$scratch/site/skmfast/"
  cp -r kernels "$scratch/site/skmfast/kernels"
  export SKMFAST_BENCH_BUILT=no
fi
export PYTHONPATH="$scratch/site${PYTHONPATH:+:$PYTHONPATH}"
unset TRITON_INTERPRET
# From another folder, since the sources here would hide what was built.
out=$(cd "$out" && pwd)
cd "$scratch"

step "correctness"
# Most of the time goes into compiling, which processes share.
workers=()
"$python" -c 'import xdist' 2>/dev/null && workers=(-n 6)
"$python" -m pytest -q "${workers[@]}" -p no:cacheprovider -o filterwarnings=default --rootdir "$scratch" "$here/bench/gpu/check_gpu.py"

if [ "$sanitize" = yes ] && command -v compute-sanitizer >/dev/null; then
  "$python" "$here/bench/gpu/small_launches.py"  # compiles
  for tool in memcheck racecheck; do
    step "compute-sanitizer: $tool"
    PYTORCH_NO_CUDA_MEMORY_CACHING=1 compute-sanitizer --tool "$tool" --error-exitcode 9 \
      --kernel-name-exclude "kernel_substring=at::" "$python" "$here/bench/gpu/small_launches.py"
  done
else
  echo "compute-sanitizer: skipped"
fi

if [ "$tune" = yes ]; then
  step "schedules"
  "$python" "$here/bench/gpu/tune.py" --output "$out/gpu_schedules.json"
fi

step "timings"
"$python" "$here/bench/gpu/measure.py" --output "$out/gpu.json" "$@"

if [ "$SKMFAST_BENCH_BUILT" = yes ]; then
  training "$out"
else
  echo "training: left out, since corpora are made by the C++ core"
fi
echo "=== all done in $SECONDS s"
