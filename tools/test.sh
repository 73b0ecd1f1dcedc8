#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# tools/test.sh [--quick|--full]: sets up, checks the rules, builds, runs the tests. The last lines and the exit code are
# those of ctest.
#   --quick   without clang-tidy and without the tests that build and install packages
#   --full    also the other presets (sanitizers, optimised, without exceptions, Clang if it is installed), clang-tidy over
#             each header alone, a minute of fuzzing for each target, the live comparison with Envoy, nginx and HAProxy, and
#             all scenarios of the proxy's demo
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

presets=(dev) filter=() tidy=(include/equipoise/equipoise.hpp include/equipoise/with/*.hpp) fuzz= live=
case "${1:-}" in
  '') ;;
  --quick) filter=(-LE packaging) tidy=() ;;
  --full)
    presets=(release no-exceptions asan tsan) tidy=(include/equipoise/*.hpp include/equipoise/*/*.hpp include/equipoise/*/*/*.hpp) fuzz=60 live=yes
    if ! command -v clang++ >/dev/null; then echo "test: no clang++ here, so without the presets clang and clang-libcxx"
    else
      presets+=(clang)
      if echo '#include <version>' | clang++ -stdlib=libc++ -x c++ -fsyntax-only - 2>/dev/null; then presets+=(clang-libcxx)
      else echo "test: no libc++ here, so without the preset clang-libcxx"
      fi
    fi
    presets+=(dev) ;;
  *) sed -n '3,9s/^# *//p' "${BASH_SOURCE[0]}"; exit 2 ;;
esac

bash tools/setup.sh
bash tools/check.sh
[ ${#tidy[@]} = 0 ] || bash tools/tidy.sh "${tidy[@]}"
if [ -n "$fuzz" ]; then
  status=0
  bash tests/fuzz/run.sh "$fuzz" || status=$?
  if [ "$status" = 77 ]; then echo "test: no Clang with libFuzzer here, so the corpora are only replayed"
  elif [ "$status" != 0 ]; then exit "$status"
  fi
fi
if [ -n "$live" ]; then
  status=0
  bash tools/live_peers.sh || status=$?
  if [ "$status" = 77 ]; then echo "test: no Envoy, nginx or HAProxy here, so nothing is compared live"
  elif [ "$status" != 0 ]; then exit "$status"
  fi
fi
[ -z "$live" ] || bash tools/demo.sh --scenario all
for preset in "${presets[@]}"; do
  echo "== $preset"
  cmake --preset "$preset"
  cmake --build --preset "$preset"
  ctest --preset "$preset" -j"$(getconf _NPROCESSORS_ONLN)" ${filter[@]+"${filter[@]}"}
done
