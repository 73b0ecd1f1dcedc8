#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# examples/health/run.sh [SERVER]: shows the health page beside real servers. It starts a PostgreSQL, a Redis and the
# health_server in a temporary folder, stops each one and fills the disk, and compares the page with what it must say.
# Without SERVER it builds the program. It exits with 0 only if everything held, and with 77 if a package is missing.
set -euo pipefail
export LC_ALL=C

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
case "${1:-}" in -h | --help) sed -n '3,5s/^# *//p' "${BASH_SOURCE[0]}"; exit 0 ;; esac

skip() { echo "test skipped: SKIPPED, $*"; exit 77; }
fail() {
  tail -n 20 "$work"/*.log 2>/dev/null || true
  echo "verdict: FAILED, $*"
  exit 1
}
has() { command -v "$1" >/dev/null; }

# Debian keeps PostgreSQL's programs out of PATH, and several versions beside each other.
for folder in $(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V); do PATH=$folder:$PATH; done
has initdb && has postgres || skip "there is no PostgreSQL server here (package postgresql)"
has redis-server || skip "there is no Redis server here (package redis-server)"
# PostgreSQL refuses to run as root.
as_postgres=()
if [ "$(id -u)" = 0 ]; then
  id postgres >/dev/null 2>&1 || skip "PostgreSQL does not run as root, and there is no user postgres"
  has runuser || skip "there is no runuser here (package util-linux)"
  as_postgres=(runuser -u postgres --)
fi

server=${1:-}
if [ -z "$server" ]; then
  build=$here/../../build/demo
  mkdir -p "$build"
  cmake -S "$here/../.." -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DEQUIPOISE_BUILD_TESTS=OFF -DEQUIPOISE_BUILD_BENCHES=OFF \
    >"$build/health.log" 2>&1 || { cat "$build/health.log" >&2; exit 1; }
  if missing=$(grep "examples/health skipped" "$build/health.log"); then skip "$missing"; fi
  cmake --build "$build" --target health_server
  server=$build/examples/health/health_server
fi

work=$(mktemp -d "${TMPDIR:-/tmp}/equipoise-health-XXXXXX")
postgres_pid= postgres_runner= redis_pid= server_pid= shared_pid=

# tree PID: the process and its children. PostgreSQL has one for each connection.
tree() {
  local child
  echo "$1"
  for child in $(cat "/proc/$1/task/$1/children" 2>/dev/null || ps -A -o pid=,ppid= | awk -v p="$1" '$2 == p { print $1 }'); do
    tree "$child"
  done
}
signal() { kill "-$1" $(tree "$2") 2>/dev/null || true; } # as one command, so that no child is started in between
gone() { for _ in $(seq 300); do kill -0 "$1" 2>/dev/null || return 0; sleep 0.1; done; return 1; }
clean_up() {
  local pid
  for pid in $server_pid $shared_pid $redis_pid $postgres_pid $postgres_runner; do signal KILL "$pid"; done
  for pid in $server_pid $shared_pid $redis_pid $postgres_pid $postgres_runner; do gone "$pid" || true; done
  wait 2>/dev/null || true
  rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 1' INT TERM HUP

# A port below those that the system gives to clients.
free_port() {
  local port
  while :; do
    port=$((10000 + RANDOM % 20000))
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
  done
}
# eventually SECONDS COMMAND…: repeats the command until it is true.
eventually() {
  local end=$((SECONDS + $1))
  shift
  until "$@"; do [ $SECONDS -lt $end ] || return 1; sleep 0.1; done
}

# get PORT TARGET [FIELD…]: the whole answer.
get() {
  local port=$1 target=$2
  shift 2
  {
    exec 3<>"/dev/tcp/127.0.0.1/$port" || return 0
    printf 'GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n' "$target" >&3
    [ $# = 0 ] || printf '%s\r\n' "$@" >&3
    printf '\r\n' >&3
    timeout 10 cat <&3
    exec 3>&-
  } 2>/dev/null | tr -d '\r'
}
status_of() { sed -n '1s/^HTTP\/1.1 \([0-9]*\).*/\1/p' <<<"$1"; }
body_of() { tail -n 1 <<<"$1"; }

checks() { echo "\"checks\":{\"database\":$1,\"redis\":$2,\"diskSpace\":$3}"; }
# shows PORT STATUS WORD CHECKS: whether the page says so.
shows() {
  page=$(get "$1" /health)
  [ "$(status_of "$page")" = "$2" ] && [[ $(body_of "$page") == "{\"status\":\"$3\",$4,\"uptime\":"*",\"timestamp\":\"20"*"Z\"}" ]]
}
# expect WHAT STATUS WORD DATABASE REDIS DISK: waits until the page says so. Liveness must be 200 whatever happens.
expect() {
  local what=$1 began=$SECONDS
  eventually 120 shows "$port" "$2" "$3" "$(checks "$4" "$5" "$6")" || fail "$what: expected $2 $3 $(checks "$4" "$5" "$6"), got: $page"
  [ "$(status_of "$(get "$port" /live)")" = 200 ] || fail "$what: /live is not 200"
  printf '%-42s %s %s  (within %d s)\n' "$what" "$2" "$(body_of "$page")" $((SECONDS - began + 1))
}
# expect_shared WHAT CHECKS: the page of the server for which database and redis are shared dependencies.
expect_shared() {
  eventually 120 shows "$shared_port" 200 healthy "$2" || fail "$1: expected 200 healthy $2, got: $page"
  printf '%-42s %s %s\n' "$1" 200 "$(body_of "$page")"
}

start_postgres() {
  "${as_postgres[@]}" postgres -D "$work/postgres" -p "$postgres_port" -k "$work/postgres" -c listen_addresses=127.0.0.1 \
    -c fsync=off -c shared_buffers=16MB -c max_connections=20 >>"$work/postgres.log" 2>&1 &
  postgres_runner=$!
  disown
  eventually 120 test -s "$work/postgres/postmaster.pid" || fail "PostgreSQL does not start"
  postgres_pid=$(head -n 1 "$work/postgres/postmaster.pid")
}
start_redis() {
  redis-server --port "$redis_port" --bind 127.0.0.1 --save '' --appendonly no --dir "$work" >>"$work/redis.log" 2>&1 &
  redis_pid=$!
  disown
}
# stop VARIABLE SIGNAL: ends the process that the variable names, and forgets it.
stop() {
  local -n process=$1
  kill "-$2" "$process"
  gone "$process" || fail "$1 $process does not end after SIG$2"
  process=
}

chmod 755 "$work"
mkdir "$work/postgres" "$work/disk"
[ ${#as_postgres[@]} = 0 ] || chown postgres "$work/postgres"
postgres_port=$(free_port)
redis_port=$(free_port)
(cd "$work" && "${as_postgres[@]}" initdb -D "$work/postgres" -U postgres -A trust -N -E UTF8 --locale=C) >"$work/initdb.log" 2>&1 ||
  fail "initdb does not work"

# The disk has to hold back a part of what is free now, so that a file can make it too little. The part is large, because
# other programs write meanwhile.
free=$(df -Pk "$work/disk" | awk 'NR == 2 { printf "%.0f", $4 * 1024 }')
part=$((free / 4 < 8000000000 ? free / 4 : 8000000000))
[ $part -gt 200000000 ] || skip "the disk has only $free bytes left"
least=$((free - part / 2))

# start_server NAME OPTION…: sets `started` and `at`.
start_server() {
  local name=$1
  shift
  "$server" --listen 127.0.0.1:0 --database "host=127.0.0.1 port=$postgres_port user=postgres dbname=postgres" \
    --redis "127.0.0.1:$redis_port" --disk "$work/disk" --timeout 1s --every 1s --fall 2 --rise 2 --drain 3s "$@" \
    >"$work/$name.out" 2>>"$work/$name.log" &
  started=$!
  disown
  eventually 120 grep -qs "listening on" "$work/$name.out" || fail "$name does not start"
  at=$(sed -n 's/.*listening on 127.0.0.1:\([0-9]*\)$/\1/p' "$work/$name.out")
}
start_server server --least-free "$least"
server_pid=$started port=$at
start_server shared --shared database redis
shared_pid=$started shared_port=$at

expect "nothing runs yet" 503 unhealthy false false true
start_postgres
start_redis
expect "PostgreSQL and Redis run" 200 healthy true true true
expect_shared "the same, both are shared dependencies" "$(checks true true true)"

stop postgres_pid INT
expect "PostgreSQL is stopped" 503 unhealthy false true true
expect_shared "the same, both are shared dependencies" "$(checks false true true)"
start_postgres
expect "PostgreSQL runs again" 200 healthy true true true

stop redis_pid TERM
expect "Redis is stopped" 503 unhealthy true false true
expect_shared "the same, both are shared dependencies" "$(checks true false true)"
start_redis
expect "Redis runs again" 200 healthy true true true

# Frozen processes: the system accepts connections for them, and no answer comes.
signal STOP "$redis_pid"
expect "Redis is frozen" 503 unhealthy true false true
[[ $(get "$port" '/health?verbose') == *'"redis":[{"status":"fail",'*'"output":"timed out"'* ]] ||
  fail "the details of a frozen Redis do not name the time-out: $(get "$port" '/health?verbose')"
# No reader waits for a check. Of ten times the shortest counts, because the machine may be busy.
shortest=1000000
for _ in 1 2 3 4 5 6 7 8 9 10; do
  began=${EPOCHREALTIME/./}
  exec 4<>"/dev/tcp/127.0.0.1/$port"
  printf 'GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' >&4
  read -r -t 10 line <&4 || fail "no page while Redis is frozen"
  took=$((${EPOCHREALTIME/./} - began))
  exec 4>&-
  [[ $line == *" 503 "* ]] || fail "the page of a frozen Redis says: $line"
  [ $took -gt $shortest ] || shortest=$took
done
[ $shortest -lt 500000 ] || fail "a page takes $shortest us while a check of 1 s hangs"
echo "a page takes $shortest us while a check hangs for 1 s"
signal CONT "$redis_pid"
expect "Redis goes on" 200 healthy true true true
signal STOP "$postgres_pid"
expect "PostgreSQL is frozen" 503 unhealthy false true true
signal CONT "$postgres_pid"
kill -CONT "$postgres_runner" # runuser stops itself when its child is stopped
expect "PostgreSQL goes on" 200 healthy true true true

fallocate -l $part "$work/disk/file" 2>/dev/null || head -c $part /dev/zero >"$work/disk/file"
expect "the disk is full" 503 unhealthy true true false
rm "$work/disk/file"
expect "the disk has room again" 200 healthy true true true

stop postgres_pid INT
stop redis_pid KILL
expect "PostgreSQL and Redis are stopped" 503 unhealthy false false true
start_postgres
start_redis
expect "both run again" 200 healthy true true true

json=$(get "$port" /health 'Accept: application/health+json')
[ "$(body_of "$json")" = '{"status":"pass","checks":{"database":[{"status":"pass"}],"redis":[{"status":"pass"}],"diskSpace":[{"status":"pass"}]}}' ] ||
  fail "application/health+json: $json"
[ "$(status_of "$(get "$port" /other)")" = 404 ] || fail "/other is not 404"

kill -TERM "$server_pid"
expect "the server drains" 503 unhealthy true true true
gone "$server_pid" || fail "the server does not end after its drain"
server_pid=
echo "verdict: everything held"
