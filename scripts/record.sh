#!/bin/sh
# Runs again every run whose figures README.md, docs/RESULTS.md and docs/EVALUATION.md cite, and writes the records to
# docs/results. Takes about 45 minutes on two cores; nothing else should run meanwhile. All records must be of one
# commit: commit first, or they say `-dirty` and `cargo test --test figures` refuses them.
#
# scripts/record.sh [PART...]    parts: infer inference endtoend shaped plain network service faults scaling timing; all but shaped and timing without one
set -eu
cd "$(dirname "$0")/.."

CARGO_INCREMENTAL=0
export CARGO_INCREMENTAL
results=docs/results
# Builds for measuring need no training. The second has SEAL without HEXL, as the paper's.
own="--no-default-features --features cli,hexl,zstd"
plain="--no-default-features --features cli,zstd"

# Records of a run must not make the next one look changed: they are put in place at the end.
fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT

infer() {
    cargo build
    run=target/debug/sealquant
    $run demo --record "$fresh/demo-mnist-w2.json"
    rm -f "$fresh/demo-mnist-w2-one.json"
    for threads in 1 2; do
        $run infer models/mnist-w2 --images 0..10000 --threads $threads \
            --record "$fresh/batched-mnist-w2-0-10000-threads-$threads.json"
        $run infer models/mnist-t17 --images 0..8192 --threads $threads --accept-observed-bound \
            --record "$fresh/batched-mnist-t17-0-8192-threads-$threads.json"
    done
    $run infer models/mnist-t17 --images 0..100 --threads 1 --layout diagonal --accept-observed-bound \
        --record "$fresh/diagonal-mnist-t17-0-100-observed.json"
    $run infer models/mnist-t17 --images 0..100 --threads 1 --layout diagonal \
        --record "$fresh/diagonal-mnist-t17-0-100-proven.json"
    $run infer models/mnist-w2 --images 0..8192 --threads 2 --kernels seal \
        --record "$fresh/stock-mnist-w2-0-8192.json"
    $run infer models/mnist-w2 --images 0..8192 --threads 2 --layer-noise \
        --record "$fresh/noise-mnist-w2-0-8192.json"
    $run infer models/cifar-51 --dataset cifar10 --images 0..10 --threads 1 --layout diagonal --accept-observed-bound \
        --record "$fresh/diagonal-cifar-51-0-10.json"
    $run infer models/cifar-51 --dataset cifar10 --images 0..8192 --threads 1 --layout batched --accept-observed-bound \
        --record "$fresh/batched-cifar-51-0-8192.json"
}

# shellcheck disable=SC2086 # lists of words
inference() {
    models=models/mnist-t17,models/mnist-wide17,models/mnist-t21
    cargo bench $own --bench inference -- --network mnist --scheme diagonal,crops,batched --threads 1,2 \
        --repeat 7 --seeded --out "$fresh/inference-random.json"
    cargo bench $own --bench inference -- --network $models --bound observed,proven --scheme diagonal,crops \
        --threads 1 --repeat 20 --seeded --out "$fresh/inference-few.json"
    cargo bench $own --bench inference -- --network models/mnist-w2,$models --bound observed,proven --scheme batched \
        --threads 1,2 --repeat 7 --seeded --out "$fresh/inference-batched.json"
    HEXL_DISABLE_AVX512DQ=1 HEXL_DISABLE_AVX512IFMA=1 cargo bench $own --bench inference -- \
        --network mnist,models/mnist-t17 --bound observed --scheme diagonal,crops,batched --threads 1 \
        --backend avx2 --repeat 7 --out "$fresh/inference-avx2.json"
    cargo bench $own --bench inference -- --network mnist,models/mnist-w2 --scheme batched --threads 1 \
        --backend ifma,avx2,portable --repeat 5 --out "$fresh/inference-batched-kernels.json"
    cargo bench $own --bench inference -- --network mnist,models/mnist-w2 --threads 1,2 --repeat 3 \
        --out "$fresh/inference-stock.json"
}

# shellcheck disable=SC2086
endtoend() {
    cargo bench $own --bench endtoend -- --network models/mnist-t17 --bound observed --images 8192 --client seal,own \
        --threads 1,2 --repeat 9 --out "$fresh/endtoend-mnist-batch.json"
    cargo bench $own --bench endtoend -- --network models/mnist-t17 --bound observed --images 1 \
        --scheme diagonal,few-uploads --client seal,own --threads 1,2 --repeat 9 --out "$fresh/endtoend-mnist-one.json"
    cargo bench $own --bench endtoend -- --network models/mnist-w2,models/mnist-t21 --images 8192 --client seal,own \
        --threads 2 --repeat 7 --out "$fresh/endtoend-more.json"
    cargo bench $own --bench endtoend -- --network models/cifar-51 --bound observed --images 1 \
        --scheme diagonal,few-uploads --client seal,own --threads 2 --repeat 5 --out "$fresh/endtoend-cifar-51.json"
    for backend in avx2 portable; do
        HEXL_DISABLE_AVX512DQ=1 HEXL_DISABLE_AVX512IFMA=1 cargo bench $own --bench endtoend -- \
            --network models/mnist-t17 --bound observed --images 1,8192 --backend $backend --threads 2 --repeat 5 \
            --out "$fresh/endtoend-$backend.json"
    done
    cargo build
    target/debug/sealquant reproduce stages "$fresh/endtoend-mnist-batch.json" "$fresh/endtoend-mnist-one.json" \
        "$fresh/endtoend-cifar-51.json" "$fresh/endtoend-more.json" --plot "$fresh/endtoend-stages.svg"
}

# With pads, and over a line of 100 Mbit/s that Linux shapes: loopback with the packets of Ethernet. Needs root and tc.
# shellcheck disable=SC2086
shaped() {
    bench="cargo bench $own --bench endtoend -- --network models/mnist-t17 --bound observed --images 1"
    $bench --scheme diagonal,few-uploads --client own,pads --threads 2 --repeat 9 --out "$fresh/endtoend-pads.json"
    mtu=$(cat /sys/class/net/lo/mtu)
    trap 'tc qdisc del dev lo root 2>/dev/null; ip link set lo mtu "$mtu"; rm -rf "$fresh"' EXIT
    ip link set lo mtu 1500
    tc qdisc add dev lo root tbf rate 100mbit burst 16kb latency 400ms
    $bench --scheme few-uploads --client own,pads --threads 2 --repeat 9 --out "$fresh/endtoend-shaped.json"
    tc qdisc del dev lo root
    ip link set lo mtu "$mtu"
}

# shellcheck disable=SC2086
plain() {
    cargo bench $plain --bench inference -- --network mnist,models/mnist-w2 --threads 1,2 --repeat 3 \
        --out "$fresh/inference-stock-plain.json"
}

# shellcheck disable=SC2086
network() {
    cargo bench $own --bench network -- --rounds 9 --out "$fresh/bench-network-hexl.json"
    cargo bench $plain --bench network -- --rounds 9 --layers 2 --out "$fresh/bench-network-plain.json"
}

# The service under load, and the public benchmark's programs.
service() {
    cargo bench --no-default-features --features service,hexl,zstd --bench service -- --out "$fresh/service.json"
    cargo bench --no-default-features --features service,hexl,zstd --bench fhe_benchmark -- \
        --out "$fresh/fhe_benchmark.json"
}

# What a service with a queue survives. Fetches nats-server; the part with a full disk needs root.
# shellcheck disable=SC2086
faults() {
    cargo bench $own --bench faults -- --out "$fresh/service_faults.json"
}

scaling() {
    cargo build
    target/debug/sealquant reproduce scaling --repeat 5 --document "$fresh"
}

timing() {
    # shellcheck disable=SC2086
    cargo build $plain
    target/debug/sealquant reproduce timing --baseline models/mnist-ptq4 --model models/mnist-w2 --masks \
        --document "$results"
}

if [ $# -eq 0 ]; then
    set -- infer inference endtoend plain network service faults scaling
fi
for part in "$@"; do
    case $part in
    infer | inference | endtoend | shaped | plain | network | service | faults | scaling | timing) ;;
    *)
        echo "no part $part: infer, inference, endtoend, shaped, plain, network, service, faults, scaling, timing" >&2
        exit 2
        ;;
    esac
done
for part in "$@"; do
    "$part"
done
cp "$fresh"/* "$results"/
echo "records are in $results"
