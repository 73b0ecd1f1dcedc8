#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# tools/bench.sh [REGEX] [--json FILE] [--peers]: builds with optimization and runs the benchmarks with matching names.
#   --json FILE   also copies Google Benchmark's JSON to FILE
#   --peers       also runs the same work on other libraries (bench/peers), if cargo is installed
#   --benchmark_… is passed on to the program
# Each benchmark runs seven times, and all of them take turns in random order. So a slow minute of the machine affects
# all benchmarks alike. The tables compare medians. Lines with threads:2 need two free cores.
# After a whole run, `tools/bench_summary --keep VERSION build/bench/result.json build/bench/peers.json` stores it.
set -euo pipefail
here=$(pwd)
cd "$(dirname "${BASH_SOURCE[0]}")/.."

regex='' json='' peers='' more=()
while [ $# -gt 0 ]; do
  case "$1" in
    --json) [ $# -gt 1 ] || { echo "bench: --json needs a file" >&2; exit 2; }
      case "$2" in /*) json=$2 ;; *) json=$here/$2 ;; esac; shift ;;
    --peers) peers=yes ;;
    --benchmark_*) more+=("$1") ;;
    -*) sed -n '3,6s/^# *//p' "${BASH_SOURCE[0]}" >&2; exit 2 ;;
    *) regex=$1 ;;
  esac
  shift
done

bash tools/setup.sh
cmake --preset release -D EQUIPOISE_BUILD_TESTS=OFF -D EQUIPOISE_BUILD_EXAMPLES=OFF -B build/bench >/dev/null
cmake --build build/bench --target equipoise_bench
result=build/bench/result.json
echo "CPU ns (µs where it says us) per pick and thread, medians:"
build/bench/bench/equipoise_bench --benchmark_filter="${regex:-.}" --benchmark_repetitions=7 --benchmark_min_time=0.02 \
  --benchmark_enable_random_interleaving=true --benchmark_display_aggregates_only=true --benchmark_color=false \
  --benchmark_out="$result" --benchmark_out_format=json ${more[@]+"${more[@]}"} |
  awk '/_median/ { sub(/_median/, "", $1); printf "  %-66s %12s %s\n", $1, $4, $5; fflush() }'
[ -z "$json" ] || cp "$result" "$json"

results=("$result")
if [ -z "$peers" ]; then :
elif command -v cargo >/dev/null; then
  if bash bench/peers/run.sh --json build/bench/peers.json; then results+=(build/bench/peers.json)
  else echo "bench: the peers could not be built or run; the tables are without them"; fi
else echo "bench: cargo is not installed, so the peers are left out"
fi
tools/bench_summary "${results[@]}"
[ -n "$regex" ] || tools/compile_time
