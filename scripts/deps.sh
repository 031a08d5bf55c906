#!/bin/sh
# Installs what a build needs beyond Rust, git and make, and only what is missing: CMake, a C++ compiler,
# npm (which fetches the data sets) and python3 (whose documented example a test runs). Says nothing if nothing is
# missing.
set -eu

has() {
    command -v "$1" >/dev/null 2>&1
}

# The C++ compiler that the build would use.
has_cxx() {
    if [ -n "${CXX:-}" ]; then
        # CXX may carry options.
        has "${CXX%% *}"
    else
        has c++ || has g++ || has clang++
    fi
}

packages=""
names=""
need() {
    packages="$packages $1"
    names="$names${names:+, }$2"
}

has "${CMAKE:-cmake}" || need cmake "CMake (3.19 or newer)"
has_cxx || need g++ "a C++ compiler"
has make || need make "make"
has npm || need npm "npm"
has python3 || need python3 "python3"

[ -n "$packages" ] || exit 0

if ! has apt-get; then
    echo "Please install $names, then try again." >&2
    exit 1
fi

if [ "$(id -u)" -eq 0 ]; then
    as_root=""
elif has sudo; then
    as_root="sudo"
else
    echo "Please run as root: apt-get install$packages" >&2
    exit 1
fi

echo "Installing$packages"

# shellcheck disable=SC2086 # lists of words
$as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq
# shellcheck disable=SC2086
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages
