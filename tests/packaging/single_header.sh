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

# With {fmt}, where that is installed.
if echo '#include <fmt/format.h>' | $CXX -x c++ -fsyntax-only - 2>/dev/null; then
  cat > "$work/with_fmt.cpp" <<'EOF'
#define EQUIPOISE_WITH_FMT
#include <equipoise/equipoise.hpp>
int main() { return fmt::format("{}", equipoise::pick_error::all_down) == "all_down" ? 0 : 1; }
EOF
  # shellcheck disable=SC2086
  $CXX $CXXFLAGS -std=c++20 -DFMT_HEADER_ONLY -I"$work" "$work/with_fmt.cpp" -pthread -o "$work/app"
  "$work/app"
fi

# Beside the installed library it is refused, in either order and with one sentence.
mkdir -p "$work/mixed"
cp "$work/equipoise/equipoise.hpp" "$work/mixed/one_header.hpp"
for includes in '<one_header.hpp> <equipoise/core/pool/pool.hpp>' '<equipoise/core/pool/pool.hpp> <one_header.hpp>'; do
  printf '#include %s\n' $includes > "$work/mixed/both.cpp"
  if $CXX -std=c++20 -fsyntax-only -I"$work/mixed" -I"$here/../../include" "$work/mixed/both.cpp" 2> "$work/mixed/errors"; then
    echo "single_header.sh: $includes compile together, and should not" >&2
    exit 1
  fi
  if [ "$(grep -c 'error: ' "$work/mixed/errors")" != 2 ] || ! grep -q 'include one of them' "$work/mixed/errors"; then
    cat "$work/mixed/errors" >&2
    exit 1
  fi
done
