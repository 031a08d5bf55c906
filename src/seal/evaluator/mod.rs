//! Operations on ciphertexts.
//!
//! Most operations have three forms: `x_inplace` overwrites its first ciphertext, `x` returns a new one, and `x_into`
//! reuses the memory of another. Like SEAL, `x_into` makes a copy and works on it in place.
//!
//! Depth counts multiplications of ciphertexts. Costs are relative; `docs/` holds measured ones.

mod levels;
mod many;

use crate::ffi::evaluator::bridge;
use crate::seal::ciphertext::Ciphertext;
use crate::seal::context::Context;
use crate::seal::encoder::check_batching;
use crate::seal::error::{Error, Named, Result, SealErrorKind};
use crate::seal::keys::{GaloisKeys, RelinKeys, Rotation};
use crate::seal::plaintext::Plaintext;
use cxx::UniquePtr;

/// Computes on ciphertexts without any secret. All threads may share one evaluator.
pub struct Evaluator {
    inner: UniquePtr<bridge::Evaluator>,
    context: Context,
}

// SAFETY: a `seal::Evaluator` holds only a context of const data (seal/evaluator.h) and is not tied to a thread.
unsafe impl Send for Evaluator {}
// SAFETY: all its functions are const and allocate from the global thread-safe pool. They do not use the context's one
// lazily filled table, `GaloisTool::permutation_tables_`: BFV rotates by `apply_galois`
// (`Evaluator::apply_galois_inplace`, seal/evaluator.cpp), not by `apply_galois_ntt`.
unsafe impl Sync for Evaluator {}

/// Defines three forms of an operation on ciphertexts, or on plaintexts if it begins with `Plaintext:`. `$inplace` calls
/// the bridge, `$name` works on a new copy, and `$into` on a copy stored in an existing object.
macro_rules! operation {
    (
        $object:ident: $(#[$documentation:meta])*
        $name:ident, $inplace:ident, $into:ident, $bridge:ident, $label:literal,
        ($($argument:ident: $type:ty => $pass:expr),*) $(, check $check:ident($($checked:ident),*))?
    ) => {
        $(#[$documentation])*
        pub fn $inplace(&self, operand: &mut $object $(, $argument: $type)*) -> Result<()> {
            $(self.$check($label, operand $(, $checked)*)?;)?
            bridge::$bridge(self.as_ffi(), operand.as_ffi_mut() $(, $pass)*).named($label)
        }

        #[doc = concat!("As [`Evaluator::", stringify!($inplace), "`], into a new [`", stringify!($object), "`].")]
        ///
        /// # Errors
        #[doc = concat!("As [`Evaluator::", stringify!($inplace), "`].")]
        pub fn $name(&self, operand: &$object $(, $argument: $type)*) -> Result<$object> {
            let mut result = operand.try_clone()?;
            self.$inplace(&mut result $(, $argument)*)?;
            Ok(result)
        }

        #[doc = concat!("As [`Evaluator::", stringify!($inplace), "`], into a [`", stringify!($object), "`] whose memory is reused.")]
        ///
        /// # Errors
        #[doc = concat!("As [`Evaluator::", stringify!($inplace), "`]; the destination is unspecified then.")]
        pub fn $into(
            &self,
            operand: &$object
            $(, $argument: $type)*,
            destination: &mut $object,
        ) -> Result<()> {
            destination.assign(operand)?;
            self.$inplace(destination $(, $argument)*)
        }
    };
    ($($operation:tt)*) => { operation!(Ciphertext: $($operation)*); };
}
use operation;

impl Evaluator {
    /// Creates an evaluator for a context.
    ///
    /// # Errors
    /// [`Error::Seal`] if memory is exhausted.
    pub fn new(context: &Context) -> Result<Self> {
        Ok(Self {
            inner: bridge::evaluator_new(context.as_ffi()).named("Evaluator::new")?,
            context: context.clone(),
        })
    }

    operation!(
        /// Computes -a. Cost: one pass over the limbs; no noise.
        ///
        /// # Errors
        /// [`Error::Seal`] if the ciphertext is empty or made for other parameters.
        negate, negate_inplace, negate_into, evaluator_negate_inplace, "Evaluator::negate", ()
    );
    operation!(
        /// Computes a + b for ciphertexts of any sizes. Cost: one pass over the limbs; about one bit of noise.
        ///
        /// # Errors
        /// [`Error::Seal`] if levels or forms differ, or the result is transparent.
        add, add_inplace, add_into, evaluator_add_inplace, "Evaluator::add", (other: &Ciphertext => other.as_ffi())
    );
    operation!(
        /// Computes a - b for ciphertexts of any sizes. Cost: one pass over the limbs; about one bit of noise.
        ///
        /// # Errors
        /// [`Error::Seal`] if levels or forms differ, or the result is transparent (as a - a is).
        sub, sub_inplace, sub_into, evaluator_sub_inplace, "Evaluator::sub", (other: &Ciphertext => other.as_ffi())
    );
    operation!(
        /// Computes a * b, a ciphertext of size(a) + size(b) - 1. Depth 1; about log2(t) + log2(N) + 3 bits of noise.
        ///
        /// # Errors
        /// [`Error::Seal`] if levels differ or a ciphertext is in NTT form.
        multiply, multiply_inplace, multiply_into, evaluator_multiply_inplace, "Evaluator::multiply",
        (other: &Ciphertext => other.as_ffi())
    );
    operation!(
        /// Computes a * a, a ciphertext of size 3, for less than a multiplication costs. Depth 1.
        ///
        /// # Errors
        /// [`Error::Seal`] if the ciphertext is in NTT form.
        square, square_inplace, square_into, evaluator_square_inplace, "Evaluator::square", ()
    );
    operation!(
        /// Brings a ciphertext of size 3 back to size 2; leaves one of size 2 unchanged. Cost: one key switch.
        ///
        /// # Errors
        /// [`Error::Seal`] if the ciphertext is larger than the keys support, or was made for other parameters.
        relinearize, relinearize_inplace, relinearize_into, evaluator_relinearize_inplace, "Evaluator::relinearize",
        (relin_keys: &RelinKeys => relin_keys.as_ffi())
    );
    operation!(
        /// Computes a + p. Adds almost no noise.
        ///
        /// # Errors
        /// [`Error::TooManyValues`] or [`Error::ValueOutOfRange`] for a plaintext of other parameters that does not
        /// fit, [`Error::Seal`] if a form is wrong or the parameters differ.
        add_plain, add_plain_inplace, add_plain_into, evaluator_add_plain_inplace, "Evaluator::add_plain",
        (plain: &Plaintext => plain.as_ffi()), check check_plain(plain)
    );
    operation!(
        /// Computes a - p. Adds almost no noise.
        ///
        /// # Errors
        /// [`Error::TooManyValues`] or [`Error::ValueOutOfRange`] for a plaintext of other parameters that does not
        /// fit, [`Error::Seal`] if a form is wrong or the parameters differ.
        sub_plain, sub_plain_inplace, sub_plain_into, evaluator_sub_plain_inplace, "Evaluator::sub_plain",
        (plain: &Plaintext => plain.as_ffi()), check check_plain(plain)
    );
    operation!(
        /// Computes a * p, slot by slot. A dense plaintext costs about log2(t) + log2(N)/2 bits of noise, a constant w
        /// about log2|w|. The product is cheapest if both are in NTT form or the plaintext has a single coefficient.
        /// **SEAL 4.0.0 treats the constant -w as t - w, with the noise of t - w**: multiply by w and subtract instead.
        ///
        /// # Errors
        /// [`Error::TooManyValues`] or [`Error::ValueOutOfRange`] for a plaintext of other parameters that does not
        /// fit, [`Error::WrongForm`] if the forms differ, [`Error::Seal`] if the parameters or levels differ, or the
        /// plaintext is zero (the result would be transparent).
        multiply_plain, multiply_plain_inplace, multiply_plain_into, evaluator_multiply_plain_inplace, "Evaluator::multiply_plain",
        (plain: &Plaintext => plain.as_ffi()), check check_factor(plain)
    );
    operation!(
        /// Transforms to NTT form, for repeated products with plaintexts. Cost: one NTT for each prime and polynomial.
        ///
        /// # Errors
        /// [`Error::Seal`] if the ciphertext is in NTT form already.
        transform_to_ntt, transform_to_ntt_inplace, transform_to_ntt_into, evaluator_transform_to_ntt_inplace,
        "Evaluator::transform_to_ntt", ()
    );
    operation!(
        /// Transforms back to coefficient form.
        ///
        /// # Errors
        /// [`Error::Seal`] if the ciphertext is not in NTT form.
        transform_from_ntt, transform_from_ntt_inplace, transform_from_ntt_into, evaluator_transform_from_ntt_inplace,
        "Evaluator::transform_from_ntt", ()
    );
    operation!(
        /// Rotates both rows of slots by `steps`, to the left if positive; |steps| < N/2. A rotation by 0 steps changes
        /// nothing and needs no key. Cost: one key switch if the keys hold this step, otherwise one for each non-zero
        /// digit of its non-adjacent form.
        ///
        /// # Errors
        /// [`Error::Batching`] without batching, [`Error::RotationStep`] for a step of N/2 or more,
        /// [`Error::CiphertextSize`] unless the size is 2, [`Error::WrongForm`] in NTT form, [`Error::Seal`] if a key
        /// is missing. After an error the ciphertext is unchanged.
        rotate_rows, rotate_rows_inplace, rotate_rows_into, evaluator_rotate_rows_inplace, "Evaluator::rotate_rows",
        (steps: i32 => steps, galois_keys: &GaloisKeys => galois_keys.as_ffi()), check check_rotation(steps, galois_keys)
    );
    operation!(
        /// Swaps the two rows of slots. Cost: one key switch.
        ///
        /// # Errors
        /// [`Error::Batching`] without batching, [`Error::CiphertextSize`] unless the size is 2, [`Error::WrongForm`]
        /// in NTT form, [`Error::Seal`] if the key is missing. After an error the ciphertext is unchanged.
        rotate_columns, rotate_columns_inplace, rotate_columns_into, evaluator_rotate_columns_inplace,
        "Evaluator::rotate_columns",
        (galois_keys: &GaloisKeys => galois_keys.as_ffi()), check check_columns(galois_keys)
    );
    operation!(
        /// Applies the automorphism x -> x^element to the plaintext polynomial, for an odd element below 2N. This needs
        /// no batching. Cost: one key switch.
        ///
        /// # Errors
        /// [`Error::GaloisElement`] for an element that is even or too large, [`Error::CiphertextSize`] unless the size
        /// is 2, [`Error::WrongForm`] in NTT form, [`Error::Seal`] if the key is missing. After an error the ciphertext
        /// is unchanged.
        apply_galois, apply_galois_inplace, apply_galois_into, evaluator_apply_galois_inplace,
        "Evaluator::apply_galois",
        (element: u32 => element, galois_keys: &GaloisKeys => galois_keys.as_ffi()), check check_galois(element, galois_keys)
    );

    pub(crate) fn as_ffi(&self) -> &bridge::Evaluator {
        &self.inner
    }

    pub(super) const fn context(&self) -> &Context {
        &self.context
    }

    /// Checks the plaintext's coefficients. In coefficient form SEAL compares their number with N, but not them with t.
    fn check_plain(
        &self,
        operation: &'static str,
        _encrypted: &Ciphertext,
        plain: &Plaintext,
    ) -> Result<()> {
        if plain.is_ntt_form() {
            return Ok(());
        }
        plain.check_fits(operation, &self.context)
    }

    /// Refuses operands of different forms, as SEAL 4.0 does. Later versions transform one of them, and may transform
    /// the ciphertext even where they then refuse the plaintext.
    fn check_factor(
        &self,
        operation: &'static str,
        encrypted: &Ciphertext,
        plain: &Plaintext,
    ) -> Result<()> {
        self.check_plain(operation, encrypted, plain)?;
        let expected = match (encrypted.is_ntt_form(), plain.is_ntt_form()) {
            (true, false) => "NTT form, as the ciphertext is: transform it first",
            (false, true) => {
                "coefficient form, as the ciphertext is: or transform the ciphertext first"
            }
            _ => return Ok(()),
        };
        Err(Error::WrongForm {
            operation,
            object: "plaintext",
            expected,
        })
    }

    /// Checks that a key switch is possible. SEAL would discover this only after permuting the polynomials.
    fn check_switchable(
        &self,
        operation: &'static str,
        encrypted: &Ciphertext,
        galois_keys: &GaloisKeys,
    ) -> Result<()> {
        let actual = encrypted.size();
        if actual != 2 {
            return Err(Error::CiphertextSize {
                operation,
                expected: 2,
                actual,
            });
        }
        if encrypted.is_ntt_form() {
            return Err(Error::WrongForm {
                operation,
                object: "ciphertext",
                expected: "coefficient form: transform it back first",
            });
        }
        if galois_keys.parms_id() != self.context.key_parms_id() {
            return Err(Error::ContextMismatch {
                operation,
                object: "Galois keys",
            });
        }
        Ok(())
    }

    fn check_galois(
        &self,
        operation: &'static str,
        encrypted: &Ciphertext,
        element: u32,
        galois_keys: &GaloisKeys,
    ) -> Result<()> {
        self.context.check_galois_element(operation, element)?;
        self.check_switchable(operation, encrypted, galois_keys)
    }

    fn check_columns(
        &self,
        operation: &'static str,
        encrypted: &Ciphertext,
        galois_keys: &GaloisKeys,
    ) -> Result<()> {
        check_batching(operation, &self.context)?;
        self.check_switchable(operation, encrypted, galois_keys)
    }

    /// Checks that every needed key is there. SEAL composes a rotation that has no key from those that it has, and
    /// would discover a missing one halfway.
    fn check_rotation(
        &self,
        operation: &'static str,
        encrypted: &Ciphertext,
        steps: i32,
        galois_keys: &GaloisKeys,
    ) -> Result<()> {
        check_batching(operation, &self.context)?;
        let rotation = Rotation::Rows(steps);
        let step = rotation.step(operation, &self.context)?;
        self.check_switchable(operation, encrypted, galois_keys)?;
        if step.is_none() || galois_keys.has(&self.context, rotation)? {
            return Ok(());
        }
        let row = self.context.parameters().poly_modulus_degree() / 2;
        for step in non_adjacent_form(steps) {
            let whole_row = step.unsigned_abs() as usize == row;
            if !whole_row && !galois_keys.has(&self.context, Rotation::Rows(step))? {
                return Err(Error::Seal {
                    operation,
                    kind: SealErrorKind::MissingGaloisKey,
                    message: format!("no Galois key for {steps} steps, nor for {step} of them"),
                });
            }
        }
        Ok(())
    }
}

crate::seal::keys::opaque_debug!(Evaluator);

/// Splits a value into signed powers of two, no two adjacent. SEAL rotates by these one after the other.
fn non_adjacent_form(value: i32) -> Vec<i32> {
    let mut digits = Vec::new();
    let mut rest = i64::from(value);
    let mut weight = 1i64;
    while rest != 0 {
        let digit = match rest.rem_euclid(4) {
            1 => 1,
            3 => -1,
            _ => 0,
        };
        if digit != 0 {
            digits.push((digit * weight) as i32);
        }
        rest = (rest - digit) / 2;
        weight *= 2;
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::non_adjacent_form;

    #[test]
    fn the_non_adjacent_form_adds_up_and_has_no_neighbours() {
        for value in -5000..5000 {
            let digits = non_adjacent_form(value);
            assert_eq!(digits.iter().sum::<i32>(), value);
            for pair in digits.windows(2) {
                assert!(pair[1].unsigned_abs() >= 4 * pair[0].unsigned_abs());
            }
        }
    }
}
