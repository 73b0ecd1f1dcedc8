#!/usr/bin/env bash
# conan.sh SOURCE_DIR WORK_DIR: `conan create` and its consumer, with a cache of its own, no remote and no make.
# Conan itself is the one on the path, or is installed into WORK_DIR where Python can do so; else the test is skipped.
set -euo pipefail
source=$1 work=$2
mkdir -p "$work"
conan=$(command -v conan || echo "$work/python/bin/conan")
if [ ! -x "$conan" ]; then
  # Not `python3 -m venv` alone: a venv without pip is no use, and is what some platforms make.
  { python3 -m venv "$work/python" && "$work/python/bin/pip" install -q conan; } >"$work/install.log" 2>&1 ||
    { rm -rf "$work/python"; echo "test skipped: no conan, and pip cannot install it ($(tail -n 1 "$work/install.log"))"; exit 77; }
fi

export CONAN_HOME=$work/home
rm -rf "$CONAN_HOME" "$work/tree"
"$conan" profile detect >/dev/null 2>&1
# The consumer builds beside its sources, so it gets a copy of them.
mkdir "$work/tree"
(cd "$source" && cp -R conanfile.py LICENSE include packaging "$work/tree")
mkdir "$work/tree/tests" && cp -R "$source/tests/packaging" "$work/tree/tests"
# Machines without make must do: here it is as good as missing, by each name that CMake looks for, if there is Ninja instead.
if command -v ninja >/dev/null; then
  mkdir -p "$work/no_make"
  for name in make gmake smake; do
    printf '#!/bin/sh\necho "%s was called, though there is Ninja" >&2\nexit 1\n' $name >"$work/no_make/$name"
    chmod +x "$work/no_make/$name"
  done
  PATH=$work/no_make:$PATH
fi
"$conan" create "$work/tree" -s compiler.cppstd=20 --no-remote
