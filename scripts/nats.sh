#!/bin/sh
# Puts nats-server of the Debian package into target/nats and prints the program's path. Needs apt-get and dpkg-deb, no
# root; nothing is started. A nats-server that is on the PATH serves as well. Fails if there is none.
set -eu
cd "$(dirname "$0")/.."

if command -v nats-server; then
    exit 0
fi
folder=${CARGO_TARGET_DIR:-target}/nats
server=$folder/usr/sbin/nats-server
if [ ! -x "$server" ]; then
    command -v apt-get >/dev/null || { echo "no nats-server, and no apt-get to fetch it with" >&2; exit 1; }
    mkdir -p "$folder"
    fresh=$(mktemp -d "$folder/fetch.XXXXXX")
    trap 'rm -rf "$fresh"' EXIT
    (cd "$fresh" && apt-get download -qq nats-server >&2 && dpkg-deb -x nats-server_*.deb unpacked)
    # Another call may have been faster.
    [ -x "$server" ] || cp -R "$fresh/unpacked/." "$folder/"
fi
[ -x "$server" ] || { echo "the package holds no $server" >&2; exit 1; }
echo "$server"
