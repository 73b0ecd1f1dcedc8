#!/bin/sh
# sh tells_right_from_wrong.sh CONFORM RECORDED: a changed pick, a policy not supported and a broken file all fail, and say why.
set -eu
conform=$1 recorded=$2
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# expect TEXT FILE: conform must fail on FILE and print TEXT.
expect() {
  if "$conform" "$2" > "$scratch/out"; then echo "passed, but should not: $2"; exit 1; fi
  grep -qF -- "$1" "$scratch/out" || { echo "no '$1' in:"; cat "$scratch/out"; exit 1; }
}

sed 's/"picks": \[0, 1/"picks": [1, 1/' "$recorded/nginx.round_robin.default.3#1.json" > "$scratch/wrong.json"
expect 'request 0: nginx chose 1, we chose 0' "$scratch/wrong.json"
expect '17 of 18 picks equal' "$scratch/wrong.json"
sed 's/"round_robin"/"least_conn"/' "$recorded/nginx.round_robin.default.3#1.json" > "$scratch/other.json"
expect 'skipped other.json: nginx least_conn is not supported yet' "$scratch/other.json"
expect '0 of 18 picks equal' "$scratch/other.json"
echo '{"system": "nginx"' > "$scratch/broken.json"
expect 'refused broken.json' "$scratch/broken.json"
expect 'refused absent.json: cannot be read' "$scratch/absent.json"
