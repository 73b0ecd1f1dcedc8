#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# tools/tidy.sh [HEADER…]: runs clang-tidy over each public header alone, or over the named ones, with the checks of
# .clang-tidy. A header of include/equipoise/with/ is passed over if its library is not installed. Exits with 1 after a
# finding.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

tidy=
for name in clang-tidy-16 clang-tidy clang-tidy-{17..22}; do
  if command -v "$name" >/dev/null && [ "$("$name" --version | sed -n 's/.*version \([0-9]*\).*/\1/p')" -ge 16 ]; then
    tidy=$name
    break
  fi
done
if [ -z "$tidy" ]; then echo "tidy: skipped, there is no clang-tidy 16 or newer here"; exit 0; fi

headers=()
if [ $# -gt 0 ]; then headers=("$@")
else
  while IFS= read -r header; do headers+=("$header"); done < <(find include/equipoise -name '*.hpp' | sort)
fi

flags=(-std=c++20 -Iinclude -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# A header is read through a source that includes it, because clang treats `#pragma once` in a main file as a mistake.
one() {
  local source
  source=$work/$(printf %s "$1" | tr / _).cpp
  printf '#include <%s>\n' "${1#include/}" >"$source"
  case "$1" in
    */with/*)
      if ! "${tidy/clang-tidy/clang++}" "${flags[@]}" -fsyntax-only "$source" 2>/dev/null; then
        echo "tidy: $1 passed over, its library is not here"
        return
      fi ;;
  esac
  "$tidy" --quiet --config-file=.clang-tidy "$source" -- "${flags[@]}" >"$source.found" 2>&1 ||
    { cat "$source.found"; return 1; }
}
for header in "${headers[@]}"; do
  while [ "$(jobs -rp | wc -l)" -ge "$(getconf _NPROCESSORS_ONLN)" ]; do wait -n || true; done
  { one "$header" || touch "$work/failed"; } &
done
wait
[ ! -e "$work/failed" ] || exit 1
echo "tidy: nothing found in ${#headers[@]} headers"
