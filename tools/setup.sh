#!/usr/bin/env bash
# Installs what building, testing, measuring and the demo need, with the platform's package manager. Does nothing when all is there.
set -euo pipefail

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; elif command -v sudo >/dev/null; then sudo "$@"; else echo "setup: need root for: $*" >&2; exit 1; fi; }
has() { command -v "$1" >/dev/null; }

# Prints those of its arguments that the given command does not find.
missing() { local look=$1 package; shift; for package; do $look "$package" >/dev/null 2>&1 || echo "$package"; done; }
apt_has() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1")" = installed ]; }

if has apt-get; then
  needed=(g++ cmake ninja-build pkg-config catch2 libbenchmark-dev libfmt-dev libboost-dev nlohmann-json3-dev libcli11-dev
    libspdlog-dev gnuplot-nox)
  useful=(libtomlplusplus-dev relacy-dev python3-venv) # not in every release; what needs them is skipped without
  mapfile -t needed < <(missing apt_has "${needed[@]}")
  mapfile -t useful < <(missing apt_has "${useful[@]}")
  if [ $((${#needed[@]} + ${#useful[@]})) -gt 0 ]; then
    export DEBIAN_FRONTEND=noninteractive
    as_root apt-get update -qq
    for package in "${useful[@]}"; do
      if apt-cache show "$package" >/dev/null 2>&1; then needed+=("$package"); else echo "setup: there is no package $package here, doing without"; fi
    done
    [ ${#needed[@]} = 0 ] || {
      echo "setup: installing ${needed[*]}"
      as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${needed[@]}" >/dev/null
    }
  fi
elif has dnf; then
  mapfile -t needed < <(missing "rpm -q" gcc-c++ cmake ninja-build pkgconf-pkg-config catch-devel google-benchmark-devel fmt-devel
    boost-devel json-devel cli11-devel tomlplusplus-devel spdlog-devel gnuplot libasan libubsan libtsan)
  [ ${#needed[@]} = 0 ] || { echo "setup: installing ${needed[*]}"; as_root dnf install -q -y "${needed[@]}"; }
elif has brew; then
  mapfile -t needed < <(missing "brew list --versions" cmake ninja pkgconf catch2 google-benchmark fmt boost nlohmann-json cli11 tomlplusplus
    spdlog gnuplot)
  [ ${#needed[@]} = 0 ] || { echo "setup: installing ${needed[*]}"; brew install -q "${needed[@]}"; }
else
  echo "setup: no apt-get, dnf or brew here. Please install: a C++20 compiler (GCC 12, Clang 14 or newer), CMake 3.22, Ninja, pkg-config,"
  echo "  Catch2, Google Benchmark, fmt, Boost (headers), nlohmann-json, CLI11, toml++, spdlog, gnuplot; Relacy is useful."
  has c++ && has cmake && has ninja # good enough to try
fi
