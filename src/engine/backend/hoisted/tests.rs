//! Compares the diagonal layout with the twin, and its noise model with measured budgets.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_wrap,
    reason = "a failed test may panic; values are far below the limits of their types"
)]

use crate::engine::{
    Client, CompactKeys, Contexts, EngineError, Plan, SeededEvaluationKeys, SeededRequest, Server,
};
use crate::kernels::Backend;
use crate::network::{
    Layer, NamedLayer, Network, NetworkBuilder, NetworkLimits, Shape, SplitMix64, Twin,
    random_images, random_network,
};
use crate::params::{Line, Parameters, ParamsError, Scheme, SelectOptions, select};
use crate::wire::{Limits, Message as _, WireError};
use num_bigint::BigInt;

fn diagonal(network: &Network) -> Result<Parameters, ParamsError> {
    chosen(network, Scheme::Diagonal)
}

fn chosen(network: &Network, scheme: Scheme) -> Result<Parameters, ParamsError> {
    let options = SelectOptions {
        scheme: Some(scheme),
        images: Some(1),
        ..SelectOptions::default()
    };
    select(network, &options)
}

/// Makes a network of ternary convolutions with squares between them, pools before some of them, and a linear layer.
fn convolutions(sizes: &[(usize, usize, usize)], pools: bool, input: Shape, seed: u64) -> Network {
    let mut random = SplitMix64::new(seed);
    let mut weights = |count: usize| -> Vec<i64> {
        (0..count)
            .map(|_| [-1, 0, 0, 1][(random.next_u64() % 4) as usize])
            .collect()
    };
    let name = format!("{} convolutions", sizes.len());
    let mut network = NetworkBuilder::new(name, input).uniform_bits(1);
    for (index, &(channels, kernel, stride)) in sizes.iter().enumerate() {
        let count = channels * network.shape().channels * kernel * kernel;
        network = network
            .conv2d(channels, [kernel; 2], [stride; 2], [0, 0], weights(count))
            .bias(vec![index as i64 - 1; channels])
            .square();
        if pools {
            network = network.sum_pool([2, 2], [2, 2]);
        }
    }
    let count = 10 * network.shape().len();
    let network = network.linear(10, weights(count)).bias([7; 10]);
    network.build().unwrap()
}

/// Largest number of bits by which a predicted budget may lie below the measured one: 12, and one for the powers of the
/// secret key, which count as large as 2^-40 of all keys make them, while those of most keys lie below their mean.
const SLACK_MAX: f64 = 13.0;
/// The same with few uploads: products with the first layer's plaintexts make noise of one degree more, which is squared
/// twice.
const FEW_UPLOADS_SLACK_MAX: f64 = 18.0;

/// Runs a network with every backend, compares residues modulo the plaintext primes, and compares the budgets after
/// each layer with the predicted ones: returns the bits by which each prediction is below.
fn check(network: &Network, selection: &Parameters) -> Vec<(String, f64)> {
    let t: BigInt = selection
        .plain_moduli()
        .iter()
        .map(|&t| BigInt::from(t))
        .product();
    let plan = Plan::new(network, selection).unwrap();
    let contexts = Contexts::new(plan.client_spec()).unwrap();
    let client = Client::new(plan.client_spec(), &contexts).unwrap();
    let images = random_images(5, network, 3);
    let image = &images[2..3];
    let residues = |logits: Vec<Vec<BigInt>>| -> Vec<BigInt> {
        let logits = logits.into_iter().flatten();
        logits.map(|logit| ((logit % &t) + &t) % &t).collect()
    };
    let expected = residues(Twin::new(network).logits_batch(image).unwrap());
    let request = client.encrypt(image, &()).unwrap();
    let mut slack = Vec::new();
    let mut compare = |index: usize, measured: u32| {
        let predicted = &selection.predicted_noise()[index];
        assert!(
            f64::from(measured) >= predicted.budget_bits.floor(),
            "{}: after {} predicted {:.1}, measured {measured}",
            network.name(),
            predicted.name,
            predicted.budget_bits
        );
        let bits = f64::from(measured) - predicted.budget_bits;
        slack.push((predicted.name.clone(), bits));
    };
    for (index, _) in plan.layers().iter().enumerate() {
        let prefix = plan.prefix(index + 1, usize::MAX);
        let server = Server::new(&prefix, &contexts, client.evaluation_keys().unwrap()).unwrap();
        let shared = selection.shared_upload();
        let budgets = (0..selection.plain_moduli().len()).map(|prime| {
            let upload = if shared { 0 } else { prime };
            let part = client.encrypt_part(image, upload, &()).unwrap();
            let (response, _) = server.evaluate_shared(&part, prime, &()).unwrap();
            client.part_budget_bits(&response).unwrap()
        });
        compare(index + 1, budgets.min().unwrap());
    }
    for backend in Backend::available() {
        let keys = client.evaluation_keys().unwrap();
        let server = Server::new(&plan, &contexts, keys)
            .unwrap()
            .with_backend(backend);
        let response = server.evaluate(&request, &()).unwrap().response;
        let logits = client.decrypt(&response, 1).unwrap();
        assert_eq!(residues(logits), expected, "{}", network.name());
        if backend == Backend::detect() {
            let last = plan.layers().len() + 1;
            compare(last, client.noise_budget_bits(&response).unwrap());
        }
    }
    slack
}

#[test]
fn random_networks_equal_the_twin() {
    let limits = NetworkLimits {
        max_side: 8,
        max_layers: 6,
        max_squares: 2,
        max_weight_bits: 2,
        max_bias_bits: 3,
        max_thresholds: 1,
        ..NetworkLimits::default()
    };
    // For one and two squares: the numbers of networks whose noise is compared, and of others.
    let (mut checked, mut others) = ([0; 3], 0);
    // Those of one upload; few networks fit.
    let mut with_few_uploads = 0;
    for seed in 0..400 {
        let network = random_network(seed, &limits).unwrap();
        let squares = network
            .layers()
            .iter()
            .filter(|named| named.layer == Layer::Square)
            .count();
        // A layer of zeros makes ciphertexts of zero, which have no noise; the model counts the noise of other
        // ciphertexts.
        let reads = |named: &NamedLayer| match &named.layer {
            Layer::Conv2d { weight, .. } | Layer::Linear { weight, .. } => {
                weight.iter().any(|weight| *weight != 0)
            }
            _ => true,
        };
        let has_noise = network.layers().iter().all(reads);
        if squares == 2
            && has_noise
            && with_few_uploads < 4
            && let Ok(selection) = chosen(&network, Scheme::FewUploads)
        {
            let slack = check(&network, &selection);
            println!("seed {seed}, few uploads: {slack:.1?}");
            assert!(
                slack.iter().all(|(_, bits)| *bits <= FEW_UPLOADS_SLACK_MAX),
                "{slack:?}"
            );
            with_few_uploads += 1;
        }
        if squares == 0 || (has_noise && checked[squares] == 5) || (!has_noise && others == 3) {
            continue;
        }
        let Ok(selection) = diagonal(&network) else {
            continue;
        };
        let slack = check(&network, &selection);
        println!("seed {seed}, {squares} squares: {slack:.1?}");
        if has_noise {
            checked[squares] += 1;
            assert!(
                slack.iter().all(|(_, bits)| *bits <= SLACK_MAX),
                "{slack:?}"
            );
        } else {
            others += 1;
        }
        if checked[1..] == [5, 5] && others == 3 && with_few_uploads == 4 {
            return;
        }
    }
    panic!("{checked:?} networks with noise, {others} without, {with_few_uploads} with one upload");
}

#[test]
fn layers_of_zeros_are_evaluated() {
    for zeros in 0..2 {
        let weights = |layer: usize, count: usize| vec![i64::from(layer != zeros); count];
        let network = NetworkBuilder::new("zeros", Shape::new(1, 6, 6))
            .uniform_bits(1)
            .conv2d(2, [2, 2], [2, 2], [0, 0], weights(0, 8))
            .bias([1; 2])
            .square()
            .conv2d(2, [2, 2], [1, 1], [0, 0], weights(1, 16))
            .bias([2; 2])
            .square()
            .flatten()
            .linear(2, vec![1; 16])
            .build()
            .unwrap();
        for scheme in [Scheme::Diagonal, Scheme::FewUploads] {
            check(&network, &chosen(&network, scheme).unwrap());
        }
    }
}

/// Number of outputs, kernel side and stride, in the order of the grid below.
type Conv = (usize, usize, usize);

#[test]
fn the_noise_model_is_never_optimistic_and_not_far_off() {
    let grid: [(&[Conv], bool, Shape); 4] = [
        (&[(5, 5, 2), (50, 5, 2)], false, Shape::new(1, 28, 28)),
        (&[(4, 3, 1)], true, Shape::new(1, 12, 12)),
        (&[(4, 3, 1), (8, 3, 1)], true, Shape::new(2, 16, 16)),
        (
            &[(2, 3, 1), (3, 3, 1), (4, 3, 1)],
            true,
            Shape::new(1, 32, 32),
        ),
    ];
    let [first, ..] = grid;
    let diagonal = grid.map(|given| (Scheme::Diagonal, given));
    for (scheme, (sizes, pools, input)) in diagonal.into_iter().chain([(Scheme::FewUploads, first)])
    {
        let network = convolutions(sizes, pools, input, 1);
        let options = SelectOptions {
            scheme: Some(scheme),
            images: Some(1),
            bound: crate::params::BoundRule::Observed {
                magnitude: BigInt::from(50_000),
                source: "the test".to_owned(),
            },
            line: None,
            ..SelectOptions::default()
        };
        let selection = select(&network, &options).unwrap();
        println!(
            "{}: N = {}, t = {:?}, q = {:?}, drops {:?}",
            network.name(),
            selection.poly_modulus_degree(),
            selection.plain_moduli(),
            selection.coeff_modulus_bits(),
            selection.drops()
        );
        let slack = check(&network, &selection);
        println!("  {slack:.1?}");
        assert!(
            slack.iter().all(|(_, bits)| *bits <= SLACK_MAX),
            "{slack:?}"
        );
    }
}

/// With one upload for several plain primes, all backends equal the twin, too, and the noise of the drop is counted.
#[test]
fn the_noise_model_of_shared_uploads_is_never_optimistic_and_not_far_off() {
    let deep = [(2, 3, 1), (3, 3, 1), (4, 3, 1)];
    let deep = || convolutions(&deep, true, Shape::new(1, 32, 32), 1);
    // Two plain primes, and three.
    let networks = [
        (
            convolutions(&[(4, 3, 1)], true, Shape::new(1, 12, 12), 1),
            38,
        ),
        (deep(), 34),
        (deep(), 50),
    ];
    let mut served = [0; 2];
    for (network, bits) in &networks {
        for (served, scheme) in served
            .iter_mut()
            .zip([Scheme::Diagonal, Scheme::FewUploads])
        {
            let options = SelectOptions {
                scheme: Some(scheme),
                images: Some(1),
                bound: crate::params::BoundRule::Observed {
                    magnitude: BigInt::from(1u64) << bits,
                    source: "the test".to_owned(),
                },
                line: Some(Line {
                    bits_per_second: std::num::NonZeroU64::MIN,
                    ..Line::default()
                }),
                ..SelectOptions::default()
            };
            let selection = match select(network, &options) {
                Ok(selection) if selection.shared_upload() => selection,
                Ok(selection) => panic!("separate uploads: {selection:?}"),
                // The layout has no room for the network.
                Err(_) => continue,
            };
            let [first, ..] = selection.drops() else {
                panic!("nothing is dropped: {selection:?}");
            };
            assert!(*first > 0);
            println!(
                "{scheme:?} {}: N = {}, t = {:?}, q = {:?}, drops {:?}",
                network.name(),
                selection.poly_modulus_degree(),
                selection.plain_moduli(),
                selection.coeff_modulus_bits(),
                selection.drops()
            );
            let slack = check(network, &selection);
            println!("  {slack:.1?}");
            let most = match scheme {
                Scheme::FewUploads => FEW_UPLOADS_SLACK_MAX,
                _ => SLACK_MAX,
            };
            assert!(slack.iter().all(|(_, bits)| *bits <= most), "{slack:?}");
            *served += 1;
        }
    }
    assert!(served.iter().all(|&served| served >= 2), "{served:?}");
}

#[test]
fn the_layout_of_the_least_predicted_time_is_chosen() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/models/mnist-t17");
    let network = Network::load(path).unwrap();
    let line = |megabits: u64| Line {
        bits_per_second: (megabits * 1_000_000).try_into().unwrap(),
        ..Line::default()
    };
    // `docs/EVALUATION.md`, "Which layout", states these; docs/RESULTS.md has measured times.
    let expected = [
        (None, 1, Scheme::Diagonal),
        (None, 3, Scheme::Diagonal),
        (None, 4, Scheme::Crops),
        (None, 200, Scheme::Crops),
        (None, 1000, Scheme::Batched),
        (Some(line(100)), 1, Scheme::FewUploads),
        (Some(line(100)), 10, Scheme::FewUploads),
        (Some(line(100)), 50, Scheme::Crops),
        (Some(line(100)), 1000, Scheme::Batched),
        (Some(line(10_000)), 1, Scheme::Diagonal),
        (Some(line(1)), 256, Scheme::FewUploads),
    ];
    let mut wrong = Vec::new();
    for (line, images, layout) in expected {
        let options = SelectOptions {
            images: Some(images),
            bound: crate::params::BoundRule::Observed {
                magnitude: BigInt::from(50_000),
                source: "the test".to_owned(),
            },
            line,
            ..SelectOptions::default()
        };
        let chosen = select(&network, &options).unwrap().scheme();
        if chosen != layout {
            wrong.push((line, images, chosen));
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn several_images_one_after_the_other_equal_the_twin() {
    let network = convolutions(&[(3, 3, 1), (4, 3, 1)], false, Shape::new(1, 8, 8), 2);
    for images in [2, 3] {
        let options = SelectOptions {
            scheme: Some(Scheme::Diagonal),
            images: Some(images),
            ..SelectOptions::default()
        };
        let selection = select(&network, &options).unwrap();
        let plan = Plan::new(&network, &selection).unwrap();
        assert_eq!(plan.batch_size(), 1);
        let contexts = Contexts::new(plan.client_spec()).unwrap();
        let client = Client::new(plan.client_spec(), &contexts).unwrap();
        let server = Server::new(&plan, &contexts, client.evaluation_keys().unwrap()).unwrap();
        let inputs = random_images(6, &network, images);
        let expected = Twin::new(&network).logits_batch(&inputs).unwrap();
        assert!(client.encrypt(&inputs, &()).is_err());
        let predicted = selection.predicted_noise().last().unwrap().budget_bits;
        for (image, expected) in inputs.chunks(1).zip(expected) {
            let request = client.encrypt(image, &()).unwrap();
            let response = server.evaluate(&request, &()).unwrap().response;
            assert_eq!(client.decrypt(&response, 1).unwrap(), [expected]);
            let measured = f64::from(client.noise_budget_bits(&response).unwrap());
            assert!(measured >= predicted.floor(), "{measured} {predicted}");
        }
    }
}

#[test]
fn messages_travel_over_the_wire() {
    let network = convolutions(&[(3, 3, 1), (4, 3, 1)], false, Shape::new(1, 8, 8), 2);
    let selection = diagonal(&network).unwrap();
    let plan = Plan::new(&network, &selection).unwrap();
    let contexts = Contexts::new(plan.client_spec()).unwrap();
    let client = Client::new(plan.client_spec(), &contexts).unwrap();
    let limits = Limits::default();
    let keys = client.evaluation_keys_seeded().unwrap();
    let keys = keys.to_wire(&contexts).unwrap();
    let sizes = crate::wire::UploadSizes::of(&contexts).unwrap();
    assert_eq!(sizes.evaluation_keys, keys.len() as u64);
    let keys = SeededEvaluationKeys::from_wire(&contexts, &keys, &limits).unwrap();
    let of_seal = keys.expand(&contexts).unwrap();

    let keys = client.compact_keys().unwrap();
    let bytes = keys.to_wire(&contexts).unwrap();
    assert_eq!(sizes.compact_keys, Some(bytes.len() as u64));
    assert!(sizes.compact_keys < Some(sizes.evaluation_keys));
    let read = CompactKeys::from_wire(&contexts, &bytes, &limits).unwrap();
    assert_eq!(read.to_wire(&contexts).unwrap(), bytes);
    let own = read.into_keys(&contexts);

    let image = &random_images(4, &network, 3)[2..];
    let sent = client.encrypt_seeded(image, &()).unwrap();
    let sent = sent.to_wire(&contexts).unwrap();
    let request = SeededRequest::from_wire(&contexts, &sent, &limits).unwrap();
    let request = request.expand(&contexts).unwrap();
    let expected = Twin::new(&network).logits_batch(image).unwrap();
    for keys in [of_seal, own] {
        let server = Server::new(&plan, &contexts, keys).unwrap();
        let response = server.evaluate(&request, &()).unwrap().response;
        assert_eq!(client.decrypt(&response, 1).unwrap(), expected);
    }
}

#[test]
fn keys_of_another_plan_are_refused() {
    let network = convolutions(&[(3, 3, 1), (4, 3, 1)], false, Shape::new(1, 8, 8), 2);
    let plan = Plan::new(&network, &diagonal(&network).unwrap()).unwrap();
    let contexts = Contexts::new(plan.client_spec()).unwrap();
    let client = Client::new(plan.client_spec(), &contexts).unwrap();
    let keys = client.compact_keys().unwrap();
    let other = convolutions(&[(2, 3, 1), (4, 2, 1)], false, Shape::new(1, 9, 9), 2);
    let other = Plan::new(&other, &diagonal(&other).unwrap()).unwrap();
    let others = Contexts::new(other.client_spec()).unwrap();
    let bytes = keys.to_wire(&contexts).unwrap();
    assert!(matches!(
        CompactKeys::from_wire(&others, &bytes, &Limits::default()),
        Err(WireError::Fingerprint)
    ));
    assert!(keys.to_wire(&others).is_err());
    assert!(matches!(
        Server::new(&other, &others, keys.into_keys(&others)),
        Err(EngineError::Mismatch { .. })
    ));
}

/// Clients of one plan share what the server prepared, and nothing else: each reads its own answers.
#[test]
fn servers_of_several_clients_share_the_weights() {
    let network = convolutions(&[(2, 3, 2), (3, 3, 1)], false, Shape::new(1, 11, 11), 5);
    let twin = Twin::new(&network);
    for scheme in [
        Scheme::Stock,
        Scheme::Batched,
        Scheme::Diagonal,
        Scheme::FewUploads,
    ] {
        let plan = Plan::new(&network, &chosen(&network, scheme).unwrap()).unwrap();
        let contexts = Contexts::new(plan.client_spec()).unwrap();
        let clients = [(); 3].map(|()| Client::new(plan.client_spec(), &contexts).unwrap());
        let keys = |client: &Client| client.evaluation_keys().unwrap();
        let first = Server::new(&plan, &contexts, keys(&clients[0])).unwrap();
        let second = first.for_client(keys(&clients[1])).unwrap();
        let third = second.for_client(keys(&clients[2])).unwrap();
        drop(first);
        for (index, (client, server)) in clients[1..].iter().zip([&second, &third]).enumerate() {
            let images = random_images(index as u64, &network, 1);
            let request = client.encrypt(&images, &()).unwrap();
            let evaluation = server.evaluate(&request, &()).unwrap();
            let logits = client.decrypt(&evaluation.response, 1).unwrap();
            assert_eq!(logits, twin.logits_batch(&images).unwrap());
        }
        // Another plan's keys are refused, as for a first client.
        let other = chosen(
            &convolutions(&[(1, 3, 1)], false, Shape::new(1, 6, 6), 1),
            scheme,
        );
        let other = Plan::new(
            &convolutions(&[(1, 3, 1)], false, Shape::new(1, 6, 6), 1),
            &other.unwrap(),
        )
        .unwrap();
        if scheme.rotates() {
            let others = Contexts::new(other.client_spec()).unwrap();
            let stranger = Client::new(other.client_spec(), &others).unwrap();
            assert!(second.for_client(keys(&stranger)).is_err());
        }
    }
}
