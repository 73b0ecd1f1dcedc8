#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# tests/fuzz/run.sh [--keep] SECONDS [TARGET...]: builds the fuzz targets with libFuzzer and the address and undefined
# behaviour sanitizers, and runs each of them for that many seconds. Everything it writes is in build/fuzz.
#   --keep   adds the new inputs that reach new code to tests/fuzz/corpus
# Ends with 1 on a finding, whose path is the last line. Ends with 77 where no Clang has libFuzzer.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

keep=no
if [[ "${1:-}" == --keep ]]; then
  keep=yes
  shift
fi
if [[ ! "${1:-}" =~ ^[1-9][0-9]*$ ]]; then
  sed -n '3,6s/^# *//p' "${BASH_SOURCE[0]}" >&2
  exit 2
fi
seconds=$1
shift

build=build/fuzz
mkdir -p "$build"
compiler=
for candidate in clang++ clang++-{22,21,20,19,18,17,16,15,14}; do
  command -v "$candidate" >/dev/null || continue
  if echo '#include <cstdint>
#include <cstddef>
extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const*, std::size_t) { return 0; }' |
    "$candidate" -std=c++20 -fsanitize=fuzzer,address,undefined -x c++ - -o "$build/probe" 2>/dev/null; then
    compiler=$candidate
    break
  fi
done
if [[ -z "$compiler" ]]; then
  echo "fuzz: no clang++ with libFuzzer here" >&2
  exit 77
fi

cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_FLAGS_DEBUG="-O1 -g" -DCMAKE_CXX_COMPILER="$compiler" \
  -DEQUIPOISE_FUZZ=ON -DEQUIPOISE_BUILD_BENCHES=OFF >"$build/configure.log" || { cat "$build/configure.log"; exit 1; }
cmake --build "$build" --target fuzz_targets

targets=("$@")
if [[ ${#targets[@]} == 0 ]]; then
  for program in "$build"/tests/fuzz/fuzz_*; do
    name=${program##*/fuzz_}
    [[ -x "$program" && -f "$program" && "$name" != replay_* ]] && targets+=("$name")
  done
fi

# Longer inputs say nothing new, and a target must not take a second for one of them.
longest() {
  case "$1" in
    address) echo 64 ;;
    endpoint) echo 128 ;;
    policy_names) echo 256 ;;
    proxy_config) echo 2048 ;;
    *) echo 512 ;;
  esac
}

mkdir -p "$build/findings"
for name in "${targets[@]}"; do
  program=$build/tests/fuzz/fuzz_$name
  [[ -x "$program" ]] || { echo "fuzz: no target $name" >&2; exit 2; }
  corpus=tests/fuzz/corpus/$name
  grown=$build/corpus/$name
  mkdir -p "$grown"
  inputs=("$grown")
  [[ $keep == yes ]] && mkdir -p "$corpus"
  [[ -d "$corpus" ]] && inputs+=("$corpus")
  options=(-max_len="$(longest "$name")" -timeout=10 -rss_limit_mb=2048 -print_final_stats=0)
  [[ -f tests/fuzz/$name.dict ]] && options+=(-dict=tests/fuzz/"$name".dict)
  echo "== $name"
  log=$build/$name.log
  if ! "$program" "${options[@]}" -max_total_time="$seconds" -artifact_prefix="$build/findings/$name-" \
    "${inputs[@]}" >"$log" 2>&1; then
    tail -n 60 "$log"
    finding=$(sed -n 's/^.*Test unit written to //p' "$log" | tail -n 1)
    echo "${finding:-$log}"
    exit 1
  fi
  tail -n 1 "$log"
  if [[ $keep == yes ]]; then
    "$program" "${options[@]}" -merge=1 "$corpus" "$grown" >"$log" 2>&1 || { tail -n 20 "$log"; echo "$log"; exit 1; }
  fi
done
