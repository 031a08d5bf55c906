//! Tests of what masks hide and do not hide: the partial sums of a logit in the crop and diagonal layouts.
//!
//! A mask is added as a plaintext, to polynomial 0 of the response. Decrypting the response to an honest request gives
//! masked slots. A client that sends (0, Delta m) instead of an encryption finds the partial sums in another
//! polynomial, without a mask.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed test may panic")]

use super::{Contexts, EvaluationKeys, Plan, Request, Server};
use crate::circuit::Op;
use crate::modular::{multiply, wide_residue};
use crate::network::{
    CropNetwork, Network, NetworkBuilder, Shape, SplitMix64, Twin, random_images,
};
use crate::params::{Scheme, SelectOptions, select};
use crate::seal::{
    BatchEncoder, Ciphertext, Context, Decryptor, Encryptor, Evaluator, KeyGenerator, SecretKey,
};
use num_bigint::BigInt;

/// Makes a network of a convolution without biases, a square and a linear layer.
fn network() -> Network {
    let mut random = SplitMix64::new(4);
    let mut weights = |count: usize| -> Vec<i64> {
        (0..count)
            .map(|_| [-1, 1, 2][(random.next_u64() % 3) as usize])
            .collect()
    };
    NetworkBuilder::new("partial sums", Shape::new(1, 6, 6))
        .uniform_bits(2)
        .conv2d(2, [3, 3], [1, 1], [0, 0], weights(2 * 9))
        .square()
        .flatten()
        .linear(3, weights(3 * 2 * 16))
        .bias([5, -7, 11])
        .build()
        .unwrap()
}

/// The partial sums of each ciphertext of a response by slot, without the last biases; `None` in slots that are not
/// summed.
type Sums = Vec<Vec<Option<u64>>>;

fn residue(value: &BigInt, t: u64) -> u64 {
    wide_residue(value, t)
}

fn crop_sums(_: &Plan, image: &[i64], t: u64) -> Sums {
    let network = network();
    let shape = network.input().shape;
    let crops = CropNetwork::new(&network).unwrap();
    let positions = crops.position_count();
    let twin = Twin::new(&crops.network);
    let sums = crops.last.outputs().flat_map(|(terms, _)| {
        (0..positions)
            .map(|position| {
                let elements = 0..crops.network.input().shape.len();
                let pixel = |element| crops.pixel(shape, position, element);
                let crop: Vec<i64> = elements
                    .map(|element| pixel(element).map_or(0, |index| image[index]))
                    .collect();
                let values = twin.logits(&crop).unwrap();
                let terms = terms
                    .iter()
                    .filter(|term| term.input as usize % positions == position);
                let sum: BigInt = terms
                    .map(|term| &values[term.input as usize / positions] * term.weight)
                    .sum();
                Some(residue(&sum, t))
            })
            .collect::<Vec<_>>()
    });
    vec![sums.collect()]
}

fn diagonal_sums(plan: &Plan, image: &[i64], t: u64) -> Sums {
    let slot_map = plan.client_spec().slot_map();
    let [first, _, last] = plan.layers() else {
        panic!("one square has a layer before it and one after it");
    };
    let ([Op::PlainProducts(outputs), ..], [Op::PlainProducts(responses), ..]) =
        (first.ops(), last.ops())
    else {
        panic!("both are sums of products");
    };
    let matrix = first.matrix(t);
    let mut squares = vec![0; slot_map.slots()];
    for output in outputs {
        let mut slots = vec![0; slot_map.slots()];
        for (upload, entries) in output {
            let mut values = Vec::new();
            slot_map.gather(&[image.to_vec()], *upload as usize, &mut values);
            for entry in entries {
                let (slot, weight) = (entry.slot as usize, matrix.weights()[entry.entry as usize]);
                slots[slot] = (slots[slot] + multiply(weight, values[slot] as u64, t)) % t;
            }
        }
        for (square, value) in squares.iter_mut().zip(slots) {
            *square = (*square + multiply(value, value, t)) % t;
        }
    }
    let matrix = last.matrix(t);
    responses
        .iter()
        .map(|products| {
            let mut sums = vec![None; slot_map.slots()];
            for entry in products.iter().flat_map(|(_, entries)| entries) {
                let (slot, weight) = (entry.slot as usize, matrix.weights()[entry.entry as usize]);
                sums[slot] = Some(multiply(weight, squares[slot], t));
            }
            sums
        })
        .collect()
}

/// The client's objects for one plaintext modulus.
struct Kit {
    context: Context,
    key: SecretKey,
    encoder: BatchEncoder,
    correction: u64,
    t: u64,
}

impl Kit {
    /// Returns the slots of a decrypted ciphertext.
    fn slots(&self, encrypted: &Ciphertext) -> Vec<u64> {
        let mut decryptor = Decryptor::new(&self.context, &self.key).unwrap();
        let plain = decryptor.decrypt(encrypted).unwrap();
        let slots = self.encoder.decode_u64(&plain).unwrap().into_iter();
        slots
            .map(|slot| multiply(slot, self.correction, self.t))
            .collect()
    }

    /// Encrypts slots honestly.
    fn encrypt(&self, slots: &[u64]) -> Ciphertext {
        let encryptor = Encryptor::symmetric(&self.context, &self.key).unwrap();
        let plain = self.encoder.encode_u64(slots).unwrap();
        encryptor.encrypt_symmetric(&plain).unwrap()
    }

    /// Makes (0, Delta m) for the message m of slots: polynomial 1 is what adding a plaintext would add to polynomial
    /// 0.
    fn crafted(&self, slots: &[u64]) -> Ciphertext {
        let before = self.encrypt(&[0]);
        let mut after = before.try_clone().unwrap();
        let plain = self.encoder.encode_u64(slots).unwrap();
        let evaluator = Evaluator::new(&self.context).unwrap();
        evaluator.add_plain_inplace(&mut after, &plain).unwrap();
        let degree = self.context.parameters().poly_modulus_degree();
        let half = before.limbs().len() / 2;
        let scaled = after.limbs()[..half]
            .iter()
            .zip(before.limbs())
            .zip(
                self.context
                    .primes()
                    .iter()
                    .flat_map(|&q| std::iter::repeat_n(q, degree)),
            )
            .map(|((after, before), q)| (after + q - before) % q);
        let limbs: Vec<u64> = std::iter::repeat_n(0, half).chain(scaled).collect();
        self.of_limbs(&before, &limbs)
    }

    /// Makes a ciphertext that decrypts to the content of one polynomial of `encrypted`, whatever the key is.
    fn polynomial(&self, encrypted: &Ciphertext, index: usize) -> Ciphertext {
        let length = encrypted.limbs().len() / encrypted.size();
        let mut limbs = encrypted.limbs()[index * length..(index + 1) * length].to_vec();
        limbs.resize(2 * length, 0);
        self.of_limbs(encrypted, &limbs)
    }

    fn of_limbs(&self, like: &Ciphertext, limbs: &[u64]) -> Ciphertext {
        Ciphertext::from_limbs(&self.context, like.parms_id(), 2, false, limbs).unwrap()
    }
}

fn check(scheme: Scheme, sums: impl Fn(&Plan, &[i64], u64) -> Sums) {
    let network = network();
    let options = SelectOptions {
        scheme: Some(scheme),
        images: Some(1),
        ..SelectOptions::default()
    };
    let plan = Plan::new(&network, &select(&network, &options).unwrap()).unwrap();
    let context = Contexts::new(plan.client_spec()).unwrap().contexts()[0].clone();
    let t = context.parameters().plain_modulus().value();
    let kit = Kit {
        key: KeyGenerator::new(&context).unwrap().secret_key().unwrap(),
        encoder: BatchEncoder::new(&context).unwrap(),
        correction: plan.client_spec().corrections[0],
        context,
        t,
    };
    assert_eq!(plan.parameters().plain_moduli(), [t]);
    // There is one square, so nothing is relinearised or rotated, and the server needs no keys.
    let keys = EvaluationKeys::of_seal(vec![None], vec![None]);
    let contexts = Contexts::new(plan.client_spec()).unwrap();
    let server = Server::new(&plan, &contexts, keys).unwrap();
    let image = random_images(9, &network, 3).pop().unwrap();
    let expected = sums(&plan, &image, t);
    let logits = Twin::new(&network).logits(&image).unwrap();
    let evaluate = |encrypt: &dyn Fn(&[u64]) -> Ciphertext| {
        let inputs = (0..plan.inputs()).map(|element| {
            let mut values = Vec::new();
            let slot_map = plan.client_spec().slot_map();
            slot_map.gather(std::slice::from_ref(&image), element, &mut values);
            encrypt(&values.iter().map(|&value| value as u64).collect::<Vec<_>>())
        });
        let request = Request {
            images: 1,
            parts: vec![inputs.collect()],
        };
        let response = server.evaluate(&request, &()).unwrap().response;
        response.parts.into_iter().next().unwrap()
    };
    // Number of summed slots that hold their partial sum, and number of summed slots.
    let right = |found: &[Vec<u64>]| {
        let pairs = found.iter().flatten().zip(expected.iter().flatten());
        let known = pairs.filter_map(|(found, expected)| Some((found, (*expected)?)));
        let known: Vec<bool> = known.map(|(found, expected)| *found == expected).collect();
        (known.iter().filter(|right| **right).count(), known.len())
    };

    // The honest client sees the logits, and slots that differ each time.
    let seen = [(); 2].map(|()| {
        let response = evaluate(&|slots| kit.encrypt(slots));
        let slots: Vec<Vec<u64>> = response.iter().map(|output| kit.slots(output)).collect();
        let sums = plan.client_spec().slot_map().collect(&slots, 1, t);
        let decrypted: Vec<u64> = sums.iter().map(|of_images| of_images[0]).collect();
        let residues: Vec<u64> = logits.iter().map(|logit| residue(logit, t)).collect();
        assert_eq!(decrypted, residues);
        let (right, all) = right(&slots);
        assert!(all >= 3 * 16 && right <= all / 8, "{right} of {all}");
        slots
    });
    assert_ne!(seen[0], seen[1]);

    // The client that crafts its request reads all the partial sums in the last polynomial.
    let response = evaluate(&|slots| kit.crafted(slots));
    let read: Vec<Vec<u64>> = response
        .iter()
        .map(|output| kit.slots(&kit.polynomial(output, output.size() - 1)))
        .collect();
    let (right, all) = right(&read);
    assert_eq!(right, all);
}

#[test]
fn masks_of_crops_hide_sums_from_honest_clients_only() {
    check(Scheme::Crops, crop_sums);
}

#[test]
fn masks_of_the_diagonal_layout_hide_sums_from_honest_clients_only() {
    check(Scheme::Diagonal, diagonal_sums);
}
