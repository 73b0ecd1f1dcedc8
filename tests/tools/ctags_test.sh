#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# ctags_test.sh INCLUDE: an editor's index finds the definition of every type that fwd.hpp declares.
set -euo pipefail
include=$1
case "$(ctags --version 2>/dev/null || true)" in
  "Universal Ctags"*) ;;
  *) echo "test skipped: there is no Universal Ctags here"; exit ;;
esac

found=$(ctags --languages=C++ --kinds-C++=cs -R -f - "$include" | cut -f1,2 | grep -v 'fwd\.hpp$' | cut -f1 | sort -u)
declared=$(sed -nE 's/^(template <.*> )?(class|struct) ([a-z_0-9]+).*;.*/\3/p' "$include/equipoise/fwd.hpp")
missing=0
for name in picker pool balancer lease round_robin $declared; do
  grep -qx "$name" <<<"$found" || { echo "ctags finds no definition of $name"; missing=1; }
done
exit "$missing"
