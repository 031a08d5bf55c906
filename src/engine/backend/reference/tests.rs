//! Compares the authors' schedule with the twin.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed test may panic")]

use super::{Part, ReferencePlan, ReferenceStep};
use crate::circuit::OpCounts;
use crate::engine::{Client, Contexts, EngineError, LayerStats, Server};
use crate::network::{
    Network, NetworkLimits, Twin, observed_bounds, random_images, random_network,
};
use crate::params::ReferenceParameters;
use crate::seal::{SecurityLevel, coeff_modulus};

/// Makes **insecure** parameters: a small degree with room for two squares.
fn insecure(network: &Network, images: &[Vec<i64>], count: usize) -> ReferenceParameters {
    let magnitude = observed_bounds(network, images)
        .unwrap()
        .output()
        .magnitude();
    let degree = 2048;
    let mut parameters = ReferenceParameters::seal_default(8192, count, &magnitude).unwrap();
    parameters.poly_modulus_degree = degree;
    parameters.coeff_modulus = coeff_modulus::create(degree, &[50; 7])
        .unwrap()
        .into_iter()
        .map(u64::from)
        .collect();
    parameters.security = SecurityLevel::None;
    parameters
}

#[test]
fn integers_outside_the_quantisers_range_are_refused() {
    let (network, plan) = (0..60)
        .find_map(|seed| {
            let network = random_network(seed, &NetworkLimits::default()).unwrap();
            let images = random_images(seed, &network, 1);
            let plan = ReferencePlan::new(&network, insecure(&network, &images, 1)).ok()?;
            Some((network, plan))
        })
        .unwrap();
    let contexts = Contexts::new(plan.client_spec()).unwrap();
    let client = Client::new(plan.client_spec(), &contexts).unwrap();
    let max = network.input().quantizer.max();
    assert_eq!(plan.client_spec().input_max(), max);
    let last = network.input().shape.len() - 1;
    for value in [-1, max + 1, i64::MIN, i64::MAX] {
        let mut image = vec![max; last + 1];
        client.encrypt(std::slice::from_ref(&image), &()).unwrap();
        image[last] = value;
        let refused = client
            .encrypt(std::slice::from_ref(&image), &())
            .unwrap_err();
        assert!(
            matches!(
                refused,
                EngineError::InputRange { image: 0, position, value: found, max: most }
                    if (position, found, most) == (last, value, max)
            ),
            "{refused}"
        );
    }
}

#[test]
fn random_networks_equal_the_twin() {
    let limits = NetworkLimits {
        max_side: 9,
        ..NetworkLimits::default()
    };
    let (mut ran, mut refused, mut kinds) = (0, 0, [false; 4]);
    for seed in 0..60 {
        let network = random_network(seed, &limits).unwrap();
        let images = random_images(seed, &network, 2);
        let parameters = insecure(&network, &images, 1 + usize::from(seed % 5 == 0));
        let plan = match ReferencePlan::new(&network, parameters) {
            Ok(plan) => plan,
            Err(EngineError::Unsupported { .. }) => {
                refused += 1;
                continue;
            }
            Err(error) => panic!("seed {seed}: {error}"),
        };
        for layer in plan.layers() {
            kinds[match layer.step {
                ReferenceStep::Convolution { .. } => 0,
                ReferenceStep::Square(_) => 1,
                ReferenceStep::SumPool { .. } => 2,
                ReferenceStep::Linear(_) => 3,
            }] = true;
        }
        let contexts = Contexts::new(plan.client_spec()).unwrap();
        let client = Client::new(plan.client_spec(), &contexts).unwrap();
        let keys = client.evaluation_keys().unwrap();
        let server = Server::reference(&plan, &contexts, keys, Part::Whole).unwrap();
        for image in &images {
            let request = client.encrypt(std::slice::from_ref(image), &()).unwrap();
            let done = server.evaluate(&request, &()).unwrap();
            let logits = client.decrypt(&done.response, 1).unwrap();
            let expected = Twin::new(&network).logits(image).unwrap();
            assert_eq!(logits, [expected], "seed {seed}");
            assert!(client.noise_budget_bits(&done.response).unwrap() > 0);
            for layer in &done.layers {
                let share = layer.share.unwrap();
                assert_eq!(share.units, share.all_units);
                assert_eq!(share.work, share.all_work);
            }
        }
        ran += 1;
    }
    assert!(ran >= 15, "{ran} networks ran, {refused} were refused");
    assert_eq!(kinds, [true; 4], "convolution, square, pooling, linear");
}

/// Returns the numbers of rotations, products and squares.
const fn counted(ops: &OpCounts) -> [u64; 4] {
    [
        ops.rotations,
        ops.constant_multiplications,
        ops.plain_multiplications,
        ops.squares,
    ]
}

/// Counts the same for `units` units of a step, from its description.
fn expected(step: &ReferenceStep, units: usize) -> [u64; 4] {
    match step {
        ReferenceStep::Convolution { channels, .. } => {
            let taps: Vec<_> = channels[..units]
                .iter()
                .flat_map(|(taps, _)| taps)
                .collect();
            let rotated = taps.iter().filter(|tap| tap.rotation != 0).count();
            [rotated as u64, taps.len() as u64, 0, 0]
        }
        ReferenceStep::Square(_) => [0, 0, 0, units as u64],
        ReferenceStep::SumPool { rotations, .. } => [(units * rotations.len()) as u64, 0, 0, 0],
        ReferenceStep::Linear(linear) => {
            let diagonals: Vec<_> = linear.diagonals[..units].iter().flatten().collect();
            let rotated = diagonals.iter().filter(|(shift, _)| *shift != 0).count();
            let folds = (linear.period / linear.rows).ilog2() as usize;
            [(rotated + folds) as u64, 0, diagonals.len() as u64, 0]
        }
    }
}

#[test]
fn a_part_runs_less_and_says_so() {
    let limits = NetworkLimits {
        max_channels: 6,
        ..NetworkLimits::default()
    };
    let mut shortened = 0;
    for seed in 0..60 {
        let network = random_network(seed, &limits).unwrap();
        let images = random_images(seed, &network, 1);
        let Ok(plan) = ReferencePlan::new(&network, insecure(&network, &images, 1)) else {
            continue;
        };
        if !plan
            .layers()
            .iter()
            .any(|layer| matches!(&layer.step, ReferenceStep::Convolution { channels, .. } if channels.len() > 1))
        {
            continue;
        }
        let contexts = Contexts::new(plan.client_spec()).unwrap();
        let client = Client::new(plan.client_spec(), &contexts).unwrap();
        let request = client.encrypt(&images, &()).unwrap();
        let [whole, part] = [Part::Whole, Part::Channels(1)].map(|part| {
            let keys = client.evaluation_keys().unwrap();
            let server = Server::reference(&plan, &contexts, keys, part).unwrap();
            server.evaluate(&request, &()).unwrap()
        });
        for ((part, whole), layer) in part.layers.iter().zip(&whole.layers).zip(plan.layers()) {
            let [of_part, of_whole] = [part, whole].map(|layer| layer.share.unwrap());
            assert_eq!(of_part.all_work, of_whole.work);
            assert_eq!((of_part.units, of_part.all_units), (1, of_whole.units));
            assert_eq!(
                counted(&part.ops),
                expected(&layer.step, 1),
                "{}",
                part.name
            );
            let units = usize::try_from(of_whole.units).unwrap();
            assert_eq!(
                counted(&whole.ops),
                expected(&layer.step, units),
                "{}",
                whole.name
            );
        }
        let total = |layers: &[LayerStats]| -> [u64; 2] {
            let ops = layers.iter().flat_map(|layer| counted(&layer.ops)).sum();
            [
                ops,
                layers.iter().map(|layer| layer.share.unwrap().work).sum(),
            ]
        };
        let [part, whole] = [total(&part.layers), total(&whole.layers)];
        assert!(
            part[0] < whole[0] && part[1] < whole[1],
            "{part:?} {whole:?}"
        );
        shortened += 1;
        if shortened == 3 {
            return;
        }
    }
    panic!("only {shortened} networks had a convolution of several channels");
}
