#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# docs_test.sh SOURCE: the reference and the guide are built without a warning. In a copy, because the script builds
# into the source tree.
set -euo pipefail
command -v doxygen >/dev/null || { echo "test skipped: there is no doxygen here"; exit; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$1"
cp -r README.md CONTRIBUTING.md CHANGELOG.md SECURITY.md docs include tools "$work"
"$work/tools/docs.sh"
