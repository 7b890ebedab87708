#!/bin/sh
# Start or stop a throwaway PostgreSQL for the tests.
#   tests/servers/postgres.sh start DIR   prints its SQLAlchemy address
#   tests/servers/postgres.sh stop DIR    stops it and removes DIR
# Only over a socket in DIR; fsync is off, so it is for nothing but tests.
set -eu

usage() { echo "usage: $0 start|stop DIR" >&2; exit 2; }
[ $# -eq 2 ] || usage
if [ "$1" = start ]; then mkdir -p "$2"; fi
dir=$(cd "$2" && pwd)

bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
if [ -z "$bin" ]; then
    bin=$(dirname "$(command -v pg_ctl || echo /missing/pg_ctl)")
fi
[ -x "$bin/pg_ctl" ] || { echo "$0: PostgreSQL is not installed (apt-get install postgresql)" >&2; exit 2; }

# PostgreSQL refuses to run as root
as_server() {
    if [ "$(id -u)" -eq 0 ]; then
        (cd / && runuser -u postgres -- "$@")
    else
        "$@"
    fi
}

case $1 in
start)
    # the path of a socket has at most 107 bytes (unix(7))
    [ ${#dir} -le 80 ] || { echo "$0: $dir is too long for a socket" >&2; exit 2; }
    if [ "$(id -u)" -eq 0 ]; then chown postgres "$dir"; fi
    chmod 700 "$dir"
    as_server test -w "$dir" || { echo "$0: the user postgres cannot get to $dir: give a folder that others may enter" >&2; exit 2; }
    if [ ! -d "$dir/data" ]; then
        as_server "$bin/initdb" -D "$dir/data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync >"$dir.log" 2>&1 ||
            { cat "$dir.log" >&2; exit 2; }
        rm -f "$dir.log"
    fi
    if ! as_server "$bin/pg_ctl" -D "$dir/data" status >/dev/null 2>&1; then
        as_server "$bin/pg_ctl" -D "$dir/data" -w -t 60 -l "$dir/server.log" \
            -o "-c listen_addresses='' -c unix_socket_directories='$dir' -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c max_connections=200" \
            start >/dev/null 2>&1 || { cat "$dir/server.log" >&2; exit 2; }
    fi
    echo "postgresql+psycopg://postgres@/postgres?host=$dir"
    ;;
stop)
    # never remove a folder that this script did not fill
    [ -f "$dir/data/PG_VERSION" ] || { echo "$0: no server in $dir" >&2; exit 2; }
    as_server "$bin/pg_ctl" -D "$dir/data" -w -m immediate stop >/dev/null 2>&1 || true
    rm -rf "$dir"
    ;;
*)
    usage
    ;;
esac
