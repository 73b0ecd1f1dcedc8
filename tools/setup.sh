#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Installs what building, testing, measuring and the demo need, with the platform's package manager. Does nothing when all is there.
set -euo pipefail

has() { command -v "$1" >/dev/null; }
as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif has sudo; then sudo "$@"
  else echo "setup: this needs root: $*" >&2; exit 1; fi
}
# missing LOOK PACKAGE…: those of the packages that LOOK does not find.
missing() { local look=$1 package; shift; for package; do $look "$package" >/dev/null 2>&1 || echo "$package"; done; }
apt_has() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1")" = installed ]; }
apt_get() { as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 "$@"; }
# say PACKAGES…: true if there is something to install.
say() { [ $# -gt 0 ] && echo "setup: installing $*"; }

# without PACKAGE: what is left out where there is no such package.
without() {
  case "$1" in
    libc-ares-dev | dnsmasq-base) echo "the test of DNS as a source" ;;
    etcd-server) echo "the tests with a real etcd, and examples/fleet" ;;
    libtomlplusplus-dev | libboost-url-dev) echo "the proxy, its tests and the demo" ;;
    libssl-dev) echo "the test of checks over TLS" ;;
    libpq-dev | libhiredis-dev) echo "the example of a health page" ;;
    postgresql | redis-server) echo "the test of the health page with real servers" ;;
    relacy-dev) echo "the tests under Relacy's memory model" ;;
    spin) echo "the model that Spin checks" ;;
    clang-format-16) echo "the check of the layout, unless another clang-format is here" ;;
    clang-tidy-16) echo "the check with clang-tidy, unless another clang-tidy is here" ;;
    codespell) echo "the check of the spelling" ;;
    universal-ctags) echo "the test of an editor's index" ;;
    gdb) echo "the test of the debugger's printers" ;;
    doxygen) echo "the reference that tools/docs.sh builds" ;;
    python3-venv) echo "the test of the Conan package, unless conan is installed" ;;
  esac
}

# Lists of words from here on, never quoted.
# shellcheck disable=SC2046,SC2086
if has apt-get; then
  needed=$(missing apt_has g++ cmake ninja-build pkg-config catch2 libbenchmark-dev libfmt-dev nlohmann-json3-dev libcli11-dev \
    libspdlog-dev gnuplot-nox python3)
  # Boost.URL brings the headers of its Boost. Debian 12 has 1.81 beside its default, which is too old and has no Boost.URL.
  not_everywhere=$(missing apt_has libtomlplusplus-dev relacy-dev spin python3-venv libc-ares-dev dnsmasq-base etcd-server \
      libssl-dev libpq-dev libhiredis-dev postgresql redis-server \
      clang-format-16 clang-tidy-16 codespell universal-ctags gdb doxygen
    apt_has libboost-url1.81-dev >/dev/null 2>&1 || missing apt_has libboost-url-dev)
  if [ -z "$needed" ] && [ "$(id -u)" != 0 ] && ! has sudo; then
    [ -z "$not_everywhere" ] || echo "setup: goes on without" $not_everywhere "(installing needs root)"
    not_everywhere=
  fi
  # Before anything is looked up: many images come without apt's lists, and then it knows of no package at all.
  [ -z "$needed$not_everywhere" ] || apt_get update
  for package in $not_everywhere; do
    if [ "$package" = libboost-url-dev ] && [ -z "$(missing "apt-cache show" libboost-url1.81-dev)" ]; then
      package=libboost-url1.81-dev
      [ -n "$(missing apt_has libboost1.74-dev)" ] || echo "setup: Boost 1.81 replaces Boost 1.74, which is too old for the proxy"
    fi
    if apt-cache show "$package" >/dev/null 2>&1; then needed+=" $package"
    else echo "setup: apt knows no $package here; left out: $(without "$package")"
    fi
  done
  if say $needed; then apt_get install -y --no-install-recommends $needed >/dev/null; fi
elif has dnf; then
  needed=$(missing "rpm -q" gcc-c++ cmake ninja-build pkgconf-pkg-config catch-devel google-benchmark-devel fmt-devel boost-devel \
    json-devel cli11-devel tomlplusplus-devel spdlog-devel c-ares-devel openssl-devel dnsmasq gnuplot libasan libubsan libtsan \
    clang-tools-extra codespell ctags gdb doxygen)
  if say $needed; then as_root dnf install -q -y $needed; fi
elif has brew; then
  needed=$(missing "brew list --versions" cmake ninja pkgconf catch2 google-benchmark fmt boost nlohmann-json cli11 tomlplusplus spdlog c-ares openssl@3 etcd gnuplot \
    clang-format codespell universal-ctags doxygen)
  if say $needed; then brew install -q $needed; fi
else
  echo "setup: no apt-get, dnf or brew here. Please install: a C++20 compiler (GCC 12, Clang 14 or newer), CMake 3.22, Ninja, pkg-config,"
  echo "  Catch2, Google Benchmark, fmt, Boost 1.81 with Boost.URL, nlohmann-json, CLI11, toml++, spdlog, gnuplot; Relacy, c-ares, OpenSSL 3, dnsmasq and etcd are useful."
  has c++ && has cmake && has ninja # enough to try
fi
