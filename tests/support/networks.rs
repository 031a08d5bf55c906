//! Network files that cost as much as they may, or try to cost more: random, damaged and known ones. Also repeats what
//! `sealquant inspect` does with a file.

use num_bigint::BigInt;
use sealquant::engine::Plan;
use sealquant::network::{
    InputQuantizer, Layer, MAX_BIAS_BITS, Network, NetworkBuilder, NetworkLimits, Shape,
    SplitMix64, op_counts, proven_bounds, random_network,
};
use sealquant::params::{Scheme, SelectOptions, select};
use std::time::Duration;

/// A way to inspect a file: the scheme that is asked for, and the number of images.
pub type Way = (Option<Scheme>, Option<usize>);

/// All ways that differ in what they compute.
pub const WAYS: [Way; 6] = [
    (Some(Scheme::Stock), None),
    (Some(Scheme::Batched), None),
    (Some(Scheme::Crops), None),
    (Some(Scheme::Diagonal), Some(1)),
    (Some(Scheme::FewUploads), Some(1)),
    (None, Some(1)),
];

/// Runs all steps that showing a network takes, and reports the time that each step took by `clock`, including steps
/// that refuse the network.
pub fn inspect(
    network: &Network,
    ways: &[Way],
    clock: impl Fn() -> Duration,
    mut taken: impl FnMut(&str, Duration),
) {
    let mut timed = |step: &str, run: &mut dyn FnMut()| {
        let start = clock();
        run();
        taken(step, clock().saturating_sub(start));
    };
    timed("bounds", &mut || {
        let bounds = proven_bounds(network);
        assert_eq!(bounds.len(), network.layers().len() + 1);
        assert_eq!(bounds.classes().len(), network.classes());
    });
    timed("operations", &mut || {
        assert_eq!(op_counts(network).len(), network.layers().len());
        assert!((0.0..=1.0).contains(&network.zero_fraction()));
        network.weight_bits();
    });
    for &(scheme, images) in ways {
        let name = match scheme {
            Some(Scheme::Stock) => "stock",
            Some(scheme) => scheme.layout(),
            None => "any layout",
        };
        timed(name, &mut || {
            let options = SelectOptions {
                scheme,
                images,
                ..SelectOptions::default()
            };
            match select(network, &options) {
                Ok(selection) => {
                    assert!(!selection.explain().is_empty());
                    if let Err(error) = Plan::new(network, &selection) {
                        assert!(!error.to_string().is_empty());
                    }
                }
                // However wide the bound, the message must stay readable.
                Err(error) => assert!(error.to_string().len() < 1000, "{error}"),
            }
        });
    }
}

/// Generates a network file: a random one near the limits, a damaged one, or one with extreme numbers.
pub fn file(random: &mut SplitMix64) -> Vec<u8> {
    match random.between(0, 5) {
        0..=2 => match large(random).build() {
            Ok(network) => network.to_json().into_bytes(),
            Err(error) => error.to_string().into_bytes(),
        },
        3 => extreme_numbers(random),
        4 => damaged(random),
        _ => {
            // Once unpacked, the file may be anything.
            let mut packed = Vec::new();
            for _ in 0..random.between(1, 3) {
                let part = damaged(random);
                packed.extend(gzip(&part));
            }
            if random.between(0, 3) == 0 {
                flip(random, &mut packed);
            }
            packed
        }
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, bytes).unwrap();
    encoder.finish().unwrap()
}

fn small(random: &mut SplitMix64) -> String {
    let limits = if random.between(0, 1) == 0 {
        NetworkLimits::default()
    } else {
        NetworkLimits::wide()
    };
    random_network(random.next_u64(), &limits)
        .unwrap()
        .to_json()
}

fn flip(random: &mut SplitMix64, bytes: &mut [u8]) {
    for _ in 0..random.between(1, 4) {
        let at = random.between(0, bytes.len() - 1);
        bytes[at] = random.next_u64() as u8;
    }
}

fn damaged(random: &mut SplitMix64) -> Vec<u8> {
    let mut bytes = small(random).into_bytes();
    flip(random, &mut bytes);
    if random.between(0, 3) == 0 {
        bytes.truncate(random.between(0, bytes.len()));
    }
    bytes
}

/// Generates a small network in which some numbers are replaced by others, most of them extreme.
pub fn extreme_numbers(random: &mut SplitMix64) -> Vec<u8> {
    let text = small(random);
    let mut changed = String::with_capacity(text.len());
    let one_in = random.between(1, 40);
    let mut rest = text.as_str();
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let digits = rest[start..].find(|c: char| !c.is_ascii_digit()).unwrap();
        changed.push_str(&rest[..start]);
        if random.between(1, one_in) == 1 {
            changed.push_str(&number(random));
        } else {
            changed.push_str(&rest[start..start + digits]);
        }
        rest = &rest[start + digits..];
    }
    changed.push_str(rest);
    changed.into_bytes()
}

/// Generates a number around a power of two.
fn number(random: &mut SplitMix64) -> String {
    let power = 1_u128 << random.between(0, 66);
    match random.between(0, 2) {
        0 => power,
        1 => power - 1,
        _ => power + 1,
    }
    .to_string()
}

/// Generates a size from 1 to `most`, with each order of magnitude equally likely.
fn size(random: &mut SplitMix64, most: usize) -> usize {
    let most = most.max(1);
    let bits = random.between(0, most.ilog2() as usize);
    random.between(1 << bits, (2 << bits) - 1).min(most)
}

fn weights(random: &mut SplitMix64, count: usize) -> Vec<i64> {
    let bits = random.between(1, 61);
    let mask = (1_i64 << bits) - 1;
    let percent = [0, 1, 10, 50, 100][random.between(0, 4)];
    (0..count)
        .map(|_| {
            let bits = random.next_u64();
            let weight = (bits >> 3).cast_signed() & mask;
            match (random.between(1, 100) <= percent, bits & 1) {
                (false, _) => 0,
                (true, 0) => weight,
                (true, _) => -weight,
            }
        })
        .collect()
}

fn biases(random: &mut SplitMix64, count: usize) -> Vec<BigInt> {
    let bits = match random.between(0, 9) {
        0 => random.between(0, MAX_BIAS_BITS as usize),
        1..=4 => random.between(0, 60),
        _ => 0,
    };
    let bias = (BigInt::from(1) << bits) - 1;
    vec![bias; count]
}

/// Generates a network whose sizes go up to the limits and sometimes beyond; in most cases, what does not fit is made
/// to fit.
pub fn large(random: &mut SplitMix64) -> NetworkBuilder {
    /// Maximum number of weights in a layer; more would only take longer to write and read.
    const WEIGHTS: usize = 1 << 21;
    let room = 1 << random.between(0, 24);
    let channels = size(random, room);
    let height = size(random, room / channels);
    let width = size(random, room / channels / height);
    let mut network = NetworkBuilder::new("large", Shape::new(channels, height, width));
    let many = random.between(0, 15) == 0;
    let count = if many { 200 } else { random.between(1, 8) };
    for _ in 0..count {
        let shape = network.shape();
        let window = [size(random, shape.height), size(random, shape.width)];
        let step = |random: &mut SplitMix64, kernel: usize| match random.between(0, 5) {
            0..=2 => 1,
            3..=4 => kernel,
            _ => size(random, usize::MAX / 2),
        };
        let stride = [step(random, window[0]), step(random, window[1])];
        let layer = match random.between(0, if many { 3 } else { 9 }) {
            0..=2 => Layer::SumPool {
                kernel: if many { [1, 1] } else { window },
                stride: if many { [1, 1] } else { stride },
            },
            3 => Layer::Flatten,
            4..=5 => Layer::Square,
            6..=7 => {
                let room = WEIGHTS / (shape.channels * window[0] * window[1]).max(1);
                let out_channels = size(random, room);
                // A window larger than one value may extend beyond the edge.
                let padding = if random.between(0, 1) == 0 {
                    [0, 0]
                } else {
                    [window[0] - 1, window[1] - 1]
                };
                let count = out_channels
                    .saturating_mul(shape.channels * window[0] * window[1])
                    .min(4 * WEIGHTS);
                Layer::Conv2d {
                    in_channels: shape.channels,
                    out_channels,
                    kernel: window,
                    stride,
                    padding,
                    weight: weights(random, count),
                    bias: biases(random, out_channels),
                    weight_scale: 1.0,
                }
            }
            _ => {
                let out_features = size(random, WEIGHTS / shape.len());
                let count = out_features.saturating_mul(shape.len()).min(4 * WEIGHTS);
                Layer::Linear {
                    in_features: shape.len(),
                    out_features,
                    weight: weights(random, count),
                    bias: biases(random, out_features),
                    weight_scale: 1.0,
                }
            }
        };
        if layer.output_shape(shape).is_ok() {
            network = network.layer(layer);
        }
    }
    let max = random.between(1, 255) as u8;
    network.quantizer(InputQuantizer::from_thresholds((1..=max).collect()).unwrap())
}

/// Begins a network whose input scale is 1, which squares keep.
fn known_on(input: Shape) -> NetworkBuilder {
    NetworkBuilder::new("known", input).uniform_bits(1)
}

/// Lists networks that took, or might take, much more than they seem to.
pub fn known() -> Vec<Named> {
    [pools(), squares(), detours(), wide()].concat()
}

/// A network with a description of what is special about it.
pub type Named = (&'static str, NetworkBuilder);

fn repeated(
    network: NetworkBuilder,
    count: usize,
    add: impl Fn(NetworkBuilder) -> NetworkBuilder,
) -> NetworkBuilder {
    (0..count).fold(network, |network, _| add(network))
}

fn pools() -> Vec<Named> {
    let pools = |side, kernel, count| {
        let image = known_on(Shape::new(1, side, side));
        repeated(image, count, |network| {
            network.sum_pool([kernel; 2], [1; 2])
        })
    };
    vec![
        (
            "a pool of 2048x2048 windows on 4095x4095",
            pools(4095, 2048, 1),
        ),
        ("the same twice", pools(4095, 2048, 2)),
        (
            "two pools of 1024x1024 windows on 2047x2047",
            pools(2047, 1024, 2),
        ),
        ("200 copying pools on 4095x4095", pools(4095, 1, 200)),
        ("200 copying pools on 1024x1024", pools(1024, 1, 200)),
        ("200 copying pools on 256x256", pools(256, 1, 200)),
        ("7 copying pools on 1448x1448", pools(1448, 1, 7)),
        ("a pool of 11x11 windows on 512x512", pools(512, 11, 1)),
    ]
}

fn squares() -> Vec<Named> {
    let squares = |values, count| {
        repeated(
            known_on(Shape::vector(values)),
            count,
            NetworkBuilder::square,
        )
    };
    let widest = (1_i64 << 61) - 1;
    vec![
        ("60 squares", squares(1, 60)),
        ("9 squares of a million values", squares(1 << 20, 9)),
        (
            "8 squares of 100,000 values, then a sum",
            squares(100_000, 8).linear(1, vec![1; 100_000]),
        ),
        (
            "widest weights and squares",
            repeated(known_on(Shape::vector(1000)), 5, |network| {
                network.linear(1000, vec![widest; 1000 * 1000]).square()
            }),
        ),
        (
            "a thousand wide sums",
            known_on(Shape::vector(1000))
                .linear(1000, vec![widest; 1000 * 1000])
                .linear(1000, vec![-(1_i64 << 60); 1000 * 1000])
                .linear(10, vec![1; 10 * 1000]),
        ),
    ]
}

/// Builds networks whose layers undo each other's sizes.
fn detours() -> Vec<Named> {
    let huge = usize::MAX / 2;
    vec![
        (
            "strides that are never taken",
            known_on(Shape::new(2, 8, 8))
                .conv2d(2, [3; 2], [huge; 2], [0; 2], vec![1; 2 * 2 * 9])
                .square()
                .sum_pool([1; 2], [huge; 2])
                .conv2d(2, [1; 2], [huge; 2], [0; 2], vec![1; 2 * 2])
                .square()
                .conv2d(2, [1; 2], [huge; 2], [0; 2], vec![1; 2 * 2])
                .square()
                .linear(2, vec![1; 2 * 2]),
        ),
        (
            "a sum, then many copies of it",
            known_on(Shape::vector(1 << 20))
                .square()
                .linear(1, vec![1; 1 << 20])
                .linear(1 << 20, vec![1; 1 << 20])
                .square()
                .sum_pool([1; 2], [1; 2]),
        ),
        (
            "a pool of 512x512, then a plane of 128x128 from one value",
            known_on(Shape::new(1, 512, 512))
                .square()
                .sum_pool([512; 2], [512; 2])
                .conv2d(4, [128; 2], [1; 2], [127; 2], vec![1; 4 * 128 * 128])
                .square()
                .linear(10, vec![1; 10 * 4 * 128 * 128]),
        ),
    ]
}

fn wide() -> Vec<Named> {
    vec![
        (
            "linear layers as wide as they may be",
            known_on(Shape::vector(2048))
                .linear(2048, vec![1; 2048 * 2048])
                .square()
                .linear(2048, vec![1; 2048 * 2048])
                .square()
                .linear(2048, vec![1; 2048 * 2048]),
        ),
        (
            "the same with weights of 14 bits",
            known_on(Shape::vector(1024))
                .linear(1024, vec![8191; 1024 * 1024])
                .square()
                .linear(1024, vec![8191; 1024 * 1024])
                .square()
                .linear(10, vec![8191; 10 * 1024]),
        ),
        (
            "convolutions as of CIFAR-10, four times as wide",
            known_on(Shape::new(3, 32, 32))
                .conv2d(64, [3; 2], [1; 2], [0; 2], vec![1; 64 * 3 * 9])
                .square()
                .sum_pool([2; 2], [2; 2])
                .conv2d(128, [3; 2], [1; 2], [0; 2], vec![1; 128 * 64 * 9])
                .square()
                .sum_pool([2; 2], [2; 2])
                .conv2d(256, [3; 2], [1; 2], [0; 2], vec![1; 256 * 128 * 9])
                .square()
                .sum_pool([2; 2], [2; 2])
                .linear(10, vec![1; 10 * 1024]),
        ),
    ]
}
