//! Fixed messages of the engine's kinds, for the same small, insecure parameters. They are assembled from the bodies of
//! single-object messages, so no network, plan or secret key is needed.

use super::{DEGREE, PRIMES, Random, parameters};
use sealquant::engine::Contexts;
use sealquant::seal::Context;
use sealquant::wire::{CHECKSUM_BYTES, HEADER_BYTES, Kind, MAGIC, Scope, VERSION};
use sha2::{Digest as _, Sha256};

/// Number of ciphertexts of a request and of a response, for each plain prime.
const INPUTS: usize = 3;
const OUTPUTS: usize = 2;

/// Builds a plan with two plain primes and evaluation keys. The first context is that of the other messages.
pub fn plan(first: &Context) -> Contexts {
    let second = parameters(DEGREE, &PRIMES, 193);
    Contexts::from_contexts(vec![first.clone(), second], INPUTS, OUTPUTS, true).unwrap()
}

/// Builds a message whose body consists of `count` copies of the body of a single object's message.
fn repeated(
    plan: &Contexts,
    kind: Kind,
    single: &[u8],
    count: usize,
    numbers: [u32; 3],
) -> Vec<u8> {
    let body = &single[HEADER_BYTES..single.len() - CHECKSUM_BYTES];
    // NTT form, polynomials and primes are those of the single message.
    let shape = [single[7], single[32], single[34]];
    message(
        (kind, plan.fingerprint().0),
        shape,
        numbers,
        &body.repeat(count),
    )
}

/// Builds a message: its kind and fingerprint; NTT form, polynomials and primes; parts, items and images; its body.
fn message(
    (kind, fingerprint): (Kind, [u8; 16]),
    [is_ntt_form, polynomials, primes]: [u8; 3],
    numbers: [u32; 3],
    body: &[u8],
) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend(MAGIC);
    bytes.extend(VERSION.to_le_bytes());
    bytes.extend([kind as u8, is_ntt_form]);
    bytes.extend(fingerprint);
    bytes.extend((body.len() as u64).to_le_bytes());
    bytes.extend([polynomials, 0, primes, 0]);
    for number in numbers {
        bytes.extend(number.to_le_bytes());
    }
    bytes.extend(body);
    let digest = xxhash_rust::xxh3::xxh3_64(&bytes);
    bytes.extend(digest.to_le_bytes());
    bytes
}

/// Builds a message of each of the engine's kinds, with its name, from the messages of the BFV layer.
pub fn messages(
    plan: &Contexts,
    singles: &[(&'static str, Vec<u8>)],
) -> Vec<(&'static str, Vec<u8>)> {
    let parts = plan.contexts().len();
    let images = 5;
    [
        ("evaluation_keys", Kind::EvaluationKeys, "relin_keys", 1, 0),
        (
            "seeded_evaluation_keys",
            Kind::SeededEvaluationKeys,
            "seeded_relin_keys",
            1,
            0,
        ),
        ("request", Kind::Request, "ciphertext", INPUTS, images),
        (
            "seeded_request",
            Kind::SeededRequest,
            "seeded_ciphertext",
            INPUTS,
            images,
        ),
        ("response", Kind::Response, "ciphertext", OUTPUTS, images),
    ]
    .into_iter()
    .map(|(name, kind, single, items, images)| {
        let (_, single) = singles.iter().find(|(name, _)| *name == single).unwrap();
        let numbers = [parts as u32, items as u32, images];
        (name, repeated(plan, kind, single, parts * items, numbers))
    })
    .chain([
        ("compact_request", compact(plan, singles, images)),
        ("compact_keys", compact_keys(plan, singles)),
        ("compact_response", compact_response(plan, images)),
        ("pad", pad(plan, singles)),
        ("masked_image", masked_image(plan)),
        ("prepared_pad", prepared_pad(plan, singles)),
    ])
    .collect()
}

/// Builds compact keys for squares from a seeded public key: one seed, and copies of its first polynomial for each digit.
fn compact_keys(plan: &Contexts, singles: &[(&'static str, Vec<u8>)]) -> Vec<u8> {
    let find = |(name, _): &&(&str, Vec<u8>)| *name == "seeded_public_key";
    let (_, single) = singles.iter().find(find).unwrap();
    let polynomial = &single[HEADER_BYTES + 64..single.len() - CHECKSUM_BYTES];
    let parameters = plan.contexts()[0].parameters();
    let primes = parameters.coeff_modulus();
    let digits = primes.len() - 1;
    let mut words = vec![parameters.poly_modulus_degree() as u64, primes.len() as u64];
    words.extend(primes.iter().map(|prime| prime.value()));
    // No rotation, and all data primes.
    words.extend([0, digits as u64]);
    let mut hash = Sha256::new();
    hash.update(b"sealquant keys 1");
    for word in words {
        hash.update(word.to_le_bytes());
    }
    let body = [&[7; 32], polynomial.repeat(digits).as_slice()].concat();
    let mut fingerprint = [0; 16];
    fingerprint.copy_from_slice(&hash.finalize()[..16]);
    let shape = [1, 2, primes.len() as u8];
    message((Kind::CompactKeys, fingerprint), shape, [1, 1, 0], &body)
}

/// Builds a compact response: the widths, and random bytes for each polynomial, with zero bits after the last
/// coefficient.
pub fn compact_response(plan: &Contexts, images: u32) -> Vec<u8> {
    let parameters = plan.contexts()[0].parameters();
    let width = 64 - parameters.coeff_modulus()[0].value().leading_zeros();
    let (parts, outputs) = (plan.contexts().len(), plan.outputs());
    let bits = parameters.poly_modulus_degree() * width as usize;
    let mut body = vec![width as u8; 2];
    let mut random = Random(16);
    for _ in 0..2 * parts * outputs {
        body.extend((0..bits.div_ceil(8)).map(|_| random.next() as u8));
        let last = body.last_mut().unwrap();
        *last &= 0xFF >> (bits.next_multiple_of(8) - bits);
    }
    let numbers = [parts as u32, outputs as u32, images];
    message(
        (Kind::CompactResponse, plan.fingerprint().0),
        [0, 2, 1],
        numbers,
        &body,
    )
}

/// Builds a pad: a deployment, a number and the body of a compact request.
fn pad(plan: &Contexts, singles: &[(&'static str, Vec<u8>)]) -> Vec<u8> {
    let request = compact(plan, singles, 1);
    let body = &request[HEADER_BYTES..request.len() - CHECKSUM_BYTES];
    let body = [&[5; 16], &[6; 16], body].concat();
    let numbers = [plan.contexts().len() as u32, INPUTS as u32, 1];
    let shape = [1, request[32], request[34]];
    message((Kind::Pad, plan.fingerprint().0), shape, numbers, &body)
}

/// Builds a masked image: a deployment, a number, and packed residues for each plain prime, with zero bits after the last.
/// These contexts were made without a network, so an image has as many values as a request has ciphertexts.
fn masked_image(plan: &Contexts) -> Vec<u8> {
    let mut body = [[5; 16], [6; 16]].concat();
    let mut random = Random(18);
    for context in plan.contexts() {
        let t = context.parameters().plain_modulus().value();
        let width = 64 - t.leading_zeros() as usize;
        let residues = (0..INPUTS).map(|at| (random.next() % t) << (at * width));
        let packed = residues.fold(0, |packed, residue| packed | residue);
        body.extend(&packed.to_le_bytes()[..(INPUTS * width).div_ceil(8)]);
    }
    let numbers = [plan.contexts().len() as u32, INPUTS as u32, 1];
    message(
        (Kind::MaskedImage, plan.fingerprint().0),
        [0; 3],
        numbers,
        &body,
    )
}

/// Builds a prepared pad: a first layer, keys, a number, and copies of a ciphertext in NTT form.
fn prepared_pad(plan: &Contexts, singles: &[(&'static str, Vec<u8>)]) -> Vec<u8> {
    let find = |(name, _): &&(&str, Vec<u8>)| *name == "ciphertext";
    let (_, single) = singles.iter().find(find).unwrap();
    let parts = plan.contexts().len();
    let ciphertexts = single[HEADER_BYTES..single.len() - CHECKSUM_BYTES].repeat(2 * parts);
    let body = [&[4; 16], &[3; 16], &[6; 16], ciphertexts.as_slice()].concat();
    message(
        (Kind::PreparedPad, plan.fingerprint().0),
        [1, single[32], single[34]],
        [parts as u32, 2, 1],
        &body,
    )
}

/// Builds a compact request from a seeded ciphertext: one seed, and copies of its first polynomial.
fn compact(plan: &Contexts, singles: &[(&'static str, Vec<u8>)], images: u32) -> Vec<u8> {
    let find = |(name, _): &&(&str, Vec<u8>)| *name == "seeded_ciphertext";
    let (_, single) = singles.iter().find(find).unwrap();
    let polynomial = &single[HEADER_BYTES + 64..single.len() - CHECKSUM_BYTES];
    let parts = plan.contexts().len();
    let body = [&[7; 32], polynomial.repeat(parts * INPUTS).as_slice()].concat();
    let shape = [1, single[32], single[34]];
    let numbers = [parts as u32, INPUTS as u32, images];
    message(
        (Kind::CompactRequest, plan.fingerprint().0),
        shape,
        numbers,
        &body,
    )
}
