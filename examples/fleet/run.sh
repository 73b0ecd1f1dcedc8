#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# examples/fleet/run.sh [--proxy PROXY --backend BACKEND] [OPTION…]: eight proxies that share a real etcd of three members. An
# operator drains a backend, the leader of etcd is killed, all of etcd is stopped, and the fleet grows to 1 000 members.
# Without programs it builds them. --help lists the options. It exits with 0 only if everything held, and with 77 if a
# package is missing.
set -euo pipefail
export LC_ALL=C

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
skip() { echo "test skipped: SKIPPED, $*"; exit 77; }
command -v python3 >/dev/null || skip "there is no Python here (package python3)"
command -v etcd >/dev/null || skip "there is no etcd here (package etcd-server)"

programs=()
if [[ " $* " != *" --proxy "* && " $* " != *" --help "* ]]; then
  build=$here/../../build/demo
  mkdir -p "$build"
  cmake -S "$here/../.." -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DEQUIPOISE_BUILD_TESTS=OFF -DEQUIPOISE_BUILD_BENCHES=OFF \
    >"$build/fleet.log" 2>&1 || { cat "$build/fleet.log" >&2; exit 1; }
  if missing=$(grep "examples/proxy skipped" "$build/fleet.log"); then skip "$missing"; fi
  cmake --build "$build" --target proxy proxy_backend
  programs=(--proxy "$build/examples/proxy/proxy" --backend "$build/examples/proxy/backend")
fi
exec python3 -B "$here/fleet.py" "${programs[@]}" "$@"
