#!/usr/bin/env bash
# What carry.py packed, run on the machine with the GPU:
#   compare_on_gpu.sh RESULTS
#   ONLY=smollm2 compare_on_gpu.sh RESULTS, or ONLY=llama: one of the two models
#   DEVICE=cpu ARCH=none LAYERS=1 QUICK=1 compare_on_gpu.sh RESULTS   a rehearsal without one
# The parts (kit.00 …) lie beside this script; everything is unpacked and made in a temporary
# folder. RESULTS receives smollm2.json and llama-3.2-1b.json, and what was said.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "${1:?usage: compare_on_gpu.sh RESULTS}"
results=$(cd "$1" && pwd)
python=${PYTHON:-python3}
device=${DEVICE:-cuda}
arch=${ARCH:-$("$python" -c 'import torch; a = torch.cuda.get_device_capability(); print(f"{a[0]}{a[1]}" + "a" * (a == (9, 0)))')}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat "$here"/kit.[0-9][0-9] | tar -xJ -C "$work"
cd "$work/kit"
if compgen -G "wheels/*.whl" >/dev/null; then
  "$python" -m pip install -q --no-index --no-deps --target "$PWD/site" wheels/*.whl
fi
export PYTHONPATH=$PWD/python:$PWD/site PATH=$PWD/bin:$PATH
export LD_LIBRARY_PATH=$PWD/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
export QZC_NVRTC=$PWD/lib/libnvrtc.so.12 QZC_CACHE_DIR=$PWD/cache QZ_EVAL_PYTHON=$python

# A failed peer is a row of the results, and no reason to stop.
sweep() {
  local name=$1 module=$2
  shift 2
  qz-eval sweep "$module" "$@" --common="--arch=$arch" --device="$device" \
    --peer-python "$python" -o "$name" >"$results/$name.md" 2>"$results/$name.log" || true
  cp "$name/results.json" "$results/$name.json"
}
llama=()
[ ! -e llama/llama-bench ] || llama=(--llama-programs "$PWD/llama")
with=transformers,bitsandbytes${llama:+,llama.cpp}
if [ -n "${QUICK:-}" ]; then
  scored=(--context 256 --max-windows 1)
  timed=(-p 16 -n 4 -r 2)
else
  scored=(--context 1024 --max-windows 32)
  timed=(-p 512 -n 128 -r 5)
fi

variants=(--variant none --variant int8 --variant nf4 --variant fp4 --variant q8_0)

if [ "${ONLY:-smollm2}" = smollm2 ]; then
  "$python" -m qz_import smollm2.gguf --dtype=bf16 -o smollm2.mlir
  sweep smollm2 smollm2.mlir "${variants[@]}" --text text.txt "${scored[@]}" "${timed[@]}" \
    --with="$with" --peer-dtype float32 "${llama[@]}"
fi
if [ "${ONLY:-llama}" = llama ]; then
  "$python" random_model.py llama --layers "${LAYERS:-16}"
  "$python" -m qz_import llama -o llama.mlir
  sweep llama-3.2-1b llama.mlir "${variants[@]}" "${timed[@]}" --with="$with" \
    --peer-dtype bfloat16 "${llama[@]}"
fi
ls -la "$results"
