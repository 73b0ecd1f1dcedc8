#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# conan.sh SOURCE_DIR WORK_DIR: runs `conan create` and its consumer with a separate cache, without a remote and without make.
# It uses the conan on the path, or installs one into WORK_DIR with pip. If neither is possible, the test is skipped.
set -euo pipefail
source=$1 work=$2
mkdir -p "$work"
conan=$(command -v conan || echo "$work/python/bin/conan")
if [ ! -x "$conan" ]; then
  # `python3 -m venv` alone is not enough, because some platforms create it without pip.
  { python3 -m venv "$work/python" && "$work/python/bin/pip" install -q conan; } >"$work/install.log" 2>&1 ||
    { rm -rf "$work/python"; echo "test skipped: conan is missing, and pip cannot install it ($(tail -n 1 "$work/install.log"))"; exit 77; }
fi

export CONAN_HOME=$work/home
rm -rf "$CONAN_HOME" "$work/tree"
"$conan" profile detect >/dev/null 2>&1
# The consumer builds next to its sources, so it gets a copy of them.
mkdir "$work/tree"
(cd "$source" && cp -R conanfile.py LICENSE include packaging "$work/tree")
mkdir "$work/tree/tests" && cp -R "$source/tests/packaging" "$work/tree/tests"
# The package must also build on machines that have Ninja and no make. So make fails under each name that CMake looks for.
if command -v ninja >/dev/null; then
  mkdir -p "$work/no_make"
  for name in make gmake smake; do
    printf '#!/bin/sh\necho "%s was called although Ninja is installed" >&2\nexit 1\n' $name >"$work/no_make/$name"
    chmod +x "$work/no_make/$name"
  done
  PATH=$work/no_make:$PATH
fi
"$conan" create "$work/tree" -s compiler.cppstd=20 --no-remote
