#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# tools/conform.sh FILE…: replays recorded placements of real programs and compares every pick.
# It exits with 0 only if all picks are equal. An unsupported placement is reported and counts as not equal.
set -euo pipefail
here=$(pwd)
cd "$(dirname "${BASH_SOURCE[0]}")/.."

[ $# -gt 0 ] || { sed -n '3,4s/^# *//p' "${BASH_SOURCE[0]}" >&2; exit 2; }
files=()
for file; do case "$file" in /*) files+=("$file") ;; *) files+=("$here/$file") ;; esac; done

{
  bash tools/setup.sh
  cmake --preset release -D EQUIPOISE_BUILD_BENCHES=OFF -D EQUIPOISE_BUILD_EXAMPLES=OFF -B build/conform
  cmake --build build/conform --target equipoise_conform
} >&2
exec build/conform/tests/conformance/equipoise_conform "${files[@]}"
