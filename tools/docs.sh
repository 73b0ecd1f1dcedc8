#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# tools/docs.sh [--list]: builds the reference and the guide into build/docs with Doxygen; open build/docs/index.html.
# With --list it also prints the public names that have no /// comment. Exits with 1 after a warning about a comment.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
command -v doxygen >/dev/null || { echo "docs: there is no doxygen here; tools/setup.sh installs it"; exit 1; }

out=build/docs
rm -rf "$out"
mkdir -p "$out"
version=$(sed -n 's/^#define EQUIPOISE_VERSION_[A-Z]* \([0-9]*\)$/\1/p' include/equipoise/core/config.hpp | paste -sd.)

# The guide comes in the order in which docs/README.md links its pages, then pages without a link there, in the order of
# their names. Doxygen orders its tree as its input is ordered.
pages=() others=()
add() {
  local page
  for page in ${pages[0]+"${pages[@]}"}; do [ "$page" != "$1" ] || return 0; done
  pages+=("$1")
}
if [ -f docs/README.md ]; then
  add docs/README.md
  while IFS= read -r link; do
    [ ! -f "docs/$link" ] || add "docs/$link"
  done < <(grep -oE '\]\([^)#:]+\.md' docs/README.md | sed -e 's/^](//' -e 's|^\./||')
fi
# README.md links to these.
for page in CONTRIBUTING.md CHANGELOG.md SECURITY.md; do [ ! -f "$page" ] || others+=("$page"); done
while IFS= read -r page; do add "$page"; done < <(find docs -name '*.md' | LC_ALL=C sort)

settings() {
  cat docs/Doxyfile
  echo "PROJECT_NUMBER = $version"
  echo "OUTPUT_DIRECTORY = $out"
  echo "STRIP_FROM_PATH = $PWD/include $PWD"
  echo "STRIP_FROM_INC_PATH = $PWD/include"
  echo "INPUT = README.md ${pages[*]} docs/namespace.dox include ${others[*]}"
  echo "WARN_LOGFILE = $out/warnings.txt"
}
settings | doxygen -
# A picture that a page shows must lie beside it.
find docs -name '*.svg' -exec cp {} "$out/" \;

if [ "${1:-}" = --list ]; then
  echo "docs: public names without a /// comment:"
  list=$(mktemp -d)
  { settings; printf '%s\n' 'WARN_IF_UNDOCUMENTED = YES' 'HIDE_UNDOC_MEMBERS = NO' "OUTPUT_DIRECTORY = $list" "WARN_LOGFILE = $list/warnings.txt"; } | doxygen -
  sed -n "s|^$PWD/||; s|warning: \(.*\) is not documented\.|\1|p" "$list/warnings.txt" | sort -u
  rm -rf "$list"
fi
if [ -s "$out/warnings.txt" ]; then
  sed "s|$PWD/||" "$out/warnings.txt"
  echo "docs: warnings, see above"
  exit 1
fi
echo "docs: $out/index.html"
