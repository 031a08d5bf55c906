//! Compares fast mode with the twin, and the noise model with measured budgets.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_wrap,
    reason = "a failed test may panic; values are far below the limits of their types"
)]

use super::*;
use crate::engine::{
    Client, EvaluationKeys, PlanContexts, Response, SeededEvaluationKeys, SeededRequest, Server,
};
use crate::network::{
    Network, NetworkBuilder, NetworkLimits, Shape, SplitMix64, Twin, random_images, random_network,
};
use crate::params::{LayoutKind, Mode, SelectOptions, Selection, select};
use crate::wire::{Limits, Message as _};
use num_bigint::BigInt;

fn fast(network: &Network, layout: LayoutKind) -> Selection {
    let options = SelectOptions {
        mode: Mode::Fast,
        layout: Some(layout),
        ..SelectOptions::default()
    };
    select(network, &options).unwrap()
}

/// Returns the bits by which the prediction is below the measured budget, before primes are dropped and after.
fn check(network: &Network, layout: LayoutKind, images: usize, ntt: bool) -> [f64; 2] {
    let selection = fast(network, layout);
    let plan = Plan::new(network, &selection).unwrap();
    assert!(!plan.needs_relin_keys());
    let client = Client::new(&plan).unwrap();
    let keys = client.evaluation_keys().unwrap();
    let server = Server::new(&plan, keys).unwrap();
    let images = random_images(7, network, images.min(plan.slots()));
    let mut request = client.encrypt(&images, &()).unwrap();
    let contexts = PlanContexts::new(&plan).unwrap();
    assert!(
        request
            .channels
            .iter()
            .flatten()
            .all(Ciphertext::is_ntt_form)
    );
    if !ntt {
        for (channel, context) in request.channels.iter_mut().zip(contexts.contexts()) {
            let evaluator = crate::bfv::Evaluator::new(context).unwrap();
            for encrypted in channel {
                evaluator.transform_from_ntt_inplace(encrypted).unwrap();
            }
        }
    }
    let evaluation = server.evaluate(&request, &()).unwrap();
    let expected = Twin::new(network).logits_batch(&images).unwrap();
    assert_eq!(
        client.decrypt(&evaluation.response, images.len()).unwrap(),
        expected,
        "{}",
        network.name()
    );

    let whole = Response {
        images: request.images,
        channels: contexts
            .contexts()
            .iter()
            .zip(&request.channels)
            .map(|(context, inputs)| {
                let fast = Fast::new(context, &plan).unwrap();
                let mut stats = fast.stats();
                let all = context.first_level().coeff_modulus_size;
                fast.evaluate(inputs, all, "", &mut stats, &()).unwrap()
            })
            .collect(),
    };
    assert_eq!(client.decrypt(&whole, images.len()).unwrap(), expected);
    let predicted = selection.predicted_noise();
    let before = &predicted[predicted.len() - 2];
    let after = &predicted[predicted.len() - 1];
    [(before, &whole), (after, &evaluation.response)].map(|(predicted, response)| {
        let measured = f64::from(client.noise_budget_bits(response).unwrap());
        assert!(
            measured >= predicted.budget_bits.floor(),
            "{}: after {} predicted {:.1}, measured {measured}",
            network.name(),
            predicted.name,
            predicted.budget_bits
        );
        measured - predicted.budget_bits
    })
}

#[test]
fn random_networks_equal_the_twin() {
    let limits = NetworkLimits {
        max_side: 6,
        ..NetworkLimits::default()
    };
    for seed in 0..16 {
        let network = random_network(seed, &limits).unwrap();
        check(&network, LayoutKind::Batched, 50, seed % 2 == 1);
    }
}

#[test]
fn random_networks_equal_the_twin_in_the_packed_layout() {
    let limits = NetworkLimits {
        max_side: 9,
        ..NetworkLimits::default()
    };
    let mut served = 0;
    for seed in 0..60 {
        let network = random_network(seed, &limits).unwrap();
        if crate::network::Crops::new(&network).is_ok() {
            served += 1;
            check(&network, LayoutKind::Packed, 5, seed % 2 == 1);
        }
        if served == 8 {
            return;
        }
    }
    panic!("{served} networks served");
}

#[test]
fn masks_hide_all_but_the_sums() {
    let network = convolutions(1, 8, 2, 1, 0);
    let selection = fast(&network, LayoutKind::Packed);
    let plan = Plan::new(&network, &selection).unwrap();
    let contexts = PlanContexts::new(&plan).unwrap();
    let Layout::Packed(packed) = plan.layout() else {
        panic!("not packed");
    };
    let context = &contexts.contexts()[0];
    let t = context.parameters().plain_modulus().value();
    let masks = Masks::new(context, packed).unwrap();
    let encoder = crate::bfv::BatchEncoder::new(context).unwrap();
    let [a, b] = [0, 1].map(|_| encoder.decode_u64(&masks.draw().unwrap()).unwrap());
    let images = packed.images();
    for mask in [&a, &b] {
        let sums = packed.collect(mask, images, t);
        assert_eq!(sums, vec![vec![0; images]; packed.logits()]);
        let used = images * packed.logits() * packed.positions();
        let distinct: std::collections::BTreeSet<_> = mask[..used].iter().collect();
        assert!(distinct.len() > used / 2, "{} of {used}", distinct.len());
    }
    assert_ne!(a, b);
}

#[test]
fn wide_weights_and_biases_equal_the_twin() {
    let limits = NetworkLimits {
        max_side: 3,
        max_squares: 1,
        max_weight_bits: 40,
        max_bias_bits: 60,
        ..NetworkLimits::default()
    };
    for seed in 0..6 {
        let network = random_network(seed, &limits).unwrap();
        check(&network, LayoutKind::Batched, 5, false);
    }
}

/// Makes a network of convolutions with random weights of magnitude up to `weight`, some of them zero.
fn convolutions(squares: usize, side: usize, channels: usize, weight: u64, seed: u64) -> Network {
    let mut random = SplitMix64::new(seed);
    let mut weights = |count: usize| -> Vec<i64> {
        (0..count)
            .map(|_| {
                let magnitude = (random.next_u64() % (weight + 1)) as i64;
                if random.next_u64().is_multiple_of(2) {
                    -magnitude
                } else {
                    magnitude
                }
            })
            .collect()
    };
    let name = format!("{squares} squares, side {side}, weights to {weight}");
    let mut network = NetworkBuilder::new(name, Shape::new(1, side, side)).uniform_bits(2);
    for square in 0..squares {
        let padding = if square == 0 { [1, 1] } else { [0, 0] };
        let weights = weights(channels * network.shape().channels * 9);
        network = network
            .conv2d(channels, [3, 3], [2, 2], padding, weights)
            .bias(vec![1; channels])
            .square();
    }
    let count = 4 * network.shape().len();
    let network = network.flatten().linear(4, weights(count)).bias([-1; 4]);
    network.build().unwrap()
}

/// Returns the largest gap, in bits, of predictions below measured budgets, before primes are dropped and after.
///
/// - The tail: the models assume a probability of 2^-40, but in one run, the largest of thousands of coefficients lies
///   at least 4 deviations out, which is subtracted. After three squares (degree 8), the tail is 7.5 bits, because one
///   root may dominate.
/// - The model: 4 bits, because messages count as t / 2 and as the same in all ciphertexts; and 2 bits for each of the
///   first two squares, after which covariances are bounds, with the magnitudes of weights.
/// - After the drop: the same, or the tail of the rounding (8.6 bits for degree 8) plus 2 bits, because the powers of
///   most keys are below their mean; a bit more where both are alike.
fn slack_limits(network: &Network, layout: LayoutKind, squares: usize) -> [f64; 2] {
    let selection = fast(network, layout);
    let logits = match layout {
        LayoutKind::Batched => network.classes(),
        _ => 1,
    };
    let values = logits * selection.plain_moduli().len();
    let [phase, rounding] =
        crate::params::tail_bits(1 << squares, selection.poly_modulus_degree(), values);
    let seen = 2.0;
    let before = phase - seen + 4.0 + 2.0 * squares.min(2) as f64;
    [before, before.max(rounding - seen + 2.0) + 1.0]
}

#[test]
fn the_noise_model_is_never_optimistic_and_not_far_off() {
    for (squares, side, channels, weight) in [
        (0, 6, 1, 1),
        (0, 6, 1, 100),
        (1, 8, 2, 1),
        (1, 12, 4, 7),
        (2, 8, 3, 1),
        (2, 12, 4, 1),
        (2, 12, 4, 7),
        (3, 16, 2, 1),
    ] {
        for seed in 0..2 {
            let network = convolutions(squares, side, channels, weight, seed);
            let full = crate::params::SecurityStandard::degrees().max().unwrap();
            for layout in [LayoutKind::Batched, LayoutKind::Packed] {
                if squares == 0 && layout == LayoutKind::Packed {
                    continue;
                }
                let slack = check(&network, layout, full, false);
                let name = network.name();
                println!(
                    "{name}, {}: {slack:.1?} bits below the measured",
                    layout.name()
                );
                let limits = slack_limits(&network, layout, squares);
                for (bits, limit) in slack.iter().zip(limits) {
                    assert!(*bits <= limit, "{name}: {slack:?} of {limits:?}");
                }
            }
        }
    }
}

#[test]
fn seeded_requests_and_responses_travel_over_the_wire() {
    let network = convolutions(2, 12, 2, 1, 3);
    let images = random_images(3, &network, 4);
    let limits = Limits::default();
    for layout in [LayoutKind::Batched, LayoutKind::Packed] {
        let selection = fast(&network, layout);
        let plan = Plan::new(&network, &selection).unwrap();
        let scope = PlanContexts::new(&plan).unwrap();
        let client = Client::new(&plan).unwrap();
        let keys = client.evaluation_keys_seeded().unwrap();
        let keys = keys.to_wire(&scope).unwrap();
        let keys = SeededEvaluationKeys::from_wire(&scope, &keys, &limits).unwrap();
        let server = Server::new(&plan, keys.expand(&scope).unwrap()).unwrap();

        let sent = client.encrypt_seeded(&images, &()).unwrap();
        let sent = sent.to_wire(&scope).unwrap();
        let request = SeededRequest::from_wire(&scope, &sent, &limits).unwrap();
        let request = request.expand(&scope).unwrap();
        let forms = request.channels.iter().flatten();
        assert!(forms.clone().count() > 0 && forms.clone().all(Ciphertext::is_ntt_form));
        let response = server.evaluate(&request, &()).unwrap().response;
        let returned = response.to_wire(&scope).unwrap();
        let response = Response::from_wire(&scope, &returned, &limits).unwrap();
        let expected = Twin::new(&network).logits_batch(&images).unwrap();
        assert_eq!(client.decrypt(&response, images.len()).unwrap(), expected);
    }
}

#[test]
fn stock_mode_refuses_requests_in_ntt_form() {
    let network = convolutions(1, 6, 1, 1, 0);
    let options = SelectOptions {
        mode: Mode::Stock,
        ..SelectOptions::default()
    };
    let plan = Plan::new(&network, &select(&network, &options).unwrap()).unwrap();
    let client = Client::new(&plan).unwrap();
    let server = Server::new(&plan, client.evaluation_keys().unwrap()).unwrap();
    let mut request = client.encrypt(&random_images(1, &network, 2), &()).unwrap();
    server.evaluate(&request, &()).unwrap();
    let contexts = client.contexts();
    let evaluator = crate::bfv::Evaluator::new(&contexts.contexts()[0]).unwrap();
    evaluator
        .transform_to_ntt_inplace(&mut request.channels[0][0])
        .unwrap();
    let refused = server.evaluate(&request, &()).map(drop).unwrap_err();
    let source = std::error::Error::source(&refused).unwrap().to_string();
    assert!(source.contains("coefficient form"), "{refused}: {source}");
}

#[test]
fn parts_make_up_the_response() {
    let limits = NetworkLimits {
        max_side: 5,
        ..NetworkLimits::default()
    };
    let network = random_network(3, &limits).unwrap();
    let options = SelectOptions {
        mode: Mode::Fast,
        bound: crate::params::BoundRule::Observed {
            magnitude: BigInt::from(1u64 << 50),
            source: "a test of several plaintext moduli".to_owned(),
        },
        ..SelectOptions::default()
    };
    let selection = select(&network, &options).unwrap();
    let count = selection.plain_moduli().len();
    assert!(count > 1);
    let plan = Plan::new(&network, &selection).unwrap();
    let client = Client::new(&plan).unwrap();
    let server = Server::new(&plan, client.evaluation_keys().unwrap()).unwrap();
    let images = random_images(7, &network, 3);
    let part = |images: &[Vec<i64>], channel| {
        let request = client.encrypt_part(images, channel, &()).unwrap();
        assert_eq!(
            (request.images(), request.channel()),
            (images.len(), channel)
        );
        let (response, layers) = server.evaluate_part(&request, &()).unwrap();
        assert!(layers.iter().any(|layer| layer.ops.additions > 0));
        assert!(client.part_budget_bits(&response).unwrap() > 0);
        response
    };
    let parts = (0..count).map(|channel| part(&images, channel)).collect();
    let response = Response::from_parts(parts).unwrap();
    let expected = Twin::new(&network).logits_batch(&images).unwrap();
    assert_eq!(client.decrypt(&response, images.len()).unwrap(), expected);

    for parts in [
        vec![],
        vec![part(&images, 1)],
        vec![part(&images, 0), part(&images, 0)],
        vec![part(&images, 0), part(&images[..1], 1)],
    ] {
        assert!(matches!(
            Response::from_parts(parts),
            Err(EngineError::Parts)
        ));
    }
    assert!(matches!(
        client.encrypt_part(&images, count, &()),
        Err(EngineError::Mismatch { .. })
    ));
}

#[test]
fn a_layout_that_was_not_selected_is_refused() {
    let network = convolutions(1, 4, 1, 1, 0);
    let packed = fast(&network, LayoutKind::Packed);
    let batched = fast(&network, LayoutKind::Batched);
    for refused in [
        Plan::batched(&network, &packed),
        Plan::packed(&network, &batched),
    ] {
        assert!(matches!(refused, Err(EngineError::Layout { .. })));
    }
}

#[test]
fn four_squares_are_refused_with_a_way_out() {
    let network = convolutions(4, 46, 1, 1, 0);
    let options = SelectOptions {
        mode: Mode::Fast,
        ..SelectOptions::default()
    };
    let error = select(&network, &options).unwrap_err().to_string();
    assert!(error.contains("try stock mode"), "{error}");
}

#[test]
fn a_request_of_another_plan_is_refused() {
    let network = convolutions(1, 4, 1, 1, 0);
    let selection = fast(&network, LayoutKind::Batched);
    let plan = Plan::batched(&network, &selection).unwrap();
    let server = Server::new(
        &plan,
        EvaluationKeys {
            relin_keys: selection.plain_moduli().iter().map(|_| None).collect(),
            galois_keys: selection.plain_moduli().iter().map(|_| None).collect(),
        },
    )
    .unwrap();
    let other = select(&network, &SelectOptions::default()).unwrap();
    let other = Plan::batched(&network, &other).unwrap();
    let request = Client::new(&other)
        .unwrap()
        .encrypt(&random_images(0, &network, 1), &())
        .unwrap();
    assert!(matches!(
        server.evaluate(&request, &()),
        Err(EngineError::Bfv { .. } | EngineError::Mismatch { .. })
    ));
}
