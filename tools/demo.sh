#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# tools/demo.sh [--seconds N] [--json FILE] [--report FILE]: builds the proxy demo and runs it on real loopback traffic.
# The last line is the verdict. It exits with 0 only if every promise was kept. --seconds is for all policies together.
# tools/demo.sh --scenario NAME [--json FILE]: the same with one kind of trouble: kill, freeze, slow, flap, errors,
# fast-errors, panic, drain, warm, or all of them. It may be given more than once.
set -euo pipefail

case "${1:-}" in -h | --help) sed -n '3,6s/^# *//p' "${BASH_SOURCE[0]}"; exit 0 ;; esac

# File names are relative to the caller's directory.
arguments=()
while [ $# -gt 0 ]; do
  case "$1" in
    --json | --report)
      [ $# -ge 2 ] || { echo "demo: $1 needs a file" >&2; exit 2; }
      case "$2" in /*) arguments+=("$1" "$2") ;; *) arguments+=("$1" "$PWD/$2") ;; esac
      shift 2 ;;
    --json=[!/]* | --report=[!/]*) arguments+=("${1%%=*}" "$PWD/${1#*=}"); shift ;;
    *) arguments+=("$1"); shift ;;
  esac
done
cd "$(dirname "${BASH_SOURCE[0]}")/.."

bash tools/build_demo.sh demo
exec build/demo/examples/proxy/demo ${arguments[@]+"${arguments[@]}"} < /dev/null
