#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# tools/soak.sh [--seconds N] [--preset asan|tsan] [--rate N] [--json FILE]: runs the proxy under load for N seconds (600)
# while its backends are killed, frozen, flap and become slow in turn. It exits with 0 only if no request was lost, memory
# stayed flat and no sanitizer reported anything. --preset is the build of the proxy; without it an optimised one.
set -euo pipefail

preset='' seconds=600 arguments=()
while [ $# -gt 0 ]; do
  case "$1" in
    -h | --help) sed -n '3,5s/^# *//p' "${BASH_SOURCE[0]}"; exit 0 ;;
    --seconds | --preset | --rate | --json) [ $# -ge 2 ] || { echo "soak: $1 needs a value" >&2; exit 2; } ;;
    *) echo "soak: unknown argument $1; known: --seconds, --preset, --rate, --json" >&2; exit 2 ;;
  esac
  case "$1" in
    --seconds) seconds=$2 ;;
    --preset) preset=$2 ;;
    --rate) arguments+=(--rate "$2") ;;
    --json) case "$2" in /*) arguments+=(--json "$2") ;; *) arguments+=(--json "$PWD/$2") ;; esac ;;
  esac
  shift 2
done
case "$preset" in
  '' | asan | tsan) ;;
  *) echo "soak: --preset $preset is unknown; known: asan, tsan" >&2; exit 2 ;;
esac
cd "$(dirname "${BASH_SOURCE[0]}")/.."

bash tools/build_demo.sh soak
proxy=build/demo/examples/proxy/proxy
if [ -n "$preset" ]; then
  cmake --preset "$preset" > /dev/null
  cmake --build "build/$preset" --target proxy
  proxy=build/$preset/examples/proxy/proxy
fi
# A report ends the proxy. The address sanitizer keeps little freed memory, so that the memory in use shows.
export ASAN_OPTIONS=quarantine_size_mb=8:detect_leaks=1 TSAN_OPTIONS=halt_on_error=1
exec build/demo/examples/proxy/demo --soak "$seconds" --proxy "$proxy" ${arguments[@]+"${arguments[@]}"} < /dev/null
