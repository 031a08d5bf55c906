#!/bin/sh
# Builds the submission into a folder, by default submission/build in the working directory, as the harness's
# scripts/build_task.sh should.
#
# build.sh [DIR]
set -eu
out=${1:-submission/build}
source=$(cd "$(dirname "$0")/../.." && pwd)
mkdir -p "$out"
out=$(cd "$out" && pwd)
cd "$source"
cargo build --release --example fhe_benchmark --no-default-features --features inference,hexl,zstd
target=${CARGO_TARGET_DIR:-target}
built=$target/release/examples/fhe_benchmark
for program in client_key_generation server_preprocess_model client_preprocess_input client_encode_encrypt_input \
    server_encrypted_compute client_decrypt_decode client_postprocess; do
    cp "$built" "$out/$program"
done
rm -rf "$out/deployments"
"$built" prepare "$out/deployments"
