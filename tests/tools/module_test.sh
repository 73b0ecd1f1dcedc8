#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# module_test.sh ROOT: the module exports every name of fwd.hpp, it compiles, and a program that imports it runs.
set -euo pipefail
root=$1
names=$(sed -nE 's/^(template <.*> )?(class|struct|enum class) ([a-z_0-9]+).*;.*/\3/p; s/^using ([a-z_]+) =.*/\1/p; s/.* (set_failure_handler)\(.*/\1/p' \
  "$root/include/equipoise/fwd.hpp")
[ "$(wc -w <<<"$names")" -gt 40 ] || { echo "fwd.hpp does not read as a list of declarations any more"; exit 1; }
for name in $names; do
  grep -qx "using equipoise::$name;" "$root/modules/equipoise.cppm" || { echo "equipoise.cppm does not export $name"; exit 1; }
done

command -v clang++-16 >/dev/null || { echo "test skipped: there is no clang++-16 here"; exit; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# A compiler's mistake with modules must not take all memory.
ulimit -v 4000000
flags=(-std=c++20 -Wall -Wextra -Wconversion -Wshadow -Werror)
clang++-16 "${flags[@]}" -I"$root/include" --precompile "$root/modules/equipoise.cppm" -o "$work/equipoise.pcm"
clang++-16 "${flags[@]}" -fmodule-file=equipoise="$work/equipoise.pcm" "$root/tests/tools/importer.cpp" "$work/equipoise.pcm" \
  -o "$work/importer"
"$work/importer"
