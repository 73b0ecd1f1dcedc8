#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# debugger_test.sh PROGRAM PRINTERS: gdb prints the values of debugger.cpp as the printers promise.
set -euo pipefail
program=$1 printers=$2
command -v gdb >/dev/null || { echo "test skipped: there is no gdb here"; exit; }

gdb -nx -batch -ex "python print('python works')" 2>/dev/null | grep -q '^python works$' ||
  { echo "test skipped: this gdb was built without Python"; exit; }

commands=(-ex 'set print pretty off' -ex 'set debuginfod enabled off' -ex 'set width 0' -ex "source $printers" -ex 'break stop_here'
  -ex run -ex up)
for name in first none flags healthy choice lease no_choice no_lease pool; do
  commands+=(-ex "echo [$name]" -ex "output $name" -ex 'echo \n')
done
output=$(timeout 120 gdb -nx -batch "${commands[@]}" "$program" 2>&1 </dev/null || true)
case "$output" in
  *"ptrace: Operation not permitted"*) echo "test skipped: gdb may not trace processes here"; exit ;;
esac

failed=0
while IFS= read -r line; do
  case "$output" in *"$line"*) ;; *) echo "gdb does not print: $line"; failed=1 ;; esac
done <<'END'
[first]#0.1
[none]#none
[flags]draining+down
[healthy]up
[choice]choice of 'a' #0.1 = {backend = {name
[lease]lease of 'a backend whose key is too long for the string itself' #16.1 = {backend = {name
[no_choice]no choice: all_down
[no_lease]no lease: all_down
[pool]pool of 2 members = {a = #0.1 draining+down, weight 1, 0 in flight, a backend whose key is too long for the string itself = #16.1 maintenance, weight 3, 1 in flight}
END
[ "$failed" = 0 ] || printf '%s\n' "$output"
exit "$failed"
