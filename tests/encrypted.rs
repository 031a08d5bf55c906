//! Compares encrypted inference with the integer twin: every logit is equal, whatever the network.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_wrap,
    reason = "a failed test may panic; values are far below the limits of their types"
)]

use num_bigint::BigInt;
use sealquant::circuit::{CircuitLayer, Op};
use sealquant::engine::{Client, Contexts, EngineError, Plan, Response, Server};
use sealquant::network::{
    Network, NetworkBuilder, NetworkLimits, Shape, Twin, random_images, random_network,
};
use sealquant::params::{BoundRule, Scheme, SelectOptions, select};
use sealquant::wire::{CHECKSUM_BYTES, Limits, Message, UploadSizes};
use std::sync::atomic::{AtomicU64, Ordering};

/// Asks for stock SEAL calls.
fn stock() -> SelectOptions {
    SelectOptions {
        scheme: Some(Scheme::Stock),
        ..SelectOptions::default()
    }
}

/// Evaluates images encrypted and with the twin; returns the plan.
fn check(network: &Network, images: &[Vec<i64>], options: &SelectOptions) -> Plan {
    let selection = select(network, options).unwrap();
    let plan = Plan::new(network, &selection).unwrap();
    let contexts = Contexts::new(plan.client_spec()).unwrap();
    let client = Client::new(plan.client_spec(), &contexts).unwrap();
    let server = Server::new(&plan, &contexts, client.evaluation_keys().unwrap()).unwrap();
    let request = client.encrypt(images, &()).unwrap();
    let evaluation = server.evaluate(&request, &()).unwrap();
    let decrypted = client.decrypt(&evaluation.response, images.len()).unwrap();
    let expected = Twin::new(network).logits_batch(images).unwrap();
    assert_eq!(decrypted, expected, "{}", network.name());

    let predicted = selection.predicted_noise().last().unwrap().budget_bits;
    let measured = f64::from(client.noise_budget_bits(&evaluation.response).unwrap());
    assert!(
        measured >= predicted.floor(),
        "{}: predicted {predicted}, measured {measured}",
        network.name()
    );
    assert_eq!(evaluation.layers.len(), plan.layers().len() + 1);
    plan
}

fn network(name: &str, inputs: usize) -> NetworkBuilder {
    NetworkBuilder::new(name, Shape::vector(inputs)).uniform_bits(2)
}

fn images(inputs: usize, count: usize) -> Vec<Vec<i64>> {
    (0..count)
        .map(|i| (0..inputs).map(|j| ((i + 2 * j) % 4) as i64).collect())
        .collect()
}

#[test]
fn random_networks_equal_the_twin_in_every_logit() {
    let limits = NetworkLimits {
        max_side: 6,
        max_squares: 1,
        ..NetworkLimits::default()
    };
    for seed in 0..12 {
        let network = random_network(seed, &limits).unwrap();
        check(&network, &random_images(seed, &network, 50), &stock());
    }
}

#[test]
fn two_squares_and_wide_weights_equal_the_twin() {
    let wide = network("wide", 3)
        .linear(2, [1 << 40, -3, 7, -(1 << 60), 5, 0])
        .bias([-9, 1_i64 << 50])
        .square()
        .linear(2, [2, -1, 1, 1])
        .bias([0, 3])
        .square()
        .linear(1, [1, -1])
        .bias([-1])
        .build()
        .unwrap();
    let plan = check(&wide, &images(3, 20), &stock());
    assert!(plan.parameters().plain_moduli().len() > 1, "needs the CRT");
    let squares = plan.layers().iter().map(CircuitLayer::ops);
    let squares = squares.filter(|ops| ops.contains(&Op::Squares));
    let relinearized: Vec<bool> = squares.map(|ops| ops.contains(&Op::Relinearize)).collect();
    assert_eq!(relinearized, [true, false]);
}

#[test]
fn layers_of_zeros_and_sums_that_cancel_are_right() {
    let zeros = network("zeros", 2)
        .linear(3, [0, 0, 0, 0, 1, 1])
        .bias([5, 0, 0])
        .square()
        .linear(2, [0, 0, 0, 1, 1, 1])
        .bias([-7, 0]);
    let compare = |network: NetworkBuilder| {
        let network = network.build().unwrap();
        check(&network, &images(2, 9), &stock());
    };
    compare(zeros);
    // The first two neurons are the same ciphertext: their difference is transparent, even halfway through a sum.
    let cancels = network("cancels", 2)
        .linear(3, [1, 1, 1, 1, 0, 1])
        .bias([2, 2, 0])
        .square()
        .linear(2, [1, -1, 0, 1, -1, 1])
        .bias([4, 0]);
    compare(cancels);
    compare(network("nothing", 2).linear(1, [0, 0]));
}

#[test]
fn a_network_that_begins_or_ends_with_a_square_is_right() {
    for network in [
        network("square first", 2).square().linear(1, [3, -2]),
        network("square only", 2).square(),
    ] {
        let network = network.build().unwrap();
        check(&network, &images(2, 5), &stock());
    }
}

#[test]
fn an_observed_bound_is_exact_on_the_data_it_was_observed_on() {
    let network = network("observed", 4)
        .linear(2, [1, -1, 1, -1, 1, 1, -1, -1])
        .square()
        .linear(1, [50, -50])
        .build()
        .unwrap();
    let images = images(4, 16);
    let magnitude = Twin::new(&network)
        .logits_batch(&images)
        .unwrap()
        .into_iter()
        .flatten()
        .map(|logit| BigInt::from(logit.magnitude().clone()))
        .max()
        .unwrap();
    let options = SelectOptions {
        bound: BoundRule::Observed {
            magnitude,
            source: "16 images".to_owned(),
        },
        ..stock()
    };
    check(&network, &images, &options);
}

#[test]
fn batches_requests_and_keys_that_do_not_fit_are_refused() {
    let one = network("one", 2).linear(1, [1, 1]);
    let deep = network("deep", 3)
        .square()
        .linear(1, [1, 1, 1])
        .square()
        .linear(1, [1]);
    let [plan, deep_plan] = [one, deep].map(|network| {
        let network = network.build().unwrap();
        let selection = select(&network, &stock()).unwrap();
        Plan::new(&network, &selection).unwrap()
    });
    let needs_keys = [&plan, &deep_plan].map(|plan| plan.client_spec().needs_relin_keys());
    assert_eq!(needs_keys, [false, true]);
    let contexts = Contexts::new(plan.client_spec()).unwrap();
    let client = Client::new(plan.client_spec(), &contexts).unwrap();
    let deep_contexts = Contexts::new(deep_plan.client_spec()).unwrap();
    let deep_client = Client::new(deep_plan.client_spec(), &deep_contexts).unwrap();
    assert!(matches!(
        Client::new(plan.client_spec(), &deep_contexts),
        Err(EngineError::Contexts)
    ));

    let refused = |images: &[Vec<i64>]| client.encrypt(images, &()).unwrap_err();
    assert!(matches!(
        refused(&[]),
        EngineError::BatchSize { actual: 0, .. }
    ));
    let too_many = vec![vec![0, 0]; plan.batch_size() + 1];
    assert!(matches!(refused(&too_many), EngineError::BatchSize { .. }));
    assert!(matches!(
        refused(&[vec![0, 0], vec![0]]),
        EngineError::ImageSize {
            image: 1,
            actual: 1,
            expected: 2
        }
    ));

    let Err(error) = Server::new(
        &deep_plan,
        &deep_contexts,
        client.evaluation_keys().unwrap(),
    ) else {
        panic!("keys of another plan must be refused");
    };
    assert!(
        error.to_string().contains("made for another plan"),
        "{error}"
    );

    let server = Server::new(&plan, &contexts, client.evaluation_keys().unwrap()).unwrap();
    let deep_request = deep_client.encrypt(&images(3, 1), &()).unwrap();
    assert!(matches!(
        server.evaluate(&deep_request, &()),
        Err(EngineError::Mismatch {
            message: "request",
            expected: 2,
            actual: 3,
            ..
        })
    ));

    // A request encrypted under another key leaves no noise budget, so it cannot give wrong logits.
    let stranger = Client::new(plan.client_spec(), &contexts).unwrap();
    let request = client.encrypt(&images(2, 1), &()).unwrap();
    let response = server.evaluate(&request, &()).unwrap().response;
    assert!(matches!(
        stranger.decrypt(&response, 1),
        Err(EngineError::NoiseExhausted { logit: 0, .. })
    ));
    assert_eq!(client.decrypt(&response, 1).unwrap(), [[BigInt::from(2)]]);
    assert!(matches!(
        deep_client.decrypt(&response, 1),
        Err(EngineError::Seal { .. } | EngineError::Mismatch { .. })
    ));
}

/// Makes a network of a convolution, a square and a linear layer, which every layout serves.
fn convolution() -> Network {
    let weights =
        |count: usize| -> Vec<i64> { (0..count).map(|i| [1, -1, 0, 1, 1][i % 5]).collect() };
    NetworkBuilder::new("convolution", Shape::new(1, 6, 6))
        .uniform_bits(2)
        .conv2d(2, [3, 3], [1, 1], [0, 0], weights(18))
        .bias([1; 2])
        .square()
        .flatten()
        .linear(3, weights(96))
        .bias([-2; 3])
        .build()
        .unwrap()
}

/// Makes a plan for each scheme.
fn plans(network: &Network) -> Vec<Plan> {
    Scheme::ALL
        .map(|scheme| {
            let options = SelectOptions {
                scheme: Some(scheme),
                images: Some(1),
                ..SelectOptions::default()
            };
            Plan::new(network, &select(network, &options).unwrap()).unwrap()
        })
        .into()
}

#[test]
fn integers_outside_the_quantisers_range_are_refused_in_every_layout() {
    let network = convolution();
    for plan in plans(&network) {
        let contexts = Contexts::new(plan.client_spec()).unwrap();
        let client = Client::new(plan.client_spec(), &contexts).unwrap();
        assert_eq!(plan.client_spec().input_max(), 3);
        let count = plan.batch_size().min(3);
        let good = vec![[0, 1, 2, 3].repeat(9); count];
        client.encrypt(&good, &()).unwrap();
        for (position, bad) in [(0, -1), (35, 4), (17, i64::MIN), (18, i64::MAX), (1, 255)] {
            let mut images = good.clone();
            images[count - 1][position] = bad;
            let refused = [
                client.encrypt(&images, &()).map(drop),
                client.encrypt_seeded(&images, &()).map(drop),
                client.encrypt_part(&images, 0, &()).map(drop),
            ];
            let expected = format!(
                "image {} has {bad} at position {position}: the network reads integers from 0 to 3, as its input \
                 quantiser makes them",
                count - 1
            );
            for refused in refused {
                assert_eq!(refused.unwrap_err().to_string(), expected);
            }
        }
    }
}

#[test]
fn a_response_to_another_number_of_images_is_refused() {
    let network = convolution();
    for plan in plans(&network) {
        let contexts = Contexts::new(plan.client_spec()).unwrap();
        let client = Client::new(plan.client_spec(), &contexts).unwrap();
        let server = Server::new(&plan, &contexts, client.evaluation_keys().unwrap()).unwrap();
        let asked = plan.batch_size().min(3);
        let images = random_images(2, &network, asked);
        let request = client.encrypt(&images, &()).unwrap();
        let response = server.evaluate(&request, &()).unwrap().response;
        let expected = Twin::new(&network).logits_batch(&images).unwrap();
        assert_eq!(client.decrypt(&response, asked).unwrap(), expected);
        for other in [0, asked - 1, asked + 1, usize::MAX] {
            let refused = client.decrypt(&response, other).unwrap_err();
            assert!(
                matches!(
                    refused,
                    EngineError::ImageCount { expected, actual } if (expected, actual) == (other, asked)
                ),
                "{refused}"
            );
        }
        // A server answers, over the wire, more images than it was asked about.
        if plan.batch_size() > asked {
            let mut bytes = response.to_wire(&contexts).unwrap();
            bytes[44..48].copy_from_slice(&(asked as u32 + 1).to_le_bytes());
            let end = bytes.len() - CHECKSUM_BYTES;
            let digest = xxhash_rust::xxh3::xxh3_64(&bytes[..end]);
            bytes[end..].copy_from_slice(&digest.to_le_bytes());
            let more = Response::from_wire(&contexts, &bytes, &Limits::default()).unwrap();
            assert_eq!(more.images(), asked + 1);
            let refused = client.decrypt(&more, asked).unwrap_err();
            assert_eq!(
                refused.to_string(),
                format!(
                    "the response answers {} images, {asked} were asked about: it is not the answer to this request",
                    asked + 1
                )
            );
        }
    }
}

struct Count<'a>(&'a AtomicU64);
impl sealquant::engine::Progress for Count<'_> {
    fn update(&self, _stage: &str, done: u64, total: u64) {
        assert!(done <= total);
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn sizes_and_operation_counts_are_those_of_the_plan() {
    let network = network("counts", 4)
        .linear(2, [1, -1, 0, 3, -1, 0, 0, 0])
        .bias([1, 0])
        .square()
        .linear(1, [1, 1])
        .square()
        .linear(1, [1])
        .bias([2])
        .build()
        .unwrap();
    let selection = select(&network, &stock()).unwrap();
    let plan = Plan::new(&network, &selection).unwrap();
    let primes_of_t = selection.plain_moduli().len() as u64;
    let contexts = Contexts::new(plan.client_spec()).unwrap();
    let client = Client::new(plan.client_spec(), &contexts).unwrap();
    let server = Server::new(&plan, &contexts, client.evaluation_keys().unwrap()).unwrap();
    let updates = AtomicU64::new(0);
    let images = images(4, 3);
    let request = client.encrypt(&images, &Count(&updates)).unwrap();
    // Nothing reads the third value, so it is not encrypted.
    assert_eq!(plan.inputs(), 3);
    assert_eq!(updates.load(Ordering::Relaxed), 3 * primes_of_t + 1);
    let evaluation = server.evaluate(&request, &()).unwrap();
    let ops: Vec<[u64; 5]> = evaluation
        .layers
        .iter()
        .map(|layer| {
            let ops = layer.ops;
            [
                ops.additions,
                ops.constant_multiplications,
                ops.plain_additions,
                ops.squares,
                ops.relinearizations,
            ]
            .map(|count| count / primes_of_t)
        })
        .collect();
    assert_eq!(
        ops,
        [
            [3, 1, 1, 0, 0],
            [0, 0, 0, 2, 2],
            [1, 0, 0, 0, 0],
            [0, 0, 0, 1, 0],
            [0, 0, 1, 0, 0],
            [0, 0, 0, 0, 0],
        ]
    );
    // The messages are as long as predicted: one polynomial of each pair, packed, and a seed for the other one.
    let n = selection.poly_modulus_degree() as u64;
    let bits = selection.coeff_modulus_bits();
    let packed = |primes: &[u32]| {
        primes
            .iter()
            .map(|&bits| u64::from(bits) * n / 8)
            .sum::<u64>()
    };
    let (around, seed) = (56, 64);
    let data = &bits[..bits.len() - 1];
    let sizes = UploadSizes::of(&contexts).unwrap();
    assert_eq!(
        sizes.request,
        around + 3 * primes_of_t * (seed + packed(data))
    );
    let sent = client.encrypt_seeded(&images, &()).unwrap();
    assert_eq!(sizes.request, sent.to_wire(&contexts).unwrap().len() as u64);
    let parts = primes_of_t * data.len() as u64;
    assert_eq!(
        sizes.evaluation_keys,
        around + parts * (seed + packed(&bits))
    );
    let sent = client.evaluation_keys_seeded().unwrap();
    assert_eq!(
        sizes.evaluation_keys,
        sent.to_wire(&contexts).unwrap().len() as u64
    );
    let response = evaluation.response.wire_bytes(&contexts).unwrap();
    assert_eq!(
        response,
        around + primes_of_t * 3 * packed(&bits[..selection.response_primes()])
    );
}
