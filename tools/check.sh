#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# tools/check.sh [CHECK…]: the checks that need no build. Without names it runs them all. Exits with 1 after a finding.
#   format     every C++ file is laid out as clang-format 16 lays it out
#   width      no C++ line is longer than the ColumnLimit of .clang-format
#   spdx       every source, script and CMake file names its licence in the first three lines
#   spelling   codespell finds no mistake; tools/codespell.ignore lists the words that are right here
#   names      no test name is longer than 80 characters
#   pronouns   at most one of who, whom, whose, whoever, nobody, everybody, somebody in 100 lines of comments
#   paths      no file names a folder that exists on one machine only
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# files PATTERN…: the tracked files that match, or all; in an unpacked archive every file outside of build/.
if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
  # A file that was deleted, but not yet from the index, cannot be read.
  files() { git ls-files -- "$@" | while IFS= read -r file; do [ ! -f "$file" ] || printf '%s\n' "$file"; done; }
else
  files() {
    local -a names=()
    local pattern
    for pattern; do names+=(${names[0]+-o} -name "${pattern##*/}"); done
    find . -path ./build -prune -o -path ./bench/peers/target -prune -o -type f \
      ${names[0]+\( "${names[@]}" \)} -print | sed 's|^\./||' | sort
  }
fi
cpp() { files '*.cpp' '*.hpp' '*.cppm'; }
# finding TEXT: prints it for a reader, and makes the check fail.
finding() { printf '%s\n' "$*"; found=1; }
# findings HEADLINE: makes each line of the input a finding below the headline; no line is no finding.
findings() {
  local lines
  lines=$(cat)
  [ -z "$lines" ] || finding "$1"$'\n'"$lines"
}

check_format() {
  local name formatter=
  for name in clang-format-16 clang-format clang-format-{17..22}; do
    command -v "$name" >/dev/null || continue
    # Versions before 16 break lines in the middle of a requires-clause.
    [ "$("$name" --version | sed 's/.*version \([0-9]*\).*/\1/')" -ge 16 ] || continue
    formatter=$name
    break
  done
  if [ -z "$formatter" ]; then echo "check: format skipped, there is no clang-format 16 or newer here"; return; fi
  cpp | tr '\n' '\0' | { xargs -0 "$formatter" --dry-run -Werror --ferror-limit=1 2>&1 || true; } |
    sed -n 's/^\([^ ]*:[0-9]*\):[0-9]*: error: .*/\1/p' | findings "not as $formatter lays it out; run: $formatter -i FILE"
}

# Counts characters: in the C locale each byte that continues a UTF-8 character is taken away first.
check_width() {
  local limit
  limit=$(sed -n 's/^ColumnLimit: *//p' .clang-format)
  cpp | tr '\n' '\0' | LC_ALL=C xargs -0 awk -v limit="$limit" '
    length($0) > limit { line = $0; gsub(/[\200-\277]/, "", line) }
    length($0) > limit && length(line) > limit { print FILENAME ":" FNR ": " length(line) " columns" }' |
    findings "longer than the $limit columns of .clang-format"
}

check_spdx() {
  tools/add_spdx --list | findings "without 'SPDX-License-Identifier: MIT' in the first three lines; run: tools/add_spdx"
}

check_spelling() {
  if ! command -v codespell >/dev/null; then echo "check: spelling skipped, there is no codespell here"; return; fi
  files | grep -vE '\.(svg|json|lock|png)$|^tests/fuzz/corpus/' | tr '\n' '\0' |
    { xargs -0 codespell --ignore-words tools/codespell.ignore --quiet-level 3 2>&1 || true; } |
    findings "misspelt; a word that is right goes into tools/codespell.ignore"
}

# A name may be written as several literals on several lines, so the literals are joined up to the first comma or bracket.
check_names() {
  files 'tests/*.cpp' | tr '\n' '\0' | LC_ALL=C xargs -0 awk -v limit=80 '
    FNR == 1 { open = 0 }
    /^(TEMPLATE_[A-Z_]*|SCENARIO|TEST_CASE[A-Z_]*)\(/ { open = 1; name = ""; first = FNR; sub(/^[A-Z_]*\(/, "") }
    open {
      rest = $0
      while (open) {
        sub(/^[ \t]+/, "", rest)
        if (rest == "") break
        if (match(rest, /^"([^"\\]|\\.)*"/)) { name = name substr(rest, 2, RLENGTH - 2); rest = substr(rest, RLENGTH + 1) }
        else {
          open = 0
          gsub(/\\"/, "\"", name)
          gsub(/[\200-\277]/, "", name)
          if (length(name) > limit) print FILENAME ":" first ": " length(name) " characters: " name
        }
      }
    }' | findings "a test name has more than 80 characters; one behaviour fits, the rest is a comment or a SECTION"
}

check_pronouns() {
  local report
  report=$(files 'include/*.hpp' 'include/*.cppm' 'tests/*.cpp' 'tests/*.hpp' 'examples/*.cpp' 'examples/*.hpp' 'bench/*.cpp' 'bench/*.hpp' |
    tr '\n' '\0' | LC_ALL=C xargs -0 cat | awk '
    /(^|[^:])\/\// {
      ++lines
      comment = tolower($0)
      sub(/^(.*[^:])?\/\//, "", comment)
      words = split(comment, word, /[^a-z]+/)
      for (i = 1; i <= words; ++i) if (word[i] ~ /^(who|whom|whose|whoever|nobody|everybody|somebody)$/) ++pronouns
    }
    END { printf "%d %d %.2f\n", pronouns, lines, lines ? 100 * pronouns / lines : 0 }')
  set -- $report
  echo "check: $1 person-pronouns in $2 lines of comments, $3 in 100"
  [ $(($1 * 100)) -le "$2" ] || finding "more than one person-pronoun in 100 lines of comments; name the backend, caller or thread"
}

check_paths() {
  local here
  here=$(pwd)
  files | grep -vE '(^|/)check\.sh$' | tr '\n' '\0' | {
    xargs -0 grep -nIE "(^|[^[:alnum:]_.}/)>*~-])/(home|root|Users|builds|work|workspace)/|/tmp/[[:alnum:]]|$here/" || true
  } | findings "names a folder of one machine"
}

checks=("$@")
[ $# -gt 0 ] || checks=(format width spdx spelling names pronouns paths)
failed=()
for check in "${checks[@]}"; do
  if ! declare -F "check_$check" >/dev/null; then sed -n '3,10s/^# *//p' "${BASH_SOURCE[0]}" >&2; exit 2; fi
  found=
  shopt -s lastpipe # so that `… | findings` runs in this shell, whose variable it sets
  "check_$check"
  [ -z "$found" ] || failed+=("$check")
done
if [ "${#failed[@]}" -gt 0 ]; then echo "check: findings in ${failed[*]}"; exit 1; fi
echo "check: nothing found by ${checks[*]}"
