//! Tests every operation over a grid of degrees, chains and plaintext moduli, against polynomial arithmetic in Rust.
//!
//! Plaintexts are polynomials modulo x^N + 1 and t, so the grid also includes plaintext moduli without batching. One
//! factor of each product has few terms, because the reference multiplies term by term.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_wrap,
    reason = "a failed test may panic; degrees are far below the limits of i32"
)]

mod bfv_kit;

use bfv_kit::{Kit, T};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use sealquant::seal::{Ciphertext, Rotation};

/// A small generator of reproducible test values.
struct Values(u64);

impl Values {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn dense(&mut self, kit: &Kit) -> Vec<u64> {
        (0..kit.degree).map(|_| self.next() % kit.t).collect()
    }

    /// Generates a non-zero polynomial of up to five terms, one of them at the highest degree.
    fn sparse(&mut self, kit: &Kit) -> Vec<u64> {
        let mut polynomial = vec![0; kit.degree];
        polynomial[kit.degree - 1] = 1 + self.next() % (kit.t - 1);
        for _ in 0..4 {
            let place = self.next() as usize % kit.degree;
            polynomial[place] = self.next() % kit.t;
        }
        polynomial[kit.degree - 1] = polynomial[kit.degree - 1].max(1);
        polynomial
    }
}

fn zip(kit: &Kit, a: &[u64], b: &[u64], f: fn(u128, u128, u128) -> u128) -> Vec<u64> {
    let t = u128::from(kit.t);
    a.iter()
        .zip(b)
        .map(|(&x, &y)| (f(x.into(), y.into(), t) % t) as u64)
        .collect()
}

fn add(kit: &Kit, a: &[u64], b: &[u64]) -> Vec<u64> {
    zip(kit, a, b, |x, y, _| x + y)
}

fn sub(kit: &Kit, a: &[u64], b: &[u64]) -> Vec<u64> {
    zip(kit, a, b, |x, y, t| x + t - y)
}

fn negate(kit: &Kit, a: &[u64]) -> Vec<u64> {
    sub(kit, &vec![0; kit.degree], a)
}

/// Computes a * b modulo x^N + 1 and t, one term of b at a time.
fn multiply(kit: &Kit, a: &[u64], b: &[u64]) -> Vec<u64> {
    let (n, t) = (kit.degree, u128::from(kit.t));
    let mut product = vec![0u128; n];
    for (shift, &factor) in b.iter().enumerate().filter(|&(_, &factor)| factor != 0) {
        for (place, &value) in a.iter().enumerate() {
            let term = u128::from(value) * u128::from(factor) % t;
            let at = place + shift;
            let (at, term) = if at < n {
                (at, term)
            } else {
                (at - n, t - term)
            };
            product[at] = (product[at] + term) % t;
        }
    }
    product.into_iter().map(|value| value as u64).collect()
}

/// Applies x -> x^element.
fn automorphism(kit: &Kit, a: &[u64], element: usize) -> Vec<u64> {
    let n = kit.degree;
    let mut image = vec![0; n];
    for (place, &value) in a.iter().enumerate() {
        let at = place * element % (2 * n);
        image[at % n] = if at < n {
            value
        } else {
            (kit.t - value) % kit.t
        };
    }
    image
}

#[track_caller]
fn expect(kit: &Kit, encrypted: &Ciphertext, expected: &[u64]) {
    let actual = kit.decrypt(encrypted);
    let wrong = actual.iter().zip(expected).position(|(a, b)| a != b);
    if let Some(place) = wrong {
        panic!(
            "N = {}, t = {}, {} primes, size {}: coefficient {place} is {}, not {}",
            kit.degree,
            kit.t,
            encrypted.coeff_modulus_size(),
            encrypted.size(),
            actual[place],
            expected[place]
        );
    }
}

/// Checks sums, differences and products with plaintexts, for any size and level.
fn linear(kit: &Kit, encrypted: &Ciphertext, value: &[u64], values: &mut Values) {
    let ev = &kit.evaluator;
    let b = values.dense(kit);
    let pb = kit.plain(&b);
    expect(kit, &ev.negate(encrypted).unwrap(), &negate(kit, value));
    expect(
        kit,
        &ev.add_plain(encrypted, &pb).unwrap(),
        &add(kit, value, &b),
    );
    expect(
        kit,
        &ev.sub_plain(encrypted, &pb).unwrap(),
        &sub(kit, value, &b),
    );
    let zero = kit.plain(&[]);
    expect(kit, &ev.add_plain(encrypted, &zero).unwrap(), value);
    expect(kit, &ev.sub_plain(encrypted, &zero).unwrap(), value);

    let mut other = kit.encrypt(&b);
    ev.mod_switch_to_inplace(&mut other, encrypted.parms_id())
        .unwrap();
    expect(
        kit,
        &ev.add(encrypted, &other).unwrap(),
        &add(kit, value, &b),
    );
    expect(
        kit,
        &ev.add(&other, encrypted).unwrap(),
        &add(kit, value, &b),
    );
    expect(
        kit,
        &ev.sub(encrypted, &other).unwrap(),
        &sub(kit, value, &b),
    );
    expect(
        kit,
        &ev.sub(&other, encrypted).unwrap(),
        &sub(kit, &b, value),
    );

    // A monomial costs no noise, so it works at every level and in both forms.
    let mut monomial = vec![0; kit.degree];
    monomial[values.next() as usize % kit.degree] = 1;
    let plain = kit.plain(&monomial);
    let expected = multiply(kit, value, &monomial);
    expect(
        kit,
        &ev.multiply_plain(encrypted, &plain).unwrap(),
        &expected,
    );
    let ntt_plain = ev
        .transform_plain_to_ntt(&plain, encrypted.parms_id())
        .unwrap();
    let mut product = ev.transform_to_ntt(encrypted).unwrap();
    ev.multiply_plain_inplace(&mut product, &ntt_plain).unwrap();
    ev.transform_from_ntt_inplace(&mut product).unwrap();
    expect(kit, &product, &expected);
}

fn every_operation(kit: &Kit, seed: u64) {
    let values = &mut Values(seed);
    let ev = &kit.evaluator;
    let (a, b, c) = (values.dense(kit), values.sparse(kit), values.sparse(kit));
    let (ca, cb, cc) = (kit.encrypt(&a), kit.encrypt(&b), kit.encrypt(&c));
    expect(kit, &ca, &a);
    expect(kit, &kit.encryptor.encrypt(&kit.plain(&a)).unwrap(), &a);
    linear(kit, &ca, &a, values);

    let ab = multiply(kit, &a, &b);
    expect(kit, &ev.multiply_plain(&ca, &kit.plain(&b)).unwrap(), &ab);
    let long = ev.multiply(&ca, &cb).unwrap();
    assert_eq!(long.size(), 3);
    expect(kit, &long, &ab);
    linear(kit, &long, &ab, values);
    expect(kit, &ev.square(&cb).unwrap(), &multiply(kit, &b, &b));
    let longer = ev.multiply(&long, &cc).unwrap();
    assert_eq!(longer.size(), 4);
    expect(kit, &longer, &multiply(kit, &ab, &c));
    let mut short = ca.try_clone().unwrap();
    ev.relinearize_into(&long, &kit.relin_keys, &mut short)
        .unwrap();
    assert_eq!(short.size(), 2);
    expect(kit, &short, &ab);

    // Test sizes 2 and 3 at every level; at the lowest, where noise is largest, only sums and monomials.
    let (mut low, mut low_long) = (ca.try_clone().unwrap(), long.try_clone().unwrap());
    for level in &kit.context.data_levels()[1..] {
        ev.mod_switch_to_next_inplace(&mut low).unwrap();
        ev.mod_switch_to_inplace(&mut low_long, level.parms_id)
            .unwrap();
        assert_eq!((low.parms_id(), low_long.size()), (level.parms_id, 3));
        expect(kit, &low_long, &ab);
    }
    linear(kit, &low, &a, values);
    for level in kit.context.data_levels() {
        for zero in [
            kit.encryptor.encrypt_zero_at(level.parms_id),
            kit.encryptor.encrypt_zero_symmetric_at(level.parms_id),
        ] {
            let zero = zero.unwrap();
            assert_eq!(zero.parms_id(), level.parms_id);
            // The public key is masked by a ternary polynomial, which may be zero for a tiny degree.
            assert!(kit.degree < 64 || !zero.is_transparent());
            expect(kit, &zero, &vec![0; kit.degree]);
        }
    }

    let all = [ca, cb, cc];
    let sum = add(kit, &add(kit, &a, &b), &c);
    expect(kit, &ev.add_many(&all).unwrap(), &sum);
    let product = ev.multiply_many(&all, &kit.relin_keys).unwrap();
    assert_eq!(product.size(), 2);
    expect(kit, &product, &multiply(kit, &ab, &c));
    let [ca, cb, _] = all;
    let cube = ev.exponentiate(&cb, 3, &kit.relin_keys).unwrap();
    expect(kit, &cube, &multiply(kit, &multiply(kit, &b, &b), &b));

    key_switches(kit, &ca, &a);
    key_switches(kit, &low, &a);
}

fn key_switches(kit: &Kit, encrypted: &Ciphertext, value: &[u64]) {
    let ev = &kit.evaluator;
    let last = 2 * kit.degree - 1;
    for element in [3, last] {
        let image = ev.apply_galois(encrypted, element as u32, &kit.galois_keys);
        expect(kit, &image.unwrap(), &automorphism(kit, value, element));
    }
    let Some(encoder) = &kit.encoder else { return };
    let slots = encoder.decode_u64(&kit.plain(value)).unwrap();
    let half = slots.len() / 2;
    // SEAL composes 3 from 4 and -1.
    for step in [1i32, -1, 4, 3] {
        let rotated = ev.rotate_rows(encrypted, step, &kit.galois_keys).unwrap();
        let expected: Vec<u64> = (0..slots.len())
            .map(|slot| {
                let column = (slot % half) as i32 + step;
                slots[slot / half * half + column.rem_euclid(half as i32) as usize]
            })
            .collect();
        let actual = encoder
            .decode_u64(&kit.plain(&kit.decrypt(&rotated)))
            .unwrap();
        assert_eq!(actual, expected, "N = {}, {step} steps", kit.degree);
        assert!(
            kit.galois_keys
                .has(&kit.context, Rotation::Rows(step))
                .unwrap()
                != (step == 3)
        );
    }
    let swapped = ev.rotate_columns(encrypted, &kit.galois_keys).unwrap();
    let actual = encoder
        .decode_u64(&kit.plain(&kit.decrypt(&swapped)))
        .unwrap();
    assert!((0..slots.len()).all(|slot| actual[slot] == slots[(slot + half) % slots.len()]));
}

fn grid_point(cases: u32, degree: usize, prime_bits: &[i32], t: T) {
    let kit = Kit::new(degree, prime_bits, t);
    let config = ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(cases)
    };
    TestRunner::new(config)
        .run(&any::<u64>(), |seed| {
            every_operation(&kit, seed);
            Ok(())
        })
        .unwrap();
}

macro_rules! grid {
    ($($name:ident: $cases:literal x $degree:literal, $chain:expr, $t:expr;)*) => {
        $(
            #[test]
            fn $name() {
                grid_point($cases, $degree, &$chain, $t);
            }
        )*
    };
}

grid! {
    degree_1024_batching: 4 x 1024, [50, 50, 51], T::Batching(14);
    degree_1024_power_of_two: 4 x 1024, [60, 60, 60], T::Value(256);
    degree_1024_two: 4 x 1024, [60, 60], T::Value(2);
    degree_2048_four_primes: 3 x 2048, [40, 40, 40, 41], T::Batching(16);
    degree_2048_five_primes: 3 x 2048, [50, 50, 50, 50, 50], T::Batching(20);
    degree_2048_ascending: 3 x 2048, [30, 40, 50, 60], T::Value(10_001);
    degree_4096_batching: 2 x 4096, [54, 54, 55], T::Batching(17);
    degree_4096_one_data_prime: 2 x 4096, [60, 60], T::Value(3);
    degree_8192_batching: 1 x 8192, [43, 43, 44, 44, 44], T::Batching(20);
    degree_8192_composite: 1 x 8192, [59, 59, 60], T::Value(1000);
    degree_16384_wide: 1 x 16384, [48, 48, 48, 49, 49, 49], T::Batching(30);
}

/// Tests degrees far below any practical use, because the transforms have special cases there.
#[test]
fn the_smallest_degrees_agree_too() {
    for degree in [4usize, 8, 16, 32, 64, 128, 256, 512] {
        let kit = Kit::new(degree, &[50, 50, 50], T::Value(100));
        for seed in 0..4 {
            every_operation(&kit, seed);
        }
    }
}
