#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# tools/test.sh [--quick|--full]: sets up, builds, runs the tests; the last lines and the exit code are ctest's.
#   --quick   without the tests that build and install packages
#   --full    also the other presets: sanitizers, optimised, without exceptions, and Clang where it is installed
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

presets=(dev) filter=()
case "${1:-}" in
  '') ;;
  --quick) filter=(-LE packaging) ;;
  --full)
    presets=(release no-exceptions asan tsan)
    if ! command -v clang++ >/dev/null; then echo "test: no clang++ here, so without the presets clang and clang-libcxx"
    else
      presets+=(clang)
      if echo '#include <version>' | clang++ -stdlib=libc++ -x c++ -fsyntax-only - 2>/dev/null; then presets+=(clang-libcxx)
      else echo "test: no libc++ here, so without the preset clang-libcxx"
      fi
    fi
    presets+=(dev) ;;
  *) sed -n '2,4s/^# *//p' "${BASH_SOURCE[0]}"; exit 2 ;;
esac

bash tools/setup.sh
for preset in "${presets[@]}"; do
  echo "== $preset"
  cmake --preset "$preset"
  cmake --build --preset "$preset"
  ctest --preset "$preset" -j"$(getconf _NPROCESSORS_ONLN)" ${filter[@]+"${filter[@]}"}
done
