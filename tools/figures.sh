#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# tools/figures.sh [--draw] [TROUBLE…]: runs each trouble behind the example proxy, nginx and HAProxy, draws the pictures of
# docs/figures and writes the tables of docs/figures.md. Without names it runs all troubles, about 20 minutes. Leave the
# machine alone meanwhile. With --draw it only draws what was run before. It needs nginx, haproxy, gnuplot and Python 3.11.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export PATH=$PATH:/usr/sbin

for program in nginx haproxy gnuplot python3; do
  command -v "$program" >/dev/null || { echo "figures: there is no $program here"; exit 1; }
done
if [ "${1:-}" != --draw ]; then
  bash tools/setup.sh
  cmake --preset release -D EQUIPOISE_BUILD_BENCHES=OFF -D EQUIPOISE_BUILD_TESTS=OFF -B build/figures/proxy
  cmake --build build/figures/proxy --target proxy
fi
exec python3 tools/figures/figures.py build/figures/proxy/examples/proxy/proxy build/figures "$@"
