//! Operations on ciphertexts.
//!
//! Most have two forms: `x_inplace` overwrites its first ciphertext, `x` returns a new one (a copy, then `x_inplace`,
//! which is what SEAL does too). To reuse memory, [`Ciphertext::assign`] into a destination and work in place.
//!
//! Depth is counted in multiplications of ciphertexts. Costs are relative; `docs/` holds measured ones.

use super::ciphertext::Ciphertext;
use super::context::{Context, ParmsId};
use super::error::{Error, Named, Result};
use super::keys::{GaloisKeys, RelinKeys};
use super::plaintext::Plaintext;
use crate::ffi::evaluator::bridge;
use cxx::UniquePtr;

/// Computes on ciphertexts without any secret. One may be shared by all threads.
pub struct Evaluator {
    inner: UniquePtr<bridge::Evaluator>,
}

// SAFETY: a `seal::Evaluator` holds nothing but a context of const data (seal/evaluator.h); it is not tied to a thread.
unsafe impl Send for Evaluator {}
// SAFETY: all its functions are const and allocate from the global thread-safe pool. The one lazy table of the
// context, `GaloisTool::permutation_tables_`, is filled by `apply_galois_ntt` only, which SEAL calls for CKKS; BFV
// rotates by `apply_galois` (`Evaluator::apply_galois_inplace`, seal/evaluator.cpp).
unsafe impl Sync for Evaluator {}

/// Defines `$inplace`, which calls the bridge, and `$name`, which works on a copy.
macro_rules! operation {
    (
        $(#[$documentation:meta])*
        $name:ident, $inplace:ident, $bridge:ident, $label:literal, ($($argument:ident: $type:ty => $pass:expr),*)
        $(, size $expected:literal)?
    ) => {
        $(#[$documentation])*
        pub fn $inplace(&self, encrypted: &mut Ciphertext $(, $argument: $type)*) -> Result<()> {
            $(check_size($label, encrypted, $expected)?;)?
            bridge::$bridge(&self.inner, encrypted.as_ffi_mut() $(, $pass)*).named($label)
        }

        #[doc = concat!("As [`Evaluator::", stringify!($inplace), "`], into a new ciphertext.")]
        ///
        /// # Errors
        #[doc = concat!("As [`Evaluator::", stringify!($inplace), "`].")]
        pub fn $name(&self, encrypted: &Ciphertext $(, $argument: $type)*) -> Result<Ciphertext> {
            let mut result = encrypted.try_clone()?;
            self.$inplace(&mut result $(, $argument)*)?;
            Ok(result)
        }
    };
}

impl Evaluator {
    /// An evaluator for a context.
    ///
    /// # Errors
    /// [`Error::Seal`] if memory is exhausted.
    pub fn new(context: &Context) -> Result<Self> {
        Ok(Self {
            inner: bridge::evaluator_new(context.as_ffi()).named("Evaluator::new")?,
        })
    }

    operation!(
        /// -a. Cost: one pass over the limbs; no noise.
        ///
        /// # Errors
        /// [`Error::Seal`] if the ciphertext is empty or made for other parameters.
        negate, negate_inplace, evaluator_negate_inplace, "Evaluator::negate", ()
    );
    operation!(
        /// a + b, of any sizes. Cost: one pass over the limbs; about one bit of noise.
        ///
        /// # Errors
        /// [`Error::Seal`] if levels or forms differ, or the result is transparent.
        add, add_inplace, evaluator_add_inplace, "Evaluator::add", (other: &Ciphertext => other.as_ffi())
    );
    operation!(
        /// a - b, of any sizes. Cost: one pass over the limbs; about one bit of noise.
        ///
        /// # Errors
        /// [`Error::Seal`] if levels or forms differ, or the result is transparent (as a - a is).
        sub, sub_inplace, evaluator_sub_inplace, "Evaluator::sub", (other: &Ciphertext => other.as_ffi())
    );
    operation!(
        /// a * b: a ciphertext of size(a) + size(b) - 1. Depth 1; about log2(t) + log2(N) + 3 bits of noise.
        ///
        /// # Errors
        /// [`Error::Seal`] if levels differ or a ciphertext is in NTT form.
        multiply, multiply_inplace, evaluator_multiply_inplace, "Evaluator::multiply",
        (other: &Ciphertext => other.as_ffi())
    );
    operation!(
        /// a * a, cheaper than a multiplication: a ciphertext of size 3. Depth 1.
        ///
        /// # Errors
        /// [`Error::Seal`] if the ciphertext is in NTT form.
        square, square_inplace, evaluator_square_inplace, "Evaluator::square", ()
    );
    operation!(
        /// Brings a ciphertext of size 3 back to size 2; size 2 stays. Cost: one key switch.
        ///
        /// # Errors
        /// [`Error::Seal`] if the ciphertext is larger than the keys serve, or was made for other parameters.
        relinearize, relinearize_inplace, evaluator_relinearize_inplace, "Evaluator::relinearize",
        (relin_keys: &RelinKeys => relin_keys.as_ffi())
    );
    operation!(
        /// Drops one prime of q: everything after costs less. The noise budget falls by at most a few bits if noise
        /// was already larger than the rounding.
        ///
        /// # Errors
        /// [`Error::Seal`] at the lowest level.
        mod_switch_to_next, mod_switch_to_next_inplace, evaluator_mod_switch_to_next_inplace,
        "Evaluator::mod_switch_to_next", ()
    );
    operation!(
        /// Drops primes of q down to a level.
        ///
        /// # Errors
        /// [`Error::Seal`] if the level is unknown or above the ciphertext's.
        mod_switch_to, mod_switch_to_inplace, evaluator_mod_switch_to_inplace, "Evaluator::mod_switch_to",
        (level: ParmsId => &level.0)
    );
    operation!(
        /// a + p. Next to no noise.
        ///
        /// # Errors
        /// [`Error::Seal`] if a form does not fit or the parameters differ.
        add_plain, add_plain_inplace, evaluator_add_plain_inplace, "Evaluator::add_plain",
        (plain: &Plaintext => plain.as_ffi())
    );
    operation!(
        /// a - p. Next to no noise.
        ///
        /// # Errors
        /// [`Error::Seal`] if a form does not fit or the parameters differ.
        sub_plain, sub_plain_inplace, evaluator_sub_plain_inplace, "Evaluator::sub_plain",
        (plain: &Plaintext => plain.as_ffi())
    );
    operation!(
        /// a * p, slot by slot. A dense plaintext costs about log2(t) + log2(N)/2 bits of noise, a constant w about
        /// log2|w|. Cheapest with both in NTT form, or with a plaintext of a single coefficient. **SEAL 4.0.0 takes the
        /// constant -w as t - w, at the noise of t - w**: multiply by w and subtract instead.
        ///
        /// # Errors
        /// [`Error::Seal`] if the forms differ, or the plaintext is zero (the result would be transparent).
        multiply_plain, multiply_plain_inplace, evaluator_multiply_plain_inplace, "Evaluator::multiply_plain",
        (plain: &Plaintext => plain.as_ffi())
    );
    operation!(
        /// To NTT form, for repeated products with plaintexts. Cost: one NTT for each prime and polynomial.
        ///
        /// # Errors
        /// [`Error::Seal`] if it is in NTT form already.
        transform_to_ntt, transform_to_ntt_inplace, evaluator_transform_to_ntt_inplace,
        "Evaluator::transform_to_ntt", ()
    );
    operation!(
        /// Back to coefficient form.
        ///
        /// # Errors
        /// [`Error::Seal`] if it is not in NTT form.
        transform_from_ntt, transform_from_ntt_inplace, evaluator_transform_from_ntt_inplace,
        "Evaluator::transform_from_ntt", ()
    );
    operation!(
        /// Rotates both rows of slots by `steps`, to the left if positive, |steps| < N/2. Cost: one key switch if
        /// the keys hold this step, else one for each non-zero digit of its non-adjacent form.
        ///
        /// # Errors
        /// [`Error::CiphertextSize`] unless the size is 2; [`Error::Seal`] if a key is missing, the step is out of
        /// range, or the ciphertext is in NTT form.
        rotate_rows, rotate_rows_inplace, evaluator_rotate_rows_inplace, "Evaluator::rotate_rows",
        (steps: i32 => steps, galois_keys: &GaloisKeys => galois_keys.as_ffi()), size 2
    );
    operation!(
        /// Swaps the two rows of slots. Cost: one key switch.
        ///
        /// # Errors
        /// [`Error::CiphertextSize`] unless the size is 2; [`Error::Seal`] if the key is missing or the ciphertext
        /// is in NTT form.
        rotate_columns, rotate_columns_inplace, evaluator_rotate_columns_inplace, "Evaluator::rotate_columns",
        (galois_keys: &GaloisKeys => galois_keys.as_ffi()), size 2
    );

    /// Brings a plaintext to NTT form at a level, for [`Evaluator::multiply_plain`].
    ///
    /// # Errors
    /// [`Error::Seal`] if it is in NTT form already or the level is unknown.
    pub fn transform_plain_to_ntt_inplace(
        &self,
        plain: &mut Plaintext,
        level: ParmsId,
    ) -> Result<()> {
        bridge::evaluator_transform_plain_to_ntt_inplace(&self.inner, plain.as_ffi_mut(), &level.0)
            .named("Evaluator::transform_to_ntt (plaintext)")
    }

    /// As [`Evaluator::transform_plain_to_ntt_inplace`], into a new plaintext.
    ///
    /// # Errors
    /// As [`Evaluator::transform_plain_to_ntt_inplace`].
    pub fn transform_plain_to_ntt(&self, plain: &Plaintext, level: ParmsId) -> Result<Plaintext> {
        let mut result = plain.try_clone()?;
        self.transform_plain_to_ntt_inplace(&mut result, level)?;
        Ok(result)
    }

    pub(crate) fn as_ffi(&self) -> &bridge::Evaluator {
        &self.inner
    }
}

impl std::fmt::Debug for Evaluator {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Evaluator").finish_non_exhaustive()
    }
}

/// Refuses before SEAL has copied or permuted anything, with both sizes in the message.
fn check_size(operation: &'static str, encrypted: &Ciphertext, expected: usize) -> Result<()> {
    let actual = encrypted.size();
    if actual != expected {
        return Err(Error::CiphertextSize {
            operation,
            expected,
            actual,
        });
    }
    Ok(())
}
