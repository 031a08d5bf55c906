//! Compares fused kernels with the twin, and the noise model with measured budgets.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_wrap,
    reason = "a failed test may panic; values are far below the limits of their types"
)]

use super::*;
use crate::engine::{
    Client, Contexts, EvaluationKeys, Response, SeededEvaluationKeys, SeededRequest, Server,
};
use crate::network::{
    Network, NetworkBuilder, NetworkLimits, Shape, SplitMix64, Twin, random_images, random_network,
};
use crate::params::{Parameters, Scheme, SelectOptions, select};
use crate::wire::{Limits, Message as _};
use num_bigint::BigInt;

fn chosen(network: &Network, scheme: Scheme) -> Parameters {
    let options = SelectOptions {
        scheme: Some(scheme),
        shared_upload: false,
        ..SelectOptions::default()
    };
    select(network, &options).unwrap()
}

/// Selects parameters for a line so slow that an upload counts most, and a bound of so many bits; `None` if no shared
/// upload is chosen.
fn shared(network: &Network, scheme: Scheme, bits: u32) -> Option<Parameters> {
    let options = SelectOptions {
        scheme: Some(scheme),
        bound: crate::params::BoundRule::Observed {
            magnitude: BigInt::from(1u64) << bits,
            source: "a test of shared uploads".to_owned(),
        },
        line: Some(crate::params::Line {
            bits_per_second: std::num::NonZeroU64::MIN,
            ..crate::params::Line::default()
        }),
        ..SelectOptions::default()
    };
    let selection = select(network, &options).unwrap();
    assert_eq!(selection.shared_upload(), selection.drops() == [1]);
    selection.shared_upload().then_some(selection)
}

/// Returns the bits by which the prediction is below the measured budget, before primes are dropped and after.
fn check(network: &Network, layout: Scheme, images: usize, ntt: bool) -> [f64; 2] {
    check_under(network, &chosen(network, layout), images, ntt)
}

fn check_under(network: &Network, selection: &Parameters, images: usize, ntt: bool) -> [f64; 2] {
    let plan = Plan::new(network, selection).unwrap();
    assert!(!plan.client_spec().needs_relin_keys());
    let contexts = Contexts::new(plan.client_spec()).unwrap();
    let client = Client::new(plan.client_spec(), &contexts).unwrap();
    let keys = client.evaluation_keys().unwrap();
    let server = Server::new(&plan, &contexts, keys).unwrap();
    let images = random_images(7, network, images.min(plan.batch_size()));
    let mut request = client.encrypt(&images, &()).unwrap();
    assert!(request.parts.iter().flatten().all(Ciphertext::is_ntt_form));
    if !ntt {
        for (part, context) in request.parts.iter_mut().zip(contexts.uploads()) {
            let evaluator = crate::seal::Evaluator::new(context).unwrap();
            for encrypted in part {
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
        parts: contexts
            .contexts()
            .iter()
            .zip(request.parts.iter().cycle())
            .enumerate()
            .map(|(index, (context, inputs))| {
                let fused = std::sync::Arc::new(
                    Fused::new(context, contexts.of_upload(index), &plan).unwrap(),
                );
                let mut stats = fused.stats();
                let all = selection.layer_primes().len();
                fused.evaluate(inputs, all, "", &mut stats, &()).unwrap()
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
        check(&network, Scheme::Batched, 50, seed % 2 == 1);
    }
}

#[test]
fn random_networks_equal_the_twin_with_a_shared_upload() {
    let limits = NetworkLimits {
        max_side: 9,
        ..NetworkLimits::default()
    };
    let mut served = [0; 2];
    for seed in 0..60 {
        let network = random_network(seed, &limits).unwrap();
        for (served, scheme) in served.iter_mut().zip([Scheme::Batched, Scheme::Crops]) {
            let possible =
                scheme == Scheme::Batched || crate::network::CropNetwork::new(&network).is_ok();
            if *served == 6 || !possible {
                continue;
            }
            let bits = [30, 40, 50, 55][seed as usize % 4];
            if let Some(selection) = shared(&network, scheme, bits) {
                *served += 1;
                check_under(&network, &selection, 5, seed % 2 == 1);
            }
        }
    }
    assert_eq!(served, [6, 6]);
}

#[test]
fn the_noise_model_of_shared_uploads_is_never_optimistic_and_not_far_off() {
    let full = crate::params::SecurityStandard::degrees().max().unwrap();
    for (squares, side, channels, weight, bits) in [
        (1, 8, 2, 1, 40),
        (1, 12, 4, 7, 55),
        (2, 8, 3, 1, 36),
        (2, 12, 4, 7, 50),
        (3, 16, 2, 1, 36),
    ] {
        let network = convolutions(squares, side, channels, weight, 5);
        let selection = shared(&network, Scheme::Batched, bits).unwrap();
        let slack = check_under(&network, &selection, full, false);
        let name = network.name();
        println!("{name}, shared, {bits} bits: {slack:.1?} bits below the measured");
        let degree = 1 << squares;
        let values = network.classes() * selection.plain_moduli().len();
        let n = selection.poly_modulus_degree();
        let [phase, rounding] = crate::params::tail_bits_of_dropped(degree, n, values);
        // As without a drop; and the powers of most keys are below their mean.
        let before = phase - 2.0 + 4.0 + 2.0 * squares.min(2) as f64 + 1.0;
        let limits = [before, before.max(rounding) + 1.0];
        for (bits, limit) in slack.iter().zip(limits) {
            assert!(*bits <= limit, "{name}: {slack:?} of {limits:?}");
        }
    }
}

#[test]
fn one_upload_serves_each_plain_prime() {
    let network = convolutions(2, 8, 2, 1, 4);
    let selection = shared(&network, Scheme::Batched, 40).unwrap();
    let count = selection.plain_moduli().len();
    let plan = Plan::new(&network, &selection).unwrap();
    let contexts = Contexts::new(plan.client_spec()).unwrap();
    let client = Client::new(plan.client_spec(), &contexts).unwrap();
    let server = Server::new(&plan, &contexts, client.evaluation_keys().unwrap()).unwrap();
    let images = random_images(7, &network, 3);
    let request = client.encrypt_part(&images, 0, &()).unwrap();
    let parts = (0..count).map(|prime| {
        let (response, layers) = server.evaluate_shared(&request, prime, &()).unwrap();
        assert!(layers[0].seconds > 0.0);
        assert!(client.part_budget_bits(&response).unwrap() > 0);
        response
    });
    let response = Response::from_parts(parts.collect()).unwrap();
    let expected = Twin::new(&network).logits_batch(&images).unwrap();
    assert_eq!(client.decrypt(&response, images.len()).unwrap(), expected);

    // The same in the form in which it travels.
    let packed = client.encrypt_compact_part(&images, 0, &()).unwrap();
    let whole = packed.expand(&contexts).unwrap();
    for prime in 0..count {
        let (of_packed, _) = server.evaluate_packed(&packed, prime, &()).unwrap();
        let (of_whole, _) = server.evaluate_shared(&whole, prime, &()).unwrap();
        let limbs = |part: &crate::engine::ResponsePart| -> Vec<Vec<u64>> {
            let limbs = part.ciphertexts.iter().map(Ciphertext::limbs);
            limbs.map(<[u64]>::to_vec).collect()
        };
        assert_eq!(limbs(&of_packed), limbs(&of_whole));
    }
    let other = chosen(&convolutions(2, 8, 3, 7, 0), Scheme::Batched);
    let other = Plan::new(&network, &other).unwrap();
    let other = (Contexts::new(other.client_spec()).unwrap(), other);
    let other = Client::new(other.1.client_spec(), &other.0).unwrap();
    let other = other.encrypt_compact_part(&images, 0, &()).unwrap();
    assert!(server.evaluate_packed(&other, 0, &()).is_err());

    assert!(matches!(
        client.encrypt_part(&images, 1, &()),
        Err(EngineError::Mismatch { .. })
    ));
    assert!(matches!(
        server.evaluate_shared(&request, count, &()),
        Err(EngineError::Mismatch { .. })
    ));
    assert!(matches!(
        client.encrypt_seeded(&images, &()),
        Err(EngineError::SharedUpload)
    ));
    assert!(matches!(
        client.encrypt_seeded_part(&images, 0, &()),
        Err(EngineError::SharedUpload)
    ));
    // The layers before the last one, as noise is measured between layers.
    for layers in 1..=plan.layers().len() {
        let prefix = plan.prefix(layers, 4);
        let server = Server::new(&prefix, &contexts, client.evaluation_keys().unwrap()).unwrap();
        let (response, _) = server.evaluate_shared(&request, 1, &()).unwrap();
        let name = plan.layers()[layers - 1].name();
        let mut predicted = selection.predicted_noise().iter();
        let predicted = predicted.find(|noise| noise.name == name).unwrap();
        let measured = f64::from(client.part_budget_bits(&response).unwrap());
        assert!(
            measured >= predicted.budget_bits.floor(),
            "{name}: {measured} {predicted:?}"
        );
    }
}

#[test]
fn random_networks_equal_the_twin_on_crops() {
    let limits = NetworkLimits {
        max_side: 9,
        ..NetworkLimits::default()
    };
    let mut served = 0;
    for seed in 0..60 {
        let network = random_network(seed, &limits).unwrap();
        if crate::network::CropNetwork::new(&network).is_ok() {
            served += 1;
            check(&network, Scheme::Crops, 5, seed % 2 == 1);
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
    let selection = chosen(&network, Scheme::Crops);
    let plan = Plan::new(&network, &selection).unwrap();
    let contexts = Contexts::new(plan.client_spec()).unwrap();
    let slot_map = plan.client_spec().slot_map();
    let context = &contexts.contexts()[0];
    let t = context.parameters().plain_modulus().value();
    let masks = Masks::new(context, slot_map).unwrap();
    let encoder = crate::seal::BatchEncoder::new(context).unwrap();
    let [a, b] = [0, 1].map(|_| encoder.decode_u64(&masks.draw().unwrap()).unwrap());
    let images = slot_map.batch_size();
    for mask in [&a, &b] {
        let sums = slot_map.collect(std::slice::from_ref(mask), images, t);
        assert_eq!(sums, vec![vec![0; images]; slot_map.logits()]);
        let used = images * slot_map.image_slots();
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
        check(&network, Scheme::Batched, 5, false);
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
fn slack_limits(network: &Network, layout: Scheme, squares: usize) -> [f64; 2] {
    let selection = chosen(network, layout);
    let logits = match layout {
        Scheme::Batched => network.classes(),
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
            for layout in [Scheme::Batched, Scheme::Crops] {
                if squares == 0 && layout == Scheme::Crops {
                    continue;
                }
                let slack = check(&network, layout, full, false);
                let name = network.name();
                println!(
                    "{name}, {}: {slack:.1?} bits below the measured",
                    layout.layout()
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
    for layout in [Scheme::Batched, Scheme::Crops] {
        let selection = chosen(&network, layout);
        let plan = Plan::new(&network, &selection).unwrap();
        let contexts = Contexts::new(plan.client_spec()).unwrap();
        let client = Client::new(plan.client_spec(), &contexts).unwrap();
        let keys = client.evaluation_keys_seeded().unwrap();
        let keys = keys.to_wire(&contexts).unwrap();
        let keys = SeededEvaluationKeys::from_wire(&contexts, &keys, &limits).unwrap();
        let server = Server::new(&plan, &contexts, keys.expand(&contexts).unwrap()).unwrap();

        let sent = client.encrypt_seeded(&images, &()).unwrap();
        let sent = sent.to_wire(&contexts).unwrap();
        let request = SeededRequest::from_wire(&contexts, &sent, &limits).unwrap();
        let request = request.expand(&contexts).unwrap();
        let forms = request.parts.iter().flatten();
        assert!(forms.clone().count() > 0 && forms.clone().all(Ciphertext::is_ntt_form));
        let response = server.evaluate(&request, &()).unwrap().response;
        let returned = response.to_wire(&contexts).unwrap();
        let response = Response::from_wire(&contexts, &returned, &limits).unwrap();
        let expected = Twin::new(&network).logits_batch(&images).unwrap();
        assert_eq!(client.decrypt(&response, images.len()).unwrap(), expected);
    }
}

#[test]
fn stock_calls_refuse_requests_in_ntt_form() {
    let network = convolutions(1, 6, 1, 1, 0);
    let options = SelectOptions {
        scheme: Some(Scheme::Stock),
        ..SelectOptions::default()
    };
    let plan = Plan::new(&network, &select(&network, &options).unwrap()).unwrap();
    let contexts = Contexts::new(plan.client_spec()).unwrap();
    let client = Client::new(plan.client_spec(), &contexts).unwrap();
    let server = Server::new(&plan, &contexts, client.evaluation_keys().unwrap()).unwrap();
    let mut request = client.encrypt(&random_images(1, &network, 2), &()).unwrap();
    server.evaluate(&request, &()).unwrap();
    let evaluator = crate::seal::Evaluator::new(&contexts.contexts()[0]).unwrap();
    evaluator
        .transform_to_ntt_inplace(&mut request.parts[0][0])
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
        bound: crate::params::BoundRule::Observed {
            magnitude: BigInt::from(1u64 << 50),
            source: "a test of several plaintext moduli".to_owned(),
        },
        line: None,
        shared_upload: false,
        ..SelectOptions::default()
    };
    let selection = select(&network, &options).unwrap();
    let count = selection.plain_moduli().len();
    assert!(count > 1);
    let plan = Plan::new(&network, &selection).unwrap();
    let contexts = Contexts::new(plan.client_spec()).unwrap();
    let client = Client::new(plan.client_spec(), &contexts).unwrap();
    let server = Server::new(&plan, &contexts, client.evaluation_keys().unwrap()).unwrap();
    let images = random_images(7, &network, 3);
    assert!(matches!(
        server.evaluate_shared(&client.encrypt_part(&images, 0, &()).unwrap(), 1, &()),
        Err(EngineError::Mismatch { .. })
    ));
    let part = |images: &[Vec<i64>], prime| {
        let request = client.encrypt_part(images, prime, &()).unwrap();
        assert_eq!(
            (request.images(), request.plain_prime()),
            (images.len(), prime)
        );
        let (response, layers) = server.evaluate_part(&request, &()).unwrap();
        assert!(layers.iter().any(|layer| layer.ops.additions > 0));
        assert!(client.part_budget_bits(&response).unwrap() > 0);
        response
    };
    let parts = (0..count).map(|prime| part(&images, prime)).collect();
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
fn a_network_that_the_layout_cannot_serve_is_refused() {
    let network = convolutions(1, 4, 1, 1, 0);
    let wide = NetworkBuilder::new("wide", Shape::new(1, 100, 100)).uniform_bits(2);
    let wide = wide.conv2d(1, [1, 1], [1, 1], [0, 0], [1]).square();
    let wide = wide.flatten().linear(1, vec![1; 10_000]).build().unwrap();
    let flat = NetworkBuilder::new("flat", Shape::vector(2)).uniform_bits(2);
    let flat = flat.linear(1, [1, 1]).square().build().unwrap();
    let crops = chosen(&network, Scheme::Crops);
    for (other, words) in [(&wide, "an image takes 10000 slots"), (&flat, "last layer")] {
        let refused = Plan::new(other, &crops).unwrap_err().to_string();
        assert!(refused.contains(words), "{refused}");
    }
}

#[test]
fn four_squares_are_refused_with_a_way_out() {
    let network = convolutions(4, 46, 1, 1, 0);
    let error = select(&network, &SelectOptions::default())
        .unwrap_err()
        .to_string();
    assert!(error.contains("try SEAL's kernels"), "{error}");
}

#[test]
fn a_request_of_another_plan_is_refused() {
    let network = convolutions(1, 4, 1, 1, 0);
    let selection = chosen(&network, Scheme::Batched);
    let plan = Plan::new(&network, &selection).unwrap();
    let contexts = Contexts::new(plan.client_spec()).unwrap();
    let server = Server::new(
        &plan,
        &contexts,
        EvaluationKeys::of_seal(
            selection.plain_moduli().iter().map(|_| None).collect(),
            selection.plain_moduli().iter().map(|_| None).collect(),
        ),
    )
    .unwrap();
    let other = chosen(&convolutions(2, 8, 3, 7, 0), Scheme::Batched);
    let other = Plan::new(&network, &other).unwrap();
    assert!(matches!(
        Client::new(other.client_spec(), &contexts),
        Err(EngineError::Contexts)
    ));
    let contexts = Contexts::new(other.client_spec()).unwrap();
    let request = Client::new(other.client_spec(), &contexts)
        .unwrap()
        .encrypt(&random_images(0, &network, 1), &())
        .unwrap();
    assert!(matches!(
        server.evaluate(&request, &()),
        Err(EngineError::Seal { .. } | EngineError::Mismatch { .. })
    ));
}
