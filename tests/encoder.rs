//! Compares the crate's encoder with SEAL's own, through SEAL's C export layer.
#![cfg(seal_c)]
#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_wrap,
    reason = "a failed test may panic; values are far below the limits of their types"
)]

use proptest::prelude::*;
use seal_sys::{bindings as c, hresult::S_OK};
use sealquant::seal::{
    BatchEncoder, Context, Error, ParametersLiteral, Plaintext, SecurityLevel, coeff_modulus,
    plain_modulus,
};
use std::ffi::c_void;
use std::ptr::null_mut;

/// `seal::BatchEncoder`.
struct Seals(*mut c_void);

impl Seals {
    fn new(context: &Context) -> Self {
        let mut encoder = null_mut();
        // SAFETY: the context is only read.
        let result =
            unsafe { c::BatchEncoder_Create(context.as_seal_ptr().cast_mut(), &raw mut encoder) };
        assert_eq!(result, S_OK);
        Self(encoder)
    }

    fn encode(&self, values: &[i64]) -> Plaintext {
        let mut plain = Plaintext::new().unwrap();
        // SAFETY: the values are only read, and their number is right.
        let result = unsafe {
            let values_ptr = values.as_ptr().cast_mut();
            let count = values.len() as u64;
            c::BatchEncoder_Encode2(self.0, count, values_ptr, plain.as_seal_mut_ptr())
        };
        assert_eq!(result, S_OK);
        plain
    }

    fn decode(&self, plain: &Plaintext, slots: usize) -> Vec<i64> {
        let mut values = vec![0; slots];
        // Since SEAL 4.4 this is read as the buffer's capacity; all versions write the number of values to it.
        let mut count = slots as u64;
        // SAFETY: SEAL writes one value for each slot, and there is room for each.
        let result = unsafe {
            let plain = plain.as_seal_ptr().cast_mut();
            c::BatchEncoder_Decode2(
                self.0,
                plain,
                &raw mut count,
                values.as_mut_ptr(),
                null_mut(),
            )
        };
        assert_eq!((result, count), (S_OK, slots as u64));
        values
    }
}

impl Drop for Seals {
    fn drop(&mut self) {
        // SAFETY: the encoder was made by `new` and is destroyed only here.
        unsafe { c::BatchEncoder_Destroy(self.0) };
    }
}

fn context(degree: usize, t_bits: i32) -> Context {
    Context::from_literal(&ParametersLiteral {
        poly_modulus_degree: degree,
        coeff_modulus: coeff_modulus::create(degree, &[60, 60])
            .unwrap()
            .into_iter()
            .map(u64::from)
            .collect(),
        plain_modulus: plain_modulus::batching(degree, &[t_bits]).unwrap()[0].value(),
        // The parameters are deliberately insecure: small degrees keep the test fast.
        security: SecurityLevel::None,
    })
    .unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn encoding_and_decoding_equal_seals(
        log_degree in 2u32..12,
        t_bits in 16i32..50,
        fill in 0.0..=1.0f64,
        seed: u64,
    ) {
        let degree = 1usize << log_degree;
        let context = context(degree, t_bits);
        let t = context.parameters().plain_modulus().value();
        let half = ((t - 1) / 2) as i64;
        let values: Vec<i64> = (0..(degree as f64 * fill) as u64)
            .map(|i| match i {
                0 => -half,
                1 => half,
                _ => ((seed ^ i).wrapping_mul(0x9e37_79b9_7f4a_7c15) % t) as i64 - half,
            })
            .collect();
        let residues: Vec<u64> = values.iter().map(|v| v.rem_euclid(t as i64) as u64).collect();
        let (ours, seals) = (BatchEncoder::new(&context).unwrap(), Seals::new(&context));

        let expected = seals.encode(&values);
        // The destination is used twice, and is longer before than after.
        let mut plain = ours.encode_i64(&values).unwrap();
        prop_assert_eq!(plain.coefficients(), expected.coefficients());
        ours.encode_u64_into(&residues, &mut plain).unwrap();
        prop_assert_eq!(plain.coefficients(), expected.coefficients());

        let mut decoded = vec![7; degree];
        ours.decode_i64_into(&expected, &mut decoded).unwrap();
        prop_assert_eq!(&decoded, &seals.decode(&expected, degree));
        prop_assert_eq!(&decoded[..values.len()], &values[..]);
        prop_assert!(decoded[values.len()..].iter().all(|&value| value == 0));
        prop_assert_eq!(&ours.decode_u64(&expected).unwrap()[..values.len()], &residues[..]);

        // A plaintext of fewer than N coefficients.
        let short = Plaintext::from_coefficients(&context, &[1, 2, 3]).unwrap();
        prop_assert_eq!(ours.decode_i64(&short).unwrap(), seals.decode(&short, degree));
    }
}

#[test]
fn the_first_value_that_does_not_fit_is_named_and_nothing_of_it_stays() {
    let context = context(64, 20);
    let t = context.parameters().plain_modulus().value();
    let half = ((t - 1) / 2) as i64;
    let encoder = BatchEncoder::new(&context).unwrap();
    let mut plain = encoder.encode_u64(&[5; 64]).unwrap();
    for (values, index) in [
        (vec![0, half, -half, half + 1, half + 1], 3),
        (vec![-half - 1], 0),
        (vec![1, i64::MIN], 1),
        (vec![i64::MAX], 0),
    ] {
        let refused = encoder.encode_i64_into(&values, &mut plain).unwrap_err();
        assert_eq!(
            refused,
            Error::ValueOutOfRange {
                operation: "BatchEncoder::encode_i64",
                index,
                value: i128::from(values[index]),
                plain_modulus: t,
            }
        );
        assert_eq!(encoder.decode_u64(&plain).unwrap(), [0; 64]);
    }
    for values in [vec![t - 1, t], vec![0, u64::MAX]] {
        let refused = encoder.encode_u64_into(&values, &mut plain).unwrap_err();
        assert!(
            matches!(refused, Error::ValueOutOfRange { index: 1, value, .. } if value == i128::from(values[1]))
        );
    }
    let mut too_short = [0; 63];
    assert!(encoder.decode_u64_into(&plain, &mut too_short).is_err());
    // A plaintext in NTT form is overwritten.
    let evaluator = sealquant::seal::Evaluator::new(&context).unwrap();
    let level = context.data_levels()[0].parms_id;
    let mut in_ntt_form = evaluator.transform_plain_to_ntt(&plain, level).unwrap();
    encoder
        .encode_u64_into(&[1, 2, 3], &mut in_ntt_form)
        .unwrap();
    assert!(!in_ntt_form.is_ntt_form());
    assert_eq!(encoder.decode_u64(&in_ntt_form).unwrap()[..4], [1, 2, 3, 0]);
}
