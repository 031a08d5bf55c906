#!/bin/sh
# The tests of the bindings under valgrind's memcheck. Prints what docs/results/valgrind.txt holds; fails on any error.
#
#   scripts/memcheck.sh [TEST...]      all tests of the bindings, or those named
set -eu
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- bfv bfv_into bfv_limbs bfv_misuse bfv_objects bfv_parameters bfv_refusals bfv_threads encoder wire bfv_grid
echo "valgrind: $(valgrind --version), SEAL of this build, features hexl and zstd; $(uname -m), $(rustc --version)"
echo "commit: $(git describe --always --dirty)"
failed=0
for test in "$@"; do
    binary=$(cargo test --no-default-features --features inference,hexl,zstd --test "$test" --no-run 2>&1 |
        sed -n 's/.*Executable .*(\(.*\))$/\1/p')
    log=$(mktemp)
    valgrind --error-exitcode=9 --log-file="$log" "$binary" --test-threads=1 \
        > "$log.out" 2>&1 || failed=1
    echo "$test: $(sed -n 's/^test result: //p' "$log.out"); $(sed -n 's/.*\(ERROR SUMMARY.*\)/\1/p' "$log")"
    rm -f "$log" "$log.out"
done
exit $failed
