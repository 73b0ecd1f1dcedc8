#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds the peers and times them: bench/peers/run.sh [REGEX] [--json FILE]
set -eu

here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
root=$(CDPATH= cd -- "$here/../.." && pwd)
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$root/build/peers}"

if ! command -v cargo > /dev/null; then
  echo "peers: skipped, cargo (Rust) is not installed"
  exit 0
fi
# One of the crates builds a C library with CMake, whose default generator is make.
command -v make > /dev/null || export CMAKE_GENERATOR="${CMAKE_GENERATOR:-Ninja}"

cargo build --release --locked --manifest-path "$here/Cargo.toml" || {
  echo "peers: could not be built; they need Rust 1.87, a C compiler, CMake with make or Ninja, and the crates of Cargo.lock" >&2
  exit 1
}
exec cargo run --release --locked --quiet --manifest-path "$here/Cargo.toml" -- "$@"
