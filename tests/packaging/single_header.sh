#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# single_header.sh WORK_DIR [PROGRAM…]: builds and runs consumers that copied one header and nothing else. CXX and CXXFLAGS come
# from the environment.
set -euo pipefail
work=$1; shift
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

rm -rf "$work"; mkdir -p "$work/equipoise"
"$here/../../tools/single_header" "$work/equipoise/equipoise.hpp"
for program in "$here/app.cpp" "$@"; do
  # shellcheck disable=SC2086 # the flags are separate words
  $CXX $CXXFLAGS -std=c++20 -I"$work" "$program" -pthread -o "$work/app"
  "$work/app"
done
