//! Own encryption against SEAL's decryptor and encryptor, and the streams against their definition.
#![allow(clippy::unwrap_used, reason = "a failed test may panic")]

mod shared;

use super::keys::KeyMaker;
use super::stream::{StreamKey, noise, uniform};
use super::*;
use crate::engine::{Client, CompactRequest, Contexts, NeededKey, Plan, Request, Server};
use crate::kernels::Permutation;
use crate::network::{Network, NetworkBuilder, Shape, Twin, random_images};
use crate::params::{BoundRule, Line, Scheme, SelectOptions, select};
use crate::seal::{
    Decryptor, Encryptor, Evaluator, KeyGenerator, ParametersLiteral, SecurityLevel,
};
use crate::wire::{Limits, Message as _, SendError};
use num_bigint::BigInt;

fn network() -> Network {
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

/// Makes a network of two squares, for which a shared upload pays.
fn deeper() -> Network {
    NetworkBuilder::new("two squares", Shape::new(1, 8, 8))
        .uniform_bits(2)
        .conv2d(1, [3, 3], [1, 1], [0, 0], vec![1, -1, 0, 1, 1, 0, 1, 1, -1])
        .square()
        .conv2d(
            1,
            [3, 3],
            [1, 1],
            [0, 0],
            vec![1, 1, 0, 1, -1, 0, 1, -1, -1],
        )
        .bias([1])
        .square()
        .flatten()
        .linear(2, vec![1; 32])
        .bias([-2; 2])
        .build()
        .unwrap()
}

/// Returns the network for a shared upload in a layout. With rotations, two squares leave no room for one at the smallest
/// degree.
fn sharing(scheme: Scheme) -> Network {
    if scheme.rotates() {
        network()
    } else {
        deeper()
    }
}

fn plan(scheme: Scheme, bits: u32) -> Plan {
    planned(&network(), scheme, bits, None)
}

/// Plans the network of [`sharing`] for a line so slow that one upload serves all plain primes.
fn shared_plan(scheme: Scheme) -> Plan {
    let line = Line {
        bits_per_second: std::num::NonZeroU64::MIN,
        ..Line::default()
    };
    let bits = if scheme.rotates() { 36 } else { 40 };
    let plan = planned(&sharing(scheme), scheme, bits, Some(line));
    assert!(plan.parameters().shared_upload());
    plan
}

fn planned(network: &Network, scheme: Scheme, bits: u32, shared: Option<Line>) -> Plan {
    let options = SelectOptions {
        line: shared.or(Some(Line::default())),
        shared_upload: shared.is_some(),
        scheme: Some(scheme),
        images: Some(3),
        bound: BoundRule::Observed {
            magnitude: BigInt::from(1u64) << bits,
            source: "a test".to_owned(),
        },
        ..SelectOptions::default()
    };
    Plan::new(network, &select(network, &options).unwrap()).unwrap()
}

#[test]
fn compact_requests_travel_and_their_results_equal_the_twin() {
    // On one thread, a request of this size is read and written in several pieces.
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .unwrap();
    for scheme in [Scheme::Batched, Scheme::Crops, Scheme::Diagonal] {
        // One plain prime, several, and several that share an upload.
        let plans = [
            (network(), plan(scheme, 15)),
            (network(), plan(scheme, 50)),
            (sharing(scheme), shared_plan(scheme)),
        ];
        for (network, plan) in &plans {
            let contexts = Contexts::new(plan.client_spec()).unwrap();
            let client = Client::new(plan.client_spec(), &contexts).unwrap();
            let keys = client.evaluation_keys().unwrap();
            let server = Server::new(plan, &contexts, keys).unwrap();
            let images = random_images(4, network, plan.batch_size().min(3));
            let expected = Twin::new(network).logits_batch(&images).unwrap();
            let limits = Limits::default();
            let mut request = Request::default();
            let mut seeds = Vec::new();
            for in_pieces in [false, true, true] {
                let mut bytes = Vec::new();
                if in_pieces {
                    let length =
                        pool.install(|| client.send_compact(&contexts, &images, &(), &mut bytes));
                    assert_eq!(length.unwrap(), bytes.len() as u64);
                    // Memory is reused.
                    pool.install(|| request.read_compact(&contexts, &*bytes, &limits))
                        .unwrap();
                } else {
                    let sent = client.encrypt_compact(&images, &()).unwrap();
                    bytes = sent.to_wire(&contexts).unwrap();
                    request = sent.expand(&contexts).unwrap();
                }
                let read = CompactRequest::from_wire(&contexts, &bytes, &limits).unwrap();
                assert_eq!(read.to_wire(&contexts).unwrap(), bytes);
                assert!(!seeds.contains(&read.seed), "a seed was used again");
                seeds.push(read.seed);
                let expanded = read.expand(&contexts).unwrap();
                let same = |(a, b): (&Vec<Ciphertext>, &Vec<Ciphertext>)| {
                    a.iter()
                        .map(Ciphertext::limbs)
                        .eq(b.iter().map(Ciphertext::limbs))
                };
                assert!(expanded.parts.iter().zip(&request.parts).all(same));
                let response = server.evaluate(&request, &()).unwrap().response;
                let logits = client.decrypt(&response, images.len()).unwrap();
                assert_eq!(logits, expected, "{scheme}");
                let predicted = plan
                    .parameters()
                    .predicted_noise()
                    .last()
                    .unwrap()
                    .budget_bits;
                let measured = client.noise_budget_bits(&response).unwrap();
                assert!(
                    f64::from(measured) >= predicted.floor(),
                    "{measured} {predicted}"
                );
            }
        }
    }
}

/// Encrypts slots and returns the ciphertext as SEAL's.
fn encrypted(context: &Context, encryptor: &FreshEncryptor, slots: &[i64], seed: u8) -> Ciphertext {
    let seed = [seed; SEED_BYTES];
    let keys = encryptor.keys(&seed).unwrap();
    let mut scratch = encryptor.scratch().unwrap();
    scratch.slots.extend_from_slice(slots);
    let mut packed = vec![0; ciphertext_bytes(context)];
    encryptor
        .encrypt(&keys, [0, 1], &mut scratch, &mut packed)
        .unwrap();
    let mut encrypted = Ciphertext::new().unwrap();
    let key = uniform_key(std::slice::from_ref(context), &seed);
    expand(
        context,
        &key,
        [0, 1],
        &packed,
        &mut Vec::new(),
        &mut encrypted,
    )
    .unwrap();
    encrypted
}

/// SEAL's own decryptor finds the message, with as much noise budget as SEAL's own encryption leaves, on average.
#[test]
fn ciphertexts_are_as_good_as_seals() {
    for bits in [15, 40] {
        let plan = plan(Scheme::Batched, bits);
        let contexts = Contexts::new(plan.client_spec()).unwrap();
        let context = &contexts.contexts()[0];
        let secret = KeyGenerator::new(context).unwrap().secret_key().unwrap();
        let own = FreshEncryptor::new(std::slice::from_ref(context), &secret)
            .unwrap()
            .unwrap();
        let seals = Encryptor::symmetric(context, &secret).unwrap();
        let encoder = BatchEncoder::new(context).unwrap();
        let mut decryptor = Decryptor::new(context, &secret).unwrap();
        let evaluator = Evaluator::new(context).unwrap();
        let slots: Vec<i64> = (0..4).cycle().take(encoder.slot_count()).collect();
        let plain = encoder.encode_i64(&slots).unwrap();
        for seed in 0..8 {
            let mut encrypted = encrypted(context, &own, &slots, seed);
            assert!(encrypted.is_valid_for(context).unwrap());
            evaluator
                .transform_from_ntt_inplace(&mut encrypted)
                .unwrap();
            assert_eq!(
                encoder
                    .decode_i64(&decryptor.decrypt(&encrypted).unwrap())
                    .unwrap(),
                slots
            );
            let found = decryptor.noise_budget_bits(&encrypted).unwrap();
            let of_seal = seals.encrypt_symmetric(&plain).unwrap();
            let wanted = decryptor.noise_budget_bits(&of_seal).unwrap();
            assert!(found.abs_diff(wanted) <= 1, "{found} {wanted}");
        }
    }
}

/// The noise of SEAL: sums of 42 fair coins, less 21.
#[test]
fn noise_has_the_distribution_of_seals() {
    let key = StreamKey::noise(b"a test").unwrap();
    let mut row = vec![0; 1 << 20];
    noise(
        key.stream([0, 0, 0]),
        Backend::Portable,
        &mut row,
        &mut Vec::new(),
    );
    let mut counts = [0u32; 43];
    for value in &row {
        counts[usize::try_from(*value + 21).unwrap()] += 1;
    }
    let mut binomial = 1.0;
    let (mut chi_square, mut classes) = (0.0, 0);
    for (k, &count) in counts.iter().enumerate() {
        let expected = binomial * row.len() as f64 / f64::from(42).exp2();
        if expected >= 10.0 {
            chi_square += (f64::from(count) - expected).powi(2) / expected;
            classes += 1;
        }
        binomial *= (42 - k) as f64 / (k + 1) as f64;
    }
    // 30 classes or so: six deviations above the mean.
    let freedom = f64::from(classes - 1);
    assert!(
        classes > 25 && chi_square < freedom + 6.0 * (2.0 * freedom).sqrt(),
        "{chi_square} {classes}"
    );
    let square: f64 = row.iter().map(|&value| f64::from(value).powi(2)).sum();
    let variance = square / row.len() as f64;
    assert!((variance - 10.5).abs() < 0.1, "{variance}");
    for backend in Backend::available() {
        let mut same = vec![0; row.len()];
        noise(key.stream([0, 0, 0]), backend, &mut same, &mut Vec::new());
        assert!(row == same, "{}", backend.name());
    }
    let mut other = vec![0; row.len()];
    noise(
        key.stream([0, 1, 0]),
        Backend::detect(),
        &mut other,
        &mut Vec::new(),
    );
    assert_ne!(row, other);
}

/// Follows the definition bit by bit, for primes that refuse few and many candidates.
#[test]
fn uniform_residues_are_those_of_the_definition() {
    let key = StreamKey::uniform(&[7; SEED_BYTES], b"a test");
    for prime in [
        (1 << 20) - 3,
        (1 << 19) + 21,
        (1 << 40) - 87,
        (1 << 39) + 23,
    ] {
        let width = width(prime);
        let mut row = vec![0; 4096];
        uniform(&mut key.stream([1, 2, 3]), prime, &mut row, &mut Vec::new());
        let mut bytes = vec![0; 4096 * 8 * 3];
        key.stream([1, 2, 3]).fill(&mut bytes);
        let bit = |at: usize| u64::from(bytes[at / 8] >> (at % 8) & 1);
        let candidate = |i: usize| {
            let bits = (0..width as usize).map(|b| bit(i * width as usize + b) << b);
            bits.sum::<u64>()
        };
        let mut next = row.len();
        for (i, &found) in row.iter().enumerate() {
            let mut wanted = candidate(i);
            while wanted >= prime {
                wanted = candidate(next);
                next += 1;
            }
            assert_eq!(found, wanted, "{prime} {i}");
        }
    }
    // Known answers: the format must not change.
    let mut row = vec![0; 8];
    uniform(
        &mut key.stream([0, 0, 0]),
        (1 << 40) - 87,
        &mut row,
        &mut Vec::new(),
    );
    assert_eq!(row, KNOWN);
}

/// The polynomials of a context are part of the format: each index and each parameter counts.
#[test]
fn polynomials_of_a_context_are_known_and_all_different() {
    let context = |plain_modulus| {
        let literal = ParametersLiteral {
            poly_modulus_degree: 16,
            coeff_modulus: vec![97, 193, 257],
            plain_modulus,
            security: SecurityLevel::None,
        };
        Context::from_literal(&literal).unwrap()
    };
    let row = |plain_modulus, indices| {
        let key = uniform_key(&[context(plain_modulus)], &[7; SEED_BYTES]);
        let mut row = vec![0; 16];
        uniform(&mut key.stream(indices), 193, &mut row, &mut Vec::new());
        row
    };
    let mut rows: Vec<Vec<u64>> = Vec::new();
    for indices in [[0, 0, 0], [1, 2, 3], [3, 2, 1], [2, 1, 3], [1, 3, 2]] {
        rows.extend([17, 41].map(|t| row(t, indices)));
    }
    assert_eq!(rows[2], KNOWN_OF_CONTEXT);
    let count = rows.len();
    rows.sort();
    rows.dedup();
    assert_eq!(rows.len(), count);

    // Plain primes that share an upload have polynomials of their own.
    let both = [context(17), context(41)];
    let key = uniform_key(&both, &[7; SEED_BYTES]);
    let mut row = vec![0; 16];
    uniform(&mut key.stream([1, 2, 3]), 193, &mut row, &mut Vec::new());
    assert_eq!(row, KNOWN_OF_SHARED);
    assert!(!rows.contains(&row));
}

const KNOWN_OF_SHARED: [u64; 16] = [
    35, 189, 90, 38, 180, 125, 31, 149, 157, 152, 75, 149, 126, 107, 72, 20,
];

const KNOWN_OF_CONTEXT: [u64; 16] = [
    118, 7, 183, 107, 140, 64, 139, 54, 156, 114, 137, 59, 80, 42, 71, 18,
];

/// Each pair of a key differs from what it stands for by small noise, the same modulo all primes.
#[test]
fn keys_switch_what_they_say() {
    let plan = plan(Scheme::Diagonal, 15);
    let contexts = Contexts::new(plan.client_spec()).unwrap();
    let context = &contexts.contexts()[0];
    let degree = context.parameters().poly_modulus_degree();
    let secret = KeyGenerator::new(context).unwrap().secret_key().unwrap();
    let data = context.primes().len() - 1;
    let needed = [
        (None, data),
        (Some(3), data),
        (Some(2 * degree as u32 - 1), 1),
    ];
    let needed = needed.map(|(element, level)| NeededKey { element, level });
    let seed = [9; SEED_BYTES];
    let maker = KeyMaker::new(context, &secret, &seed).unwrap().unwrap();
    let special = *context.primes().last().unwrap();
    let stream = keys::uniform_key(context, &seed);
    let mut noises: Vec<Vec<i64>> = Vec::new();
    for (index, key) in needed.iter().enumerate() {
        let packed = maker.key(index, key).unwrap();
        assert_eq!(packed.len(), keys::key_bytes(context, key.level));
        for (digit, packed) in keys::digits(context, key.level, &packed).enumerate() {
            let [mut b, mut a] = [(); 2].map(|()| Residues::zero(key.level + 1, degree));
            let polynomials = [&mut b, &mut a];
            let indices = [index, digit];
            let of = (key.level, packed);
            keys::expand_digit(context, &stream, indices, of, polynomials, &mut Vec::new())
                .unwrap();
            let mut of_rows: Vec<Vec<i64>> = Vec::new();
            for at in 0..=key.level {
                let row = if at == key.level {
                    context.primes().len() - 1
                } else {
                    at
                };
                let prime = context.primes()[row];
                let s = &secret.secret_limbs()[row * degree..(row + 1) * degree];
                let from: Vec<u64> = match key.element {
                    None => s.iter().map(|&s| multiply(s, s, prime)).collect(),
                    Some(element) => {
                        let permutation = Permutation::new(degree, element).unwrap();
                        let mut rows = Residues::zero(2, degree);
                        rows.row_mut(1).as_flattened_mut().copy_from_slice(s);
                        let (to, from) = rows.split();
                        Backend::Portable.permute_add(
                            &Prime::new(prime).unwrap(),
                            &permutation,
                            to,
                            from,
                        );
                        rows.row(0).as_flattened().to_vec()
                    }
                };
                let mut rest: Vec<u64> = (0..degree)
                    .map(|i| {
                        let a = multiply(a.row(at).as_flattened()[i], s[i], prime);
                        let whole = u128::from(b.row(at).as_flattened()[i]) + u128::from(a);
                        let key = if at == digit {
                            multiply(special % prime, from[i], prime)
                        } else {
                            0
                        };
                        ((whole + u128::from(prime - key)) % u128::from(prime)) as u64
                    })
                    .collect();
                context.ntt_inverse(row, &mut rest).unwrap();
                let centred = rest
                    .iter()
                    .map(|&value| crate::modular::centred(i128::from(value), prime));
                of_rows.push(centred.collect());
            }
            assert!(of_rows.iter().all(|row| *row == of_rows[0]));
            assert!(of_rows[0].iter().all(|value| value.abs() <= 21));
            noises.push(of_rows.swap_remove(0));
        }
    }
    let count = noises.len();
    noises.sort();
    noises.dedup();
    assert_eq!(noises.len(), count, "noise was used again");
}

#[test]
fn nothing_secret_is_printed() {
    let plan = plan(Scheme::Batched, 15);
    let contexts = Contexts::new(plan.client_spec()).unwrap();
    let client = Client::new(plan.client_spec(), &contexts).unwrap();
    assert!(client.is_compact());
    let printed = format!("{client:?}");
    assert!(printed.contains("FreshEncryptor"), "{printed}");
    assert!(
        !printed.contains("factors") && !printed.contains("Lane"),
        "{printed}"
    );
}

#[test]
fn a_request_for_other_parameters_is_refused() {
    let [plan, other] = [15, 16].map(|bits| plan(Scheme::Batched, bits));
    let [contexts, others] = [&plan, &other].map(|plan| Contexts::new(plan.client_spec()).unwrap());
    assert_ne!(
        plan.client_spec().plain_moduli(),
        other.client_spec().plain_moduli()
    );
    let client = Client::new(plan.client_spec(), &contexts).unwrap();
    let images = random_images(4, &network(), 3);
    let sent = client.encrypt_compact(&images, &()).unwrap();
    assert!(sent.expand(&contexts).is_ok());
    assert!(matches!(
        sent.expand(&others),
        Err(EngineError::Seal { .. })
    ));
    assert!(sent.to_wire(&others).is_err());
    let mut bytes = Vec::new();
    let refused = client.send_compact(&others, &images, &(), &mut bytes);
    assert!(matches!(
        refused,
        Err(SendError::Encrypt(EngineError::Contexts))
    ));
    assert!(bytes.is_empty());
    // A writer that fails, and images that cannot be encrypted.
    let refused = client.send_compact(&contexts, &images, &(), &mut [0; 100][..]);
    assert!(matches!(refused, Err(SendError::Write(_))));
    let refused = client.send_compact(&contexts, &[vec![0]], &(), &mut bytes);
    assert!(matches!(
        refused,
        Err(SendError::Encrypt(EngineError::ImageSize { .. }))
    ));
}

const KNOWN: [u64; 8] = [
    476_715_559_556,
    254_506_340_917,
    169_434_652_516,
    188_275_550_147,
    184_136_177_445,
    79_198_913_028,
    193_665_769_127,
    461_715_399_058,
];
