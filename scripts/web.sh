#!/bin/sh
# Builds the web page into a folder, target/web by default. Exits with 3 if what it needs cannot be had: Node.js 20.19 or
# newer with npm, and the packages of web/package-lock.json.
set -eu
cd "$(dirname "$0")/../web"
out=${1:-../target/web}

missing() {
    echo "the web page cannot be built: $1" >&2
    exit 3
}

command -v npm >/dev/null 2>&1 || missing "there is no npm"
command -v node >/dev/null 2>&1 || missing "there is no Node.js"
node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' ||
    missing "Node.js 20.19 or newer is needed, this is $(node --version)"
# npm writes this file when it has installed everything.
installed=node_modules/.package-lock.json
if [ ! -f "$installed" ] || [ package-lock.json -nt "$installed" ]; then
    if ! said=$(npm ci --ignore-scripts --no-audit --no-fund --loglevel=error 2>&1); then
        echo "$said" >&2
        case $said in
            # Not a matter of this machine.
            *EUSAGE*) exit 1 ;;
        esac
        missing "npm cannot get the packages"
    fi
fi
# Warnings would name a module of Node.js, which node-seal asks for only there.
npm run --silent build -- --logLevel error --outDir "$out" >&2
