//! Compares inference with pads to the twin, and its noise to the prediction.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed test may panic")]

use super::MaskedImage;
use crate::engine::{Client, Contexts, EngineError, Pad, Plan, ResponsePart, Server};
use crate::network::{
    Network, NetworkBuilder, Shape, Twin, observed_bounds, random_hcnn, random_images,
};
use crate::pads::{PadStore, PadStoreError, PreparedPadStore};
use crate::params::{BoundRule, Scheme, SelectOptions, select};
use crate::wire::{CHECKSUM_BYTES, HEADER_BYTES, Limits, Message as _, WireError};
use num_bigint::BigInt;
use std::collections::BTreeSet;
use tempfile::TempDir;

/// Makes a plan that holds the logits of these images, or all logits; with an upload for each plain prime.
fn plan(network: &Network, scheme: Scheme, images: Option<&[Vec<i64>]>) -> Plan {
    planned(network, scheme, images, false)
}

/// Makes a plan like [`plan`], with one upload for all plain primes if that is allowed and pays.
fn planned(network: &Network, scheme: Scheme, images: Option<&[Vec<i64>]>, shared: bool) -> Plan {
    let bound = images.map_or(BoundRule::Proven, |images| BoundRule::Observed {
        magnitude: observed_bounds(network, images)
            .unwrap()
            .output()
            .magnitude(),
        source: "the test".to_owned(),
    });
    let options = SelectOptions {
        scheme: Some(scheme),
        images: Some(1),
        shared_upload: shared,
        bound,
        ..SelectOptions::default()
    };
    Plan::new(network, &select(network, &options).unwrap()).unwrap()
}

struct Parties {
    plan: Plan,
    contexts: Contexts,
    client: Client,
    server: Server,
}

impl Parties {
    fn new(plan: Plan) -> Self {
        let contexts = Contexts::new(plan.client_spec()).unwrap();
        let client = Client::new(plan.client_spec(), &contexts).unwrap();
        let server = Server::new(&plan, &contexts, client.evaluation_keys().unwrap()).unwrap();
        Self {
            plan,
            contexts,
            client,
            server,
        }
    }

    /// Runs an image over the wire, with a fresh pad; checks the noise. Returns the logits.
    fn classify(&self, image: &[i64]) -> Vec<BigInt> {
        let (secret, pad) = self.client.make_pad().unwrap();
        let pad = self.sent(&pad);
        let prepared = self.server.prepare_pad(&self.contexts, &pad).unwrap();
        let prepared = self.sent(&prepared);
        let masked = self.client.mask_image(secret, image).unwrap();
        let masked = self.sent(&masked);
        let evaluation = self.server.evaluate_masked(prepared, &masked, &());
        let evaluation = evaluation.unwrap();
        assert_eq!(evaluation.layers.len(), self.plan.layers().len() + 2);
        let response = evaluation.response;
        let predicted = self.plan.parameters().predicted_noise().last().unwrap();
        let measured = f64::from(self.client.noise_budget_bits(&response).unwrap());
        assert!(
            measured >= predicted.budget_bits.floor(),
            "predicted {predicted:?}, measured {measured}"
        );
        let compact = self.sent(&response.compact(&self.contexts).unwrap());
        let response = compact.expand(&self.contexts).unwrap();
        self.client.decrypt(&response, 1).unwrap().remove(0)
    }

    fn sent<M: crate::wire::Message<Scope = Contexts>>(&self, message: &M) -> M {
        let bytes = message.to_wire(&self.contexts).unwrap();
        M::from_wire(&self.contexts, &bytes, &Limits::default()).unwrap()
    }
}

/// Makes a small network with two convolutions.
fn small(bias: i64) -> Network {
    NetworkBuilder::new("small", Shape::new(1, 8, 8))
        .uniform_bits(2)
        .conv2d(
            2,
            [3, 3],
            [1, 1],
            [0, 0],
            (0..18).map(|at| at % 3 - 1).collect::<Vec<_>>(),
        )
        .bias([bias, -2])
        .square()
        .conv2d(
            3,
            [3, 3],
            [1, 1],
            [0, 0],
            (0..54).map(|at| (at / 2) % 3 - 1).collect::<Vec<_>>(),
        )
        .bias([1, 0, -1])
        .square()
        .flatten()
        .linear(4, (0..192).map(|at| at % 5 - 2).collect::<Vec<_>>())
        .bias([9, 8, 7, 6])
        .build()
        .unwrap()
}

#[test]
fn networks_of_the_shape_for_mnist_equal_the_twin_in_every_logit() {
    for scheme in [Scheme::Diagonal, Scheme::FewUploads] {
        for (percent, several) in [(20, false), (60, true)] {
            let network = random_hcnn(11, 2, percent).unwrap();
            let mut images = random_images(12, &network, 2);
            images.push(vec![0; 784]);
            let observed = (!several).then_some(images.as_slice());
            let parties = Parties::new(plan(&network, scheme, observed));
            let moduli = parties.plan.parameters().plain_moduli();
            assert_eq!(moduli.len() > 1, several, "{scheme:?}: {moduli:?}");
            let expected = Twin::new(&network).logits_batch(&images).unwrap();
            for (image, expected) in images.iter().zip(&expected) {
                assert_eq!(&parties.classify(image), expected, "{scheme:?} {moduli:?}");
            }
        }
    }
}

/// Checks a network as for CIFAR-10, whose first layer makes several ciphertexts and a pool.
#[test]
fn networks_with_three_squares_equal_the_twin() {
    let weights = |count: i64| (0..count).map(|at| at % 3 - 1).collect::<Vec<_>>();
    let network = NetworkBuilder::new("three squares", Shape::new(2, 18, 18))
        .uniform_bits(1)
        .conv2d(3, [3, 3], [1, 1], [0, 0], weights(54))
        .bias([1, -1, 0])
        .square()
        .sum_pool([2, 2], [2, 2])
        .conv2d(3, [3, 3], [1, 1], [0, 0], weights(81))
        .square()
        .sum_pool([2, 2], [2, 2])
        .conv2d(4, [2, 2], [1, 1], [0, 0], weights(48))
        .square()
        .flatten()
        .linear(3, weights(48))
        .bias([5, 4, 3])
        .build()
        .unwrap();
    let images = random_images(2, &network, 1);
    let expected = Twin::new(&network).logits_batch(&images).unwrap();
    for scheme in [Scheme::Diagonal, Scheme::FewUploads] {
        let parties = Parties::new(plan(&network, scheme, Some(&images)));
        assert_eq!(parties.classify(&images[0]), expected[0], "{scheme:?}");
    }
}

#[test]
fn one_and_several_plain_primes_equal_the_twin() {
    let mut counts = BTreeSet::new();
    for scheme in [Scheme::Diagonal, Scheme::FewUploads] {
        for (scale, observed, shared) in [
            (1, true, false),
            (1, false, false),
            (1_i64 << 20, false, false),
            (1 << 8, false, true),
        ] {
            let network = NetworkBuilder::new("scaled", Shape::new(2, 8, 8))
                .uniform_bits(3)
                .conv2d(
                    2,
                    [3, 3],
                    [2, 2],
                    [1, 1],
                    (0..36).map(|at| (at % 5 - 2) * scale).collect::<Vec<_>>(),
                )
                .bias([-scale, 3])
                .square()
                .flatten()
                .linear(3, (0..96).map(|at| at % 7 - 3).collect::<Vec<_>>())
                .build()
                .unwrap();
            let images = random_images(3, &network, 3);
            let observed = observed.then_some(images.as_slice());
            let parties = Parties::new(planned(&network, scheme, observed, shared));
            assert_eq!(parties.plan.parameters().shared_upload(), shared);
            let moduli = parties.plan.parameters().plain_moduli();
            println!("{scheme:?}: t = {moduli:?}");
            counts.insert(moduli.len().min(2));
            for (image, expected) in images
                .iter()
                .zip(Twin::new(&network).logits_batch(&images).unwrap())
            {
                assert_eq!(parties.classify(image), expected, "{scheme:?} {moduli:?}");
            }
        }
    }
    assert_eq!(counts, BTreeSet::from([1, 2]));
}

/// Checks the noise after each layer: it is at most what is predicted for an image that is sent encrypted.
#[test]
fn the_noise_stays_below_the_prediction_after_each_layer() {
    let network = random_hcnn(5, 2, 100).unwrap();
    let images = random_images(6, &network, 2);
    for scheme in [Scheme::Diagonal, Scheme::FewUploads] {
        let plan = plan(&network, scheme, Some(&images));
        let contexts = Contexts::new(plan.client_spec()).unwrap();
        let client = Client::new(plan.client_spec(), &contexts).unwrap();
        for layers in 1..=plan.layers().len() {
            let prefix = plan.prefix(layers, usize::MAX);
            let keys = client.evaluation_keys().unwrap();
            let server = Server::new(&prefix, &contexts, keys).unwrap();
            let (secret, pad) = client.make_pad().unwrap();
            let prepared = server.prepare_pad(&contexts, &pad).unwrap();
            let masked = client.mask_image(secret, &images[1]).unwrap();
            let response = server
                .evaluate_masked(prepared, &masked, &())
                .unwrap()
                .response;
            let parts = response.parts.into_iter().enumerate();
            let measured = parts.map(|(plain_prime, ciphertexts)| {
                let part = ResponsePart {
                    images: 1,
                    plain_prime,
                    ciphertexts,
                };
                client.part_budget_bits(&part).unwrap()
            });
            let measured = f64::from(measured.min().unwrap());
            let predicted = &plan.parameters().predicted_noise()[layers];
            println!("{scheme:?}, {predicted:?}: measured {measured}");
            assert!(
                measured >= predicted.budget_bits.floor(),
                "{predicted:?}, {measured}"
            );
        }
    }
}

#[test]
fn several_pads_serve_in_any_order_and_no_other_image() {
    let network = small(1);
    let images = random_images(4, &network, 4);
    let parties = Parties::new(plan(&network, Scheme::Diagonal, None));
    let (client, server) = (&parties.client, &parties.server);
    let mut pads = Vec::new();
    for _ in &images {
        let (secret, pad) = client.make_pad().unwrap();
        assert_eq!(secret.number(), pad.number());
        pads.push((secret, server.prepare_pad(&parties.contexts, &pad).unwrap()));
    }
    let expected = Twin::new(&network).logits_batch(&images).unwrap();
    // The numbers differ, so each is used with its own.
    let mut masked: Vec<(MaskedImage, _, _)> = Vec::new();
    for ((secret, prepared), (image, expected)) in
        pads.into_iter().zip(images.iter().zip(expected)).rev()
    {
        let image = client.mask_image(secret, image).unwrap();
        masked.push((image, prepared, expected));
    }
    let (other, unused, _) = masked.remove(0);
    assert!(matches!(
        server.evaluate_masked(unused, &masked[0].0, &()),
        Err(EngineError::PadNumber { expected, actual })
            if expected == other.number() && actual == masked[0].0.number()
    ));
    for (image, prepared, expected) in masked {
        let response = server
            .evaluate_masked(prepared, &image, &())
            .unwrap()
            .response;
        assert_eq!(client.decrypt(&response, 1).unwrap(), [expected]);
    }
}

#[test]
fn a_masked_image_is_the_image_less_the_pad() {
    let network = small(1);
    let parties = Parties::new(plan(&network, Scheme::FewUploads, None));
    let image = &random_images(4, &network, 1)[0];
    let client = &parties.client;
    let (secret, _) = client.make_pad().unwrap();
    let residues = secret.residues.clone();
    assert!(!format!("{secret:?}").contains("residues"));
    let masked = client.mask_image(secret, image).unwrap();
    let bytes = masked.to_wire(&parties.contexts).unwrap();
    let moduli = parties.plan.parameters().plain_moduli();
    let packed = moduli.iter().map(|&t| super::residue_bytes(64, t));
    let sent = HEADER_BYTES + 32 + packed.sum::<usize>() + CHECKSUM_BYTES;
    assert_eq!(bytes.len(), sent);
    for ((part, residues), &t) in masked.parts.iter().zip(&residues).zip(moduli) {
        let mut values = vec![0; 64];
        super::check_residues(part, t, &mut values).unwrap();
        for ((value, residue), &pixel) in values.iter().zip(residues.iter()).zip(image) {
            assert_eq!((value + residue) % t, u64::try_from(pixel).unwrap());
        }
    }
    // Another pad of the same image looks different.
    let (secret, _) = client.make_pad().unwrap();
    assert_ne!(
        client.mask_image(secret, image).unwrap().parts,
        masked.parts
    );
}

/// Checks that the residues of pads are uniform: a chi-square test of 16 bins over many pads.
#[test]
fn pads_are_uniform() {
    for t in [97, 65_537, 1_099_511_590_913] {
        let mut bins = [0_u32; 16];
        let residues = crate::engine::masks::uniform(100_000, t).unwrap();
        for residue in residues {
            bins[usize::try_from(u128::from(residue) * 16 / u128::from(t)).unwrap()] += 1;
        }
        // The bins of 97 are not all of one size.
        let size = |bin: u64| ((bin + 1) * t).div_ceil(16) - (bin * t).div_ceil(16);
        let chi: f64 = (0..16)
            .zip(bins)
            .map(|(bin, count)| {
                let expected = 1e5 * size(bin) as f64 / t as f64;
                (f64::from(count) - expected).powi(2) / expected
            })
            .sum();
        // 15 degrees of freedom: below 60 but for 3 in 10 million.
        assert!(chi < 60.0, "{t}: {chi}");
    }
}

#[test]
fn other_deployments_networks_and_keys_are_refused() {
    let parties = Parties::new(plan(&small(1), Scheme::Diagonal, None));
    let few = Parties::new(plan(&small(1), Scheme::FewUploads, None));
    let image = &random_images(4, &small(1), 1)[0];
    let refused = |error: EngineError, what: &str| match error {
        EngineError::PadDeployment { what: named } => assert_eq!(named, what),
        other => panic!("{other}"),
    };
    assert_ne!(parties.client.fingerprint(), few.client.fingerprint());
    let (secret, pad) = parties.client.make_pad().unwrap();
    refused(
        few.client.mask_image(secret, image).unwrap_err(),
        "secret of a pad",
    );
    refused(
        few.server.prepare_pad(&few.contexts, &pad).unwrap_err(),
        "pad",
    );
    // The parameters of the two layouts differ, so the message cannot even be read.
    let bytes = pad.to_wire(&parties.contexts).unwrap();
    assert!(matches!(
        Pad::from_wire(&few.contexts, &bytes, &Limits::default()),
        Err(WireError::Fingerprint)
    ));
    let (secret, pad) = few.client.make_pad().unwrap();
    let masked = few.client.mask_image(secret, image).unwrap();
    refused(
        parties.server.check_masked(&masked).unwrap_err(),
        "masked image",
    );
    let prepared = few.server.prepare_pad(&few.contexts, &pad).unwrap();
    refused(
        parties.server.check_prepared(&prepared).unwrap_err(),
        "prepared pad",
    );
    // Another client of the same deployment.
    let again = Parties::new(plan(&small(1), Scheme::FewUploads, None));
    assert_eq!(again.client.fingerprint(), few.client.fingerprint());
    assert!(again.server.check_masked(&masked).is_ok());
    refused(
        again
            .server
            .evaluate_masked(prepared, &masked, &())
            .unwrap_err(),
        "prepared pad",
    );
}

/// Checks that a pad serves what it was prepared for: the weights of the first layer, whatever the others are.
#[test]
fn a_pad_that_was_prepared_for_other_weights_is_refused() {
    let first: Vec<i64> = (0..18).map(|at| at % 3 - 1).collect();
    let network = |weights: Vec<i64>, bias: i64| {
        NetworkBuilder::new("two squares", Shape::new(1, 8, 8))
            .uniform_bits(2)
            .conv2d(2, [3, 3], [1, 1], [0, 0], weights)
            .bias([bias, 0])
            .square()
            .flatten()
            .linear(4, (0..288).map(|at| at % 5 - 2).collect::<Vec<_>>())
            .build()
            .unwrap()
    };
    let parties = Parties::new(plan(&network(first.clone(), 0), Scheme::FewUploads, None));
    let keys = parties.client.compact_keys().unwrap();
    let negated = first.iter().map(|weight| -weight).collect();
    for (network, fits) in [
        (network(first.clone(), 0), true),
        (network(first, 1), true),
        (network(negated, 0), false),
    ] {
        let plan = Plan::new(&network, parties.plan.parameters()).unwrap();
        assert_eq!(
            plan.client_spec().fingerprint(),
            parties.client.fingerprint()
        );
        let contexts = &parties.contexts;
        let server = |plan: &Plan| {
            let keys = keys.clone().into_keys(contexts);
            Server::new(plan, contexts, keys).unwrap()
        };
        let (_, pad) = parties.client.make_pad().unwrap();
        let prepared = server(&parties.plan).prepare_pad(contexts, &pad).unwrap();
        assert_eq!(server(&plan).check_prepared(&prepared).is_ok(), fits);
    }
}

#[test]
fn layouts_without_a_pad_point_refuse_pads() {
    let network = small(1);
    for scheme in [Scheme::Batched, Scheme::Stock, Scheme::Crops] {
        let parties = Parties::new(plan(&network, scheme, None));
        let (client, server) = (&parties.client, &parties.server);
        assert!(!parties.plan.client_spec().takes_pads());
        assert!(matches!(client.make_pad(), Err(EngineError::NoPads)));
        let image = vec![0; 64];
        assert!(matches!(
            client.check_maskable(&image),
            Err(EngineError::NoPads)
        ));
        let folder = TempDir::new().unwrap();
        assert!(matches!(
            PadStore::open(folder.path(), parties.plan.client_spec()),
            Err(PadStoreError::Engine(EngineError::NoPads))
        ));
        let other = Parties::new(plan(&network, Scheme::Diagonal, None));
        let (secret, pad) = other.client.make_pad().unwrap();
        assert!(matches!(
            server.prepare_pad(&other.contexts, &pad),
            Err(EngineError::NoPads)
        ));
        let masked = other.client.mask_image(secret, &image).unwrap();
        assert!(matches!(
            server.check_masked(&masked),
            Err(EngineError::NoPads)
        ));
    }
}

#[test]
fn stores_on_both_sides_serve_an_image_once() {
    let network = small(2);
    let parties = Parties::new(plan(&network, Scheme::FewUploads, None));
    let (client, server, contexts) = (&parties.client, &parties.server, &parties.contexts);
    let (of_client, of_server) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let secrets = PadStore::open(of_client.path(), parties.plan.client_spec()).unwrap();
    let prepared = PreparedPadStore::open(of_server.path()).unwrap();
    for _ in 0..3 {
        let pad = parties.sent(&secrets.make_pad(client).unwrap());
        prepared.prepare(server, contexts, &pad).unwrap();
        assert!(matches!(
            prepared.prepare(server, contexts, &pad),
            Err(PadStoreError::Exists { .. })
        ));
    }
    // What cannot be masked costs no pad.
    for image in [vec![0; 63], vec![9; 64]] {
        assert!(matches!(
            secrets.mask_image(client, &image),
            Err(PadStoreError::Engine(_))
        ));
    }
    assert_eq!(
        (secrets.count().unwrap(), prepared.count().unwrap()),
        (3, 3)
    );
    let images = random_images(8, &network, 3);
    for (image, expected) in images
        .iter()
        .zip(Twin::new(&network).logits_batch(&images).unwrap())
    {
        let masked = parties.sent(&secrets.mask_image(client, image).unwrap());
        let mut foreign = masked.clone();
        foreign.fingerprint.0[0] ^= 1;
        assert!(matches!(
            prepared.evaluate_masked(server, contexts, &foreign, &()),
            Err(PadStoreError::Engine(EngineError::PadDeployment { .. }))
        ));
        let evaluation = prepared
            .evaluate_masked(server, contexts, &masked, &())
            .unwrap();
        assert_eq!(client.decrypt(&evaluation.response, 1).unwrap(), [expected]);
        assert!(matches!(
            prepared.evaluate_masked(server, contexts, &masked, &()),
            Err(PadStoreError::Used { number }) if number == masked.number()
        ));
    }
    assert!(matches!(
        secrets.mask_image(client, &images[0]),
        Err(PadStoreError::Empty { others: 0, .. })
    ));
}

/// Checks that each number of a masked image, a pad and a prepared pad is checked, and named.
#[test]
fn hostile_messages_are_refused_and_named() {
    let parties = Parties::new(plan(&small(1), Scheme::FewUploads, None));
    let (client, contexts, limits) = (&parties.client, &parties.contexts, Limits::default());
    let image = &random_images(4, &small(1), 1)[0];
    let (secret, pad) = client.make_pad().unwrap();
    let prepared = parties.server.prepare_pad(contexts, &pad).unwrap();
    let masked = client.mask_image(secret, image).unwrap();
    let field = |error: WireError| match error {
        WireError::Field { field, .. } => field,
        WireError::Residue { .. } => "residue",
        WireError::Kind { .. } => "kind",
        WireError::Truncated { .. } => "truncated",
        WireError::Checksum => "checksum",
        other => panic!("{other}"),
    };
    let changed = |bytes: &[u8], at: usize, byte: u8| {
        let mut bytes = bytes.to_vec();
        bytes[at] = byte;
        bytes
    };

    let bytes = masked.to_wire(contexts).unwrap();
    let refused = |bytes: &[u8]| match MaskedImage::from_wire(contexts, bytes, &limits) {
        Err(error) => field(error),
        Ok(_) => "accepted",
    };
    for (at, name) in [
        (7, "NTT form"),
        (24, "body length"),
        (32, "polynomials"),
        (34, "primes"),
        (36, "parts"),
        (40, "items"),
        (44, "images"),
    ] {
        assert_eq!(refused(&changed(&bytes, at, bytes[at] ^ 1)), name);
    }
    assert_eq!(
        refused(&changed(&bytes, HEADER_BYTES, bytes[HEADER_BYTES] ^ 1)),
        "checksum"
    );
    assert_eq!(refused(&bytes[..bytes.len() - 9]), "truncated");
    let mut large = bytes.clone();
    large[HEADER_BYTES + 32..HEADER_BYTES + 64].fill(0xFF);
    assert_eq!(refused(&large), "residue");
    assert_eq!(refused(&pad.to_wire(contexts).unwrap()), "kind");

    let bytes = pad.to_wire(contexts).unwrap();
    let refused = |bytes: &[u8]| match Pad::from_wire(contexts, bytes, &limits) {
        Err(error) => field(error),
        Ok(_) => "accepted",
    };
    for (at, name) in [
        (7, "NTT form"),
        (32, "polynomials"),
        (34, "primes"),
        (40, "items"),
        (44, "images"),
    ] {
        assert_eq!(refused(&changed(&bytes, at, bytes[at] ^ 1)), name);
    }

    let bytes = prepared.to_wire(contexts).unwrap();
    let refused = |bytes: &[u8]| match super::PreparedPad::from_wire(contexts, bytes, &limits) {
        Err(error) => field(error),
        Ok(_) => "accepted",
    };
    for (at, name) in [
        (7, "NTT form"),
        (32, "polynomials"),
        (36, "parts"),
        (44, "images"),
    ] {
        assert_eq!(refused(&changed(&bytes, at, bytes[at] ^ 1)), name);
    }
    // The numbers of ciphertexts and of primes are what the body length has room for.
    let mut many = bytes.clone();
    many[40..44].copy_from_slice(&u32::MAX.to_le_bytes());
    assert_eq!(refused(&many), "items");
    // What is read is checked against the circuit before it is used, too.
    let mut doubled = parties.sent(&prepared);
    for part in &mut doubled.parts {
        let again = part[0].try_clone().unwrap();
        part.push(again);
    }
    let doubled = parties.sent(&doubled);
    assert!(matches!(
        parties.server.evaluate_masked(doubled, &masked, &()),
        Err(EngineError::Seal { .. })
    ));
}
