#!/bin/sh
# SPDX-License-Identifier: MIT
# sh finds_differences.sh CONFORM RECORDED: checks that conform fails for a changed pick, for what it does not support, and for a
# mistake in a file. The reason must be one line that names the file and the field.
set -eu
conform=$1 recorded=$2
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
good="$recorded/nginx.round_robin.default.3#1.json"
hashed="$recorded/nginx.ip_hash.default.3.json"

# expect TEXT FILE: conform must fail on FILE with exit code 1, and must print the line TEXT.
expect() {
  code=0
  "$conform" "$2" > "$scratch/out" || code=$?
  [ "$code" = 1 ] || { echo "exit code $code, not 1: $2"; cat "$scratch/out"; exit 1; }
  grep -qxF -- "$1" "$scratch/out" || { echo "no line '$1' in:"; cat "$scratch/out"; exit 1; }
}
# change SED FILE REASON: conform must skip FILE for this reason after the change.
change() {
  sed "$1" "$2" > "$scratch/changed.json"
  ! cmp -s "$2" "$scratch/changed.json" || { echo "nothing changed: $1"; exit 1; }
  expect "skipped changed.json: $3" "$scratch/changed.json"
}
# equal SED FILE: conform must find all picks of FILE equal after the change.
equal() {
  sed "$1" "$2" > "$scratch/same.json"
  ! cmp -s "$2" "$scratch/same.json" || { echo "nothing changed: $1"; exit 1; }
  "$conform" "$scratch/same.json" || { echo "not equal: $1"; exit 1; }
}

# A difference.
sed 's/"picks": \[0, 1/"picks": [1, 1/' "$good" > "$scratch/wrong.json"
expect '17 of 18 wrong.json' "$scratch/wrong.json"
expect '  request 0: nginx chose 1, we chose 0' "$scratch/wrong.json"
expect '17 of 18 picks equal' "$scratch/wrong.json"
sed 's/"picks": \[.*\]/"picks": [2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2]/' "$good" > "$scratch/wrong.json"
expect '3 of 18 wrong.json' "$scratch/wrong.json"
[ "$(grep -c 'nginx chose' "$scratch/out")" = 5 ] || { echo "not the first five differences:"; cat "$scratch/out"; exit 1; }
[ "$(tail -n 1 "$scratch/out")" = '3 of 18 picks equal' ] || { echo "the last line is not the total:"; cat "$scratch/out"; exit 1; }

# A difference in a replay of active checks: a state, an interval, a setting.
checks="$recorded/envoy.health_check.json"
different() {
  sed "$1" "$2" > "$scratch/changed.json"
  ! cmp -s "$2" "$scratch/changed.json" || { echo "nothing changed: $1"; exit 1; }
  if "$conform" "$scratch/changed.json" > "$scratch/out"; then echo "no difference found after $1"; exit 1; fi
  ! grep -q '^skipped' "$scratch/out" || { cat "$scratch/out"; exit 1; }
}
different 's/"healthy_after": \[true/"healthy_after": [false/' "$checks"
different 's/"gaps_s": \[null,0.203/"gaps_s": [null,0.143/' "$checks"
different 's/"unhealthy_threshold": 3/"unhealthy_threshold": 4/' "$checks"
different 's/"unhealthy_edge_interval": "0.06s"/"unhealthy_edge_interval": "0.2s"/' "$checks"
different 's/"first_s": 0.099/"first_s": 0.299/' "$recorded/haproxy.health_check.json"
different 's/"shows": \["UP","UP","UP 1\/2"/"shows": ["UP","UP","UP"/' "$recorded/haproxy.health_check.json"
different 's/"downinter":"200ms"/"downinter":"400ms"/' "$recorded/haproxy.health_check.json"
change 's/"interval": "0.12s"/"interval": "0.12"/' "$checks" \
  "configuration.interval is '0.12', not a number of seconds, or of milliseconds"
change 's/"healthy_threshold": 1/"healthy_threshold": 0/' "$checks" \
  'scenario.healthy_threshold is 0, not an integer from 1 to 1000000'
change 's/"probes": \[200/"probes": [2000/' "$checks" 'probes[0] is 2000, not an integer from 100 to 999'

# What is not supported yet. Its picks count as not equal.
change 's/"round_robin"/"least_conn"/' "$good" 'nginx least_conn is not supported yet'
expect '0 of 18 picks equal' "$scratch/changed.json"
change 's/"nginx"/"traefik"/' "$good" 'traefik round_robin is not supported yet'
change 's/"params": {}/"params": {"zone": {"size": 1}}/' "$good" 'params.zone is not supported yet'
change 's/"count": 18/"steps": [{"pick": null}]/' "$good" 'events (inputs.steps) are not supported yet'
steps='{"picks": 3, "got": [0, 1, [2, 0]]}, {"picks": ["::1"], "got": [2]}, {"hold": "a", "pick": null, "got": 1}'
echo '{"system": "nginx", "scenarios": [{"steps": ['"$steps"']}]}' > "$scratch/scenarios.json"
expect 'skipped scenarios.json: nginx scenarios are not supported yet' "$scratch/scenarios.json"
expect '0 of 5 picks equal' "$scratch/scenarios.json"
if "$conform" "$good" "$scratch/scenarios.json" "$hashed" > "$scratch/out"; then echo "passed with a skipped file"; exit 1; fi
grep -qxF '418 of 423 picks equal' "$scratch/out" || { echo "the total does not count every file:"; cat "$scratch/out"; exit 1; }

# A difference in the replays of their own.
differs() {
  sed "$1" "$recorded/$2" > "$scratch/differs.json"
  ! cmp -s "$recorded/$2" "$scratch/differs.json" || { echo "nothing changed: $1"; exit 1; }
  code=0
  "$conform" "$scratch/differs.json" > "$scratch/out" || code=$?
  [ "$code" = 1 ] || { echo "exit code $code, not 1: $1"; cat "$scratch/out"; exit 1; }
  grep -q -- "$3" "$scratch/out" || { echo "no line '$3' in:"; cat "$scratch/out"; exit 1; }
}
differs 's/"weights": \[30,259/"weights": [31,259/' envoy.orca.json 'backend 0: recorded is 31, we have 30'
differs '0,/"got":\[0,1,2,0\]/s//"got":[0,1,1,0]/' nginx.failures.json 'refused, step 0: recorded is 1, we have 2'
differs '0,/\["DRAIN (agent)",0\]/s//["DRAIN (agent)",1]/' haproxy.agent.json 'recorded is DRAIN (agent) 1, we have DRAIN (agent) 0'
differs '0,/\["UP 3\/4",1\]/s//["UP 2\/4",1]/' haproxy.observe.json 'recorded is UP 2/4 1, we have UP 3/4 1'

# There is no file, or no JSON in it.
expect 'skipped absent.json: cannot be read' "$scratch/absent.json"
expect '0 of 1 picks equal' "$scratch/absent.json"
mkdir "$scratch/folder"
expect 'skipped folder: is a directory' "$scratch/folder"
: > "$scratch/empty.json"
expect 'skipped empty.json: is empty' "$scratch/empty.json"
echo '{"system": "nginx"' > "$scratch/broken.json"
if "$conform" "$scratch/broken.json" > "$scratch/out"; then echo "a broken file passed"; exit 1; fi
grep -q '^skipped broken.json: is not JSON: parse error at line 2, column 1' "$scratch/out" || { cat "$scratch/out"; exit 1; }
echo '[]' > "$scratch/list.json"
expect 'skipped list.json: is a list, not an object' "$scratch/list.json"

# A field is missing, has another type, is out of range, or contradicts another field. Nothing is rounded or wrapped around.
change 's/"system": "nginx", //' "$good" 'system is missing'
change 's/"policy": "round_robin", //' "$good" 'policy is missing'
change 's/"policy": "round_robin"/"policy": 3/' "$good" "policy is 3, not a string"
change 's/"backends"/"servers"/' "$good" 'backends is missing'
change 's/"backends": \[.*\], "inputs"/"backends": [], "inputs"/' "$good" 'backends is empty'
change 's/"name": "s1", //' "$good" 'backends[1].name is missing'
change 's/"s1"/"s0"/' "$good" "backends[1].name 's0' is also that of backends[0], so answers are ambiguous"
change 's/:21002/:21001/' "$good" "backends[2].address '127.0.0.1:21001' is also that of backends[1], so answers are ambiguous"
for weight in -1 4294967296 1.5 true '"3"' 18446744073709551615; do
  change "s/\"weight\": 3/\"weight\": $weight/" "$good" \
    "backends[0].weight is $(echo "$weight" | tr '"' "'"), not an integer from 0 to 4294967295"
done
change 's/"params": {}/"params": 5/' "$good" 'params is 5, not an object'
change 's/"inputs": {"count": 18}/"inputs": {}/' "$good" 'inputs.count is missing'
change 's/"count": 18/"count": 18.5/' "$good" 'inputs.count is 18.5, not an integer from 1 to 9223372036854775807'
change 's/"count": 18/"count": 17/' "$good" 'picks has 18 entries, but inputs asks for 17'
change 's/"picks": \[0, 1/"picks": [0, 1.5/' "$good" 'picks[1] is 1.5, not an integer from -999 to 2'
change 's/"picks": \[0, 1/"picks": [0, 3/' "$good" 'picks[1] is 3, not an integer from -999 to 2'
change 's/"picks": \[.*\]/"picks": []/' "$good" 'picks is empty'
change 's/"client": \[/"client": ["1.2.3.4:80", /' "$hashed" 'picks has 400 entries, but inputs asks for 401'
change 's/"client": \["[^"]*"/"client": ["1.2.3.256"/' "$hashed" "inputs.client[0] is '1.2.3.256', not an address"
change 's/"client": \["[^"]*"/"client": [null/' "$hashed" 'inputs.client[0] is null, not an address'
change 's/"client"/"key"/' "$hashed" 'inputs.client is missing'

# Levels and zones.
levels="$recorded/envoy.priority.json" zones="$recorded/envoy.zone_aware.json"
sed 's/\[\[0,44\],/[[1,44],/' "$levels" > "$scratch/wrong.json"
expect '11956 of 12000 wrong.json' "$scratch/wrong.json"
expect '  p0, residue 0: recorded is 1, we have 0' "$scratch/wrong.json"
sed 's/"a":5360,"b":2640/"a":5660,"b":2340/' "$zones" > "$scratch/wrong.json"
expect '18 of 20 wrong.json' "$scratch/wrong.json"
expect '  zone_2, zone a: recorded is 5660, we have 5333' "$scratch/wrong.json"
change 's/"local_zone": "a"/"local_zone": 7/' "$zones" 'local_zone is 7, not a string'
change 's/"requests": 8000/"requests": 0/' "$zones" 'requests is 0, not an integer from 1 to 1000000000'
change 's/\[\[0,44\],/[[0,45],/' "$levels" 'p0: expected has 101 residues'
change 's/"DEGRADED"/7/' "$levels" 'backends[2].health is 7, not a string'

# No content of a file breaks the format of the lines, or the program.
change 's/"nginx"/"a\\n5 of 5 b"/' "$good" 'a?5 of 5 b round_robin is not supported yet'
brackets() { head -c 300000 /dev/zero | tr '\0' "$1"; }
deep="$(brackets '[')$(brackets ']')"
echo '{"system": "nginx", "policy": "hash", "params": '"$deep"', "picks": [0]}' > "$scratch/deep.json"
expect 'skipped deep.json: nginx hash is not supported yet' "$scratch/deep.json"
expect '0 of 1 picks equal' "$scratch/deep.json"

# Some fields may be missing, and others may be added. Round robin ignores the keys of its requests.
equal 's/"params": {}, //; s/"version": "[^"]*", //' "$good"
equal 's/, "weight": 1}/}/' "$good"
equal 's/"count": 18/"key": ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q", "r"]/' "$good"
