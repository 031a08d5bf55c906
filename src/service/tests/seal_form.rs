//! Clients that know SEAL alone: requests, keys and responses in its own format.

use num_bigint::BigInt;
use num_traits::ToPrimitive as _;

use super::kit::{Party, Running, chosen};
use crate::{
    engine::ClientSpec,
    modular::{Crt, multiply, residue},
    network::Twin,
    params::{BoundRule, Line, Scheme, SelectOptions},
    seal::{
        BatchEncoder, Ciphertext, Compression, Context, Decryptor, Encryptor, KeyGenerator,
        ParametersLiteral, Plaintext, SecretKey,
    },
    service::{KeyHash, ServiceLimits},
    wire::{Limits, SealObject as _},
};

/// A client that has `client.json`, and SEAL.
struct SealClient<'a> {
    spec: &'a ClientSpec,
    contexts: Vec<Context>,
    secret: SecretKey,
}

impl<'a> SealClient<'a> {
    fn new(spec: &'a ClientSpec) -> Self {
        let contexts = spec.plain_moduli().iter().map(|&t| context(spec, t));
        let contexts: Vec<Context> = contexts.collect();
        let secret = KeyGenerator::new(&contexts[0]).unwrap().secret_key();
        Self {
            spec,
            secret: secret.unwrap(),
            contexts,
        }
    }

    /// Makes keys: relinearisation keys, then Galois keys.
    fn keys(&self, compression: Compression, seeded: bool) -> Vec<u8> {
        let mut generator = KeyGenerator::from_secret_key(&self.contexts[0], &self.secret).unwrap();
        let mut bytes = Vec::new();
        // A key that no one needs, too.
        let mut elements = self.spec.galois_elements().to_vec();
        if seeded {
            elements.push(2 * self.spec.poly_modulus_degree() as u32 - 3);
        }
        if self.spec.needs_relin_keys() {
            bytes.extend(if seeded {
                generator.seal_bytes_relin_keys(compression).unwrap()
            } else {
                let keys = generator.create_relin_keys().unwrap();
                keys.seal_bytes(compression).unwrap()
            });
        }
        bytes.extend(if seeded {
            let keys = generator.seal_bytes_galois_keys_of_elements(&elements, compression);
            keys.unwrap()
        } else {
            let keys = generator.create_galois_keys_of_elements(&elements).unwrap();
            keys.seal_bytes(compression).unwrap()
        });
        bytes
    }

    fn request(&self, images: &[Vec<i64>], compression: Compression) -> Vec<u8> {
        let (spec, mut bytes) = (self.spec, Vec::new());
        let encoded: Vec<Vec<Plaintext>> = self
            .contexts
            .iter()
            .map(|context| {
                let t = context.parameters().plain_modulus().value();
                let encoder = BatchEncoder::new(context).unwrap();
                let encode = |input| {
                    let mut slots = Vec::new();
                    spec.slot_map().gather(images, input, &mut slots);
                    let values = slots.iter().map(|&value| residue(value.into(), t));
                    encoder.encode_u64(&values.collect::<Vec<_>>()).unwrap()
                };
                (0..spec.inputs()).map(encode).collect()
            })
            .collect();
        let mut encrypt = |context: &Context, plain: &Plaintext| {
            let secret = self.secret.for_context(context).unwrap();
            let encryptor = Encryptor::symmetric(context, &secret).unwrap();
            bytes.extend(encryptor.seal_bytes_symmetric(plain, compression).unwrap());
        };
        if spec.uploads() == self.contexts.len() {
            for (context, plains) in self.contexts.iter().zip(&encoded) {
                for plain in plains {
                    encrypt(context, plain);
                }
            }
        } else {
            let product = spec.plain_moduli().iter().product();
            let joined = context(spec, product);
            for input in 0..spec.inputs() {
                let of_primes: Vec<&Plaintext> =
                    encoded.iter().map(|plains| &plains[input]).collect();
                encrypt(&joined, &join(spec, &joined, &of_primes));
            }
        }
        bytes
    }

    /// Decrypts a response to the logits of each image.
    fn decrypt(&self, mut response: &[u8], images: usize) -> Vec<Vec<BigInt>> {
        let spec = self.spec;
        let mut residues = Vec::new();
        for (context, &correction) in self.contexts.iter().zip(&spec.corrections) {
            let t = context.parameters().plain_modulus().value();
            let secret = self.secret.for_context(context).unwrap();
            let mut decryptor = Decryptor::new(context, &secret).unwrap();
            let encoder = BatchEncoder::new(context).unwrap();
            let outputs = (0..spec.outputs()).map(|_| {
                let before = response;
                let limits = Limits::default();
                Ciphertext::read_seal(context, &mut response, &limits).unwrap();
                let bytes = &before[..before.len() - response.len()];
                // SEAL's own loader, as a client has it.
                let encrypted = Ciphertext::from_seal_bytes_trusted(context, bytes).unwrap();
                let plain = decryptor.decrypt(&encrypted).unwrap();
                let slots = encoder.decode_u64(&plain).unwrap();
                let corrected = slots.iter().map(|&slot| multiply(slot, correction, t));
                corrected.collect()
            });
            let outputs: Vec<Vec<u64>> = outputs.collect();
            residues.push(spec.slot_map().collect(&outputs, images, t));
        }
        assert!(response.is_empty());
        let crt = Crt::new(spec.plain_moduli());
        let logit = |logit: usize, image: usize| {
            let residues: Vec<u64> = residues.iter().map(|of| of[logit][image]).collect();
            crt.centred(&residues)
        };
        (0..images)
            .map(|image| {
                (0..spec.slot_map().logits())
                    .map(|at| logit(at, image))
                    .collect()
            })
            .collect()
    }
}

fn context(spec: &ClientSpec, plain_modulus: u64) -> Context {
    Context::from_literal(&ParametersLiteral {
        poly_modulus_degree: spec.poly_modulus_degree(),
        coeff_modulus: spec.coeff_modulus().to_vec(),
        plain_modulus,
        security: spec.security,
    })
    .unwrap()
}

/// Joins the plaintexts of all plain primes to one modulo their product.
fn join(spec: &ClientSpec, joined: &Context, plains: &[&Plaintext]) -> Plaintext {
    let crt = Crt::new(spec.plain_moduli());
    let product = joined.parameters().plain_modulus().value();
    let coefficients = (0..spec.poly_modulus_degree()).map(|at| {
        let residue_of = |plain: &&Plaintext| plain.coefficients().get(at).copied().unwrap_or(0);
        let residues: Vec<u64> = plains.iter().map(residue_of).collect();
        residue(crt.centred(&residues).to_i128().unwrap(), product)
    });
    Plaintext::from_coefficients(joined, &coefficients.collect::<Vec<_>>()).unwrap()
}

fn send(running: &Running, call: &str, more: &str, body: &[u8]) -> (u16, String, Vec<u8>) {
    let head = format!(
        "{call} HTTP/1.1\r\nContent-Type: application/vnd.seal\r\nContent-Length: {}{more}",
        body.len()
    );
    running.call(&head, body)
}

/// Sends images as a client of SEAL does, and compares every logit with exact evaluation.
fn classify(running: &Running, party: &Party, compression: Compression, seeded: bool) {
    let client = SealClient::new(party.plan.client_spec());
    let images: Vec<Vec<i64>> = [[1, 2, 3], [3, 0, 1]].map(Vec::from).into();
    let images = &images[..images.len().min(party.plan.batch_size())];
    let mut key = String::new();
    if party.contexts.needs_keys() {
        let keys = client.keys(compression, seeded);
        let hash = KeyHash::of(&keys);
        let path = format!("PUT /v1/keys/{hash}");
        let (status, _, body) = send(running, &path, "", &keys);
        assert_eq!(status, 201, "{}", String::from_utf8_lossy(&body));
        key = format!("\r\nSealquant-Key: {hash}");
    }
    let request = client.request(images, compression);
    let path = format!("POST /v1/deployments/{}/evaluate", party.id());
    let (status, head, body) = send(running, &path, &key, &request);
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
    assert!(
        head.contains("content-type: application/vnd.seal"),
        "{head}"
    );
    let twin = Twin::new(party.deployment.network());
    assert_eq!(
        client.decrypt(&body, images.len()),
        twin.logits_batch(images).unwrap()
    );
}

#[test]
fn clients_of_seal_get_the_logits_of_the_twin() {
    let parties = [Scheme::Batched, Scheme::Diagonal].map(Party::new);
    let hosted: Vec<_> = parties.iter().map(|party| &party.deployment).collect();
    let running = Running::new(&hosted, ServiceLimits::default());
    for party in &parties {
        classify(&running, party, Compression::None, false);
        classify(&running, party, Compression::SealDefault, true);
    }
}

#[test]
fn several_plain_primes_serve_clients_of_seal() {
    let slow = Line {
        bits_per_second: std::num::NonZeroU64::MIN,
        ..Line::default()
    };
    let party = |scheme, line, bits: u32| {
        Party::of(chosen(&SelectOptions {
            scheme: Some(scheme),
            images: Some(1),
            bound: BoundRule::Observed {
                magnitude: BigInt::from(1_u64) << bits,
                source: "a test".to_owned(),
            },
            line: Some(line),
            ..SelectOptions::default()
        }))
    };
    // The product of the plain primes exceeds the first prime of q: SEAL's chain for it ends earlier.
    let shared = party(Scheme::Batched, slow, 52);
    let rotating = party(Scheme::Diagonal, Line::default(), 40);
    let spec = shared.plan.client_spec();
    assert!(spec.shared_upload);
    assert!(spec.plain_moduli().iter().product::<u64>() > spec.coeff_modulus()[0]);
    assert!(rotating.plan.client_spec().plain_moduli().len() > 1);
    let running = Running::new(
        &[&shared.deployment, &rotating.deployment],
        ServiceLimits::default(),
    );
    for party in [&shared, &rotating] {
        classify(&running, party, Compression::SealDefault, true);
    }
}

#[test]
fn what_seal_did_not_write_for_this_deployment_is_refused() {
    let party = Party::new(Scheme::Diagonal);
    let running = Running::new(&[&party.deployment], ServiceLimits::default());
    let client = SealClient::new(party.plan.client_spec());
    let keys = client.keys(Compression::None, true);
    let put = |bytes: &[u8]| {
        let path = format!("PUT /v1/keys/{}", KeyHash::of(bytes));
        let (status, _, body) = send(&running, &path, "", bytes);
        (status, String::from_utf8(body).unwrap())
    };
    let status = |bytes: &[u8]| put(bytes).0;
    assert_eq!(status(&keys[..keys.len() - 1]), 422);
    assert_eq!(status(&[keys.as_slice(), &[0]].concat()), 422);
    assert_eq!(status(party.keys.as_ref().unwrap()), 422);
    assert_eq!(status(b""), 422);
    // The Galois keys alone.
    let relin = u64::from_le_bytes(keys[8..16].try_into().unwrap()) as usize;
    assert_eq!(status(&keys[relin..]), 422);
    let lacking = {
        let mut generator =
            KeyGenerator::from_secret_key(&client.contexts[0], &client.secret).unwrap();
        let some = &party.plan.client_spec().galois_elements()[1..];
        let galois = generator.seal_bytes_galois_keys_of_elements(some, Compression::None);
        [&keys[..relin], &galois.unwrap()].concat()
    };
    let (refused, text) = put(&lacking);
    assert_eq!(refused, 422);
    assert!(text.contains("Galois element"), "{text}");
    assert_eq!(status(&keys), 201);
    assert_eq!(status(&keys), 204);

    let key = format!("\r\nSealquant-Key: {}", KeyHash::of(&keys));
    let path = format!("POST /v1/deployments/{}/evaluate", party.id());
    let request = client.request(&[vec![1, 2, 3]], Compression::None);
    let status = |bytes: &[u8]| send(&running, &path, &key, bytes).0;
    assert_eq!(status(&request), 200);
    assert_eq!(status(&request[..request.len() - 1]), 422);
    assert_eq!(status(&[request.as_slice(), &request].concat()), 422);
    assert_eq!(status(&vec![0; 1 << 26]), 413);
    // Another form than the type says.
    assert_eq!(status(&party.request(&[vec![1, 2, 3]])), 415);
    let mut other = request.clone();
    // The first byte of the parms_id.
    other[16] ^= 1;
    assert_eq!(status(&other), 422);
    assert_eq!(status(&request), 200);
}
