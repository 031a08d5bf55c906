//! The authors' schedule against the twin.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed test may panic")]

use super::{PaperClient, PaperPlan, PaperServer, PaperStep, Part};
use crate::bfv::{SecurityLevel, coeff_modulus};
use crate::engine::EngineError;
use crate::network::{
    Network, NetworkLimits, Twin, observed_bounds, random_images, random_network,
};
use crate::params::PaperParameters;

/// **Insecure**: a small degree with room for two squares.
fn insecure(network: &Network, images: &[Vec<i64>], count: usize) -> PaperParameters {
    let magnitude = observed_bounds(network, images)
        .unwrap()
        .output()
        .magnitude();
    let degree = 2048;
    let mut parameters = PaperParameters::seal_default(8192, count, &magnitude).unwrap();
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
        let plan = match PaperPlan::new(&network, parameters) {
            Ok(plan) => plan,
            Err(EngineError::Unsupported { .. } | EngineError::EmptyPlan) => {
                refused += 1;
                continue;
            }
            Err(error) => panic!("seed {seed}: {error}"),
        };
        for layer in plan.layers() {
            kinds[match layer.step {
                PaperStep::Convolution { .. } => 0,
                PaperStep::Square(_) => 1,
                PaperStep::SumPool { .. } => 2,
                PaperStep::Linear(_) => 3,
            }] = true;
        }
        let client = PaperClient::new(&plan).unwrap();
        let server = PaperServer::new(&plan, client.evaluation_keys().unwrap()).unwrap();
        for image in &images {
            let request = client.encrypt(image).unwrap();
            let done = server.evaluate(&request, Part::Whole, &()).unwrap();
            let (logits, budget) = client.decrypt(&done.response).unwrap();
            assert_eq!(
                logits,
                Twin::new(&network).logits(image).unwrap(),
                "seed {seed}"
            );
            assert!(budget > 0);
            for layer in &done.layers {
                assert_eq!(layer.units, layer.all_units);
                assert_eq!(layer.work, layer.all_work);
            }
        }
        ran += 1;
    }
    assert!(ran >= 15, "{ran} networks ran, {refused} were refused");
    assert_eq!(kinds, [true; 4], "convolution, square, pooling, linear");
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
        let Ok(plan) = PaperPlan::new(&network, insecure(&network, &images, 1)) else {
            continue;
        };
        if !plan
            .layers()
            .iter()
            .any(|layer| matches!(&layer.step, PaperStep::Convolution { channels, .. } if channels.len() > 1))
        {
            continue;
        }
        let client = PaperClient::new(&plan).unwrap();
        let server = PaperServer::new(&plan, client.evaluation_keys().unwrap()).unwrap();
        let request = client.encrypt(&images[0]).unwrap();
        let whole = server.evaluate(&request, Part::Whole, &()).unwrap();
        let part = server.evaluate(&request, Part::Channels(1), &()).unwrap();
        for (part, whole) in part.layers.iter().zip(&whole.layers) {
            assert_eq!(part.all_work, whole.work);
            assert_eq!(part.units, 1);
            assert!(part.ops.rotations <= whole.ops.rotations);
        }
        shortened += 1;
        if shortened == 3 {
            return;
        }
    }
    panic!("only {shortened} networks had a convolution of several channels");
}
