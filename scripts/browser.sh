#!/bin/sh
# Prints the path of Chromium. Installs it by apt-get if it is missing; fails with a reason where it cannot be had.
set -eu

for name in "${CHROMIUM:-chromium}" chromium-browser google-chrome; do
    if path=$(command -v "$name" 2>/dev/null); then
        echo "$path"
        exit 0
    fi
done
if ! command -v apt-get >/dev/null 2>&1; then
    echo "there is no Chromium, and no apt-get to install it" >&2
    exit 1
fi
as_root=""
if [ "$(id -u)" -ne 0 ]; then
    as_root="sudo -n"
fi
install="env DEBIAN_FRONTEND=noninteractive apt-get"
# shellcheck disable=SC2086 # lists of words
if ! { $as_root $install update -qq && $as_root $install install -y -qq --no-install-recommends chromium; } >&2; then
    echo "Chromium cannot be installed by apt-get" >&2
    exit 1
fi
command -v chromium
