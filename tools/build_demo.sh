#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# tools/build_demo.sh NAME: builds the proxy, its backends and the demo in build/demo, optimised, for the tool of that name,
# which is named in error messages.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

bash tools/setup.sh
mkdir -p build
options=(-DCMAKE_BUILD_TYPE=Release -DEQUIPOISE_BUILD_TESTS=OFF -DEQUIPOISE_BUILD_BENCHES=OFF)
cmake -S . -B build/demo -G Ninja "${options[@]}" > build/demo.log 2>&1 || { cat build/demo.log >&2; exit 1; }
if grep "examples/proxy skipped" build/demo.log >&2; then
  echo "${1:-build_demo}: it cannot be built without these packages" >&2
  exit 1
fi
cmake --build build/demo --target proxy_demo
