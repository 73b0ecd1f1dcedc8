#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# check_test.sh ROOT: in a small tree of its own, tools/check.sh finds nothing, and then each mistake that is put in.
set -euo pipefail
root=$1
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
cd "$tree"
# The tree must not be taken for a part of a repository around it.
export GIT_CEILING_DIRECTORIES=$tree/..
mkdir -p tools tests include/equipoise
cp "$root"/tools/{check.sh,add_spdx,codespell.ignore} tools/
cp "$root/.clang-format" .

source_file() { printf '// SPDX-License-Identifier: MIT\n%s\n' "$1" >tests/a_test.cpp; }
# must_find CHECK TEXT: the check ends with 1 and says the text.
must_find() {
  local result=0 output
  output=$(tools/check.sh "$1" 2>&1) || result=$?
  [ "$result" = 1 ] || { echo "check.sh $1 ended with $result, not with 1: $output"; exit 1; }
  case "$output" in *"$2"*) ;; *) echo "check.sh $1 does not say '$2': $output"; exit 1 ;; esac
}
# Without its tool a check is skipped, so it finds nothing.
unless_skipped() {
  case "$(tools/check.sh "$1" 2>&1 || true)" in *"check: $1 skipped"*) ;; *) must_find "$@" ;; esac
}

source_file 'int main() {}'
tools/check.sh

source_file 'int  main( ) { }'
unless_skipped format tests/a_test.cpp:2
source_file "// $(printf 'x%.0s' {1..119})"
must_find width 'tests/a_test.cpp:2: 122 columns'
source_file "// $(printf 'ü%.0s' {1..117})"
tools/check.sh width >/dev/null
echo 'int main() {}' >tests/a_test.cpp
must_find spdx tests/a_test.cpp
printf '#!/bin/sh\necho\n' >tools/script
must_find spdx tools/script
tools/add_spdx
tools/check.sh spdx >/dev/null
[ "$(sed -n 1p tools/script)" = '#!/bin/sh' ] || { echo "add_spdx moved the first line of a script"; exit 1; }
rm tools/script
source_file "// The backend does not re""cieve work."
unless_skipped spelling tests/a_test.cpp:2
source_file "TEST_CASE(\"$(printf 'x%.0s' {1..41})\"
          \"$(printf 'x%.0s' {1..40})\") {}"
must_find names 'tests/a_test.cpp:2: 81 characters'
source_file "TEST_CASE(\"$(printf 'ü%.0s' {1..80})\", \"[tag]\") {}"
tools/check.sh names >/dev/null
source_file "// The caller who asks."
must_find pronouns '1 person-pronouns in 2 lines'
source_file "char const* text = \"who\";  // fine: http://example.org/who"
must_find pronouns '1 person-pronouns in 2 lines'
source_file "// It lies in /ho""me/me/equipoise."
must_find paths tests/a_test.cpp:2
