#!/bin/sh
# SPDX-License-Identifier: MIT
# run.sh MODEL: checks that every interleaving of MODEL.pml is correct, and that each mutant which it names fails. Exits with
# 0 only then.
here=$(cd "$(dirname "$0")" && pwd)
model=$here/${1:?the name of a model}.pml
if ! command -v spin > /dev/null || ! command -v cc > /dev/null; then
  echo "test skipped: no spin, or no C compiler"
  exit 0
fi
mutants=$(sed -n 's/.*These mutants must fail: \(.*\)\. .*/\1/p' "$model" | tr -d ,)
[ -n "$mutants" ] || { echo "run.sh: $model names no mutant" >&2; exit 1; }
work=$(mktemp -d) && cd "$work" || exit 1
trap 'rm -rf "$work"' EXIT

# errors [MUTANT]: prints how many errors the checker found.
errors() {
  spin -a ${1:+-D$1} "$model" > /dev/null && cc -O2 -w -DSAFETY -DMEMLIM=2048 -o pan pan.c && ./pan -m100000 > out &&
    sed -n 's/.*errors: *\([0-9]*\).*/\1/p' out
}

bad=0
found=$(errors)
echo "as shipped: errors ${found:-?}, $(sed -n 's/ *\([0-9.e+]*\) states, stored.*/\1/p' out) states"
grep -q 'max search depth too small\|out of memory' out && bad=1
[ "$found" = 0 ] || bad=1
for mutant in $mutants; do
  found=$(errors "$mutant")
  echo "$mutant: errors ${found:-?}"
  [ "${found:-0}" != 0 ] || bad=1
done
exit $bad
