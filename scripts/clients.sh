#!/bin/sh
# Prepares an example client of examples/clients: clients.sh cpp|python FOLDER. The C++ client is built with the SEAL that
# a build of this project made (or SEAL_DIR); Pyfhel is compiled, which takes minutes. Exits with 1 if that cannot be had.
set -eu

cd "$(dirname "$0")/.."
what=${1:?"say cpp or python"}
folder=${2:?"name a folder"}
log=$(mktemp)
work=$(mktemp -d)
trap 'rm -rf "$log" "$work"' EXIT

fail() {
    tail -5 "$log" >&2
    echo "$1" >&2
    exit 1
}

# Installs a package if apt-get is here and may.
package() {
    [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null || fail "please install $1"
    {
        env DEBIAN_FRONTEND=noninteractive apt-get update -qq &&
            env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$1"
    } >"$log" 2>&1 || fail "$1 cannot be installed"
}

case $what in
cpp)
    [ -e /usr/include/nlohmann/json.hpp ] || package nlohmann-json3-dev
    seal=${SEAL_DIR:-$(ls -td "${CARGO_TARGET_DIR:-target}"/seal/*/lib/cmake/*/.. 2>/dev/null | head -1)}
    [ -n "$seal" ] || fail "no build of SEAL: run cargo build first"
    {
        cmake -S examples/clients/cpp -B "$folder" -DCMAKE_BUILD_TYPE=Release -DCMAKE_PREFIX_PATH="$(cd "$seal" && pwd)/../.." &&
            cmake --build "$folder"
    } >"$log" 2>&1 || fail "the C++ client does not build"
    ;;
python)
    [ ! -e "$folder/ready" ] || exit 0
    {
        # The release, with the parts of SEAL off that its build would fetch by git.
        python3 -m venv "$folder" &&
            "$folder/bin/pip" download --no-deps --no-binary Pyfhel --dest "$work" Pyfhel==3.5.0 &&
            tar -xzf "$work"/*.tar.gz -C "$work" &&
            sed -i "s/\(SEAL_USE_\(MSGSL\|ZLIB\|ZSTD\)[[:space:]]*= *\)'ON'/\1'OFF'/" "$work"/*/pyproject.toml &&
            "$folder/bin/pip" install blake3 "$work"/*/
    } >"$log" 2>&1 || fail "Pyfhel does not install"
    touch "$folder/ready"
    ;;
*)
    fail "there is no client $what"
    ;;
esac
