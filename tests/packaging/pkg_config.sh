#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# pkg_config.sh PREFIX VERSION WORK_DIR: builds and runs a consumer that knows only pkg-config. CXX and CXXFLAGS come from the
# environment.
set -euo pipefail
prefix=$1 version=$2 work=$3
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
command -v pkg-config >/dev/null || { echo "test skipped: pkg-config is missing"; exit 77; }

# The installed tree is copied first, because it must work in any folder.
rm -rf "$work"; mkdir -p "$work"; cp -R "$prefix" "$work/moved"
export PKG_CONFIG_PATH=$work/moved/share/pkgconfig
[ "$(pkg-config --modversion equipoise)" = "$version" ]
# shellcheck disable=SC2046,SC2086 # the flags are separate words
$CXX $CXXFLAGS -std=c++20 $(pkg-config --cflags equipoise) "$here/app.cpp" -o "$work/app" $(pkg-config --libs equipoise)
"$work/app"
