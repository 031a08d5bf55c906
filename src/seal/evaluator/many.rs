//! Sums, products and powers of many ciphertexts, like SEAL's `add_many`, `multiply_many` and `exponentiate`.

use super::Evaluator;
use crate::seal::ciphertext::Ciphertext;
use crate::seal::error::{Error, Result};
use crate::seal::keys::RelinKeys;
use std::collections::VecDeque;

impl Evaluator {
    /// Adds all ciphertexts.
    ///
    /// # Errors
    /// [`Error::NoCiphertexts`] for an empty slice, otherwise the same as [`Evaluator::add_inplace`].
    pub fn add_many(&self, encrypteds: &[Ciphertext]) -> Result<Ciphertext> {
        let mut sum = Ciphertext::new()?;
        self.add_many_into(encrypteds, &mut sum)?;
        Ok(sum)
    }

    /// Like [`Evaluator::add_many`], but writes to a ciphertext whose memory is reused.
    ///
    /// # Errors
    /// Same as [`Evaluator::add_many`]; after an error the destination is unspecified.
    pub fn add_many_into(
        &self,
        encrypteds: &[Ciphertext],
        destination: &mut Ciphertext,
    ) -> Result<()> {
        let Some((first, rest)) = encrypteds.split_first() else {
            return Err(Error::NoCiphertexts {
                operation: "Evaluator::add_many",
            });
        };
        destination.assign(first)?;
        for other in rest {
            self.add_inplace(destination, other)?;
        }
        Ok(())
    }

    /// Multiplies all ciphertexts in a tree of minimal depth, ceil(log2(count)), and relinearises after each
    /// multiplication. For a single ciphertext the result is a copy.
    ///
    /// # Errors
    /// [`Error::NoCiphertexts`] for an empty slice, otherwise the same as [`Evaluator::multiply_inplace`] and
    /// [`Evaluator::relinearize_inplace`].
    pub fn multiply_many(
        &self,
        encrypteds: &[Ciphertext],
        relin_keys: &RelinKeys,
    ) -> Result<Ciphertext> {
        let mut queue = VecDeque::with_capacity(encrypteds.len().div_ceil(2));
        for pair in encrypteds.chunks(2) {
            queue.push_back(match pair {
                [a, b] => self.product(a, b, relin_keys)?,
                [a, ..] => a.try_clone()?,
                [] => continue,
            });
        }
        loop {
            match (queue.pop_front(), queue.pop_front()) {
                (Some(a), Some(b)) => queue.push_back(self.product(&a, &b, relin_keys)?),
                (Some(product), None) => return Ok(product),
                (None, _) => {
                    return Err(Error::NoCiphertexts {
                        operation: "Evaluator::multiply_many",
                    });
                }
            }
        }
    }

    /// Raises a ciphertext to a power and relinearises after each multiplication. This takes floor(log2(exponent))
    /// squarings and one multiplication for each further set bit of the exponent, at depth ceil(log2(exponent)). SEAL's
    /// own form takes exponent - 1 multiplications and as many copies at the same depth.
    ///
    /// # Errors
    /// [`Error::ZeroExponent`] if the exponent is 0, otherwise the same as [`Evaluator::square_inplace`] and
    /// [`Evaluator::relinearize_inplace`].
    pub fn exponentiate(
        &self,
        encrypted: &Ciphertext,
        exponent: u64,
        relin_keys: &RelinKeys,
    ) -> Result<Ciphertext> {
        if exponent == 0 {
            return Err(Error::ZeroExponent {
                operation: "Evaluator::exponentiate",
            });
        }
        let mut square = encrypted.try_clone()?;
        let mut power: Option<Ciphertext> = None;
        let mut rest = exponent;
        loop {
            if rest & 1 == 1 {
                power = Some(match power {
                    None => square.try_clone()?,
                    Some(power) => self.product(&power, &square, relin_keys)?,
                });
            }
            rest >>= 1;
            match power {
                Some(power) if rest == 0 => return Ok(power),
                other => power = other,
            }
            self.square_inplace(&mut square)?;
            self.relinearize_inplace(&mut square, relin_keys)?;
        }
    }

    /// Like [`Evaluator::exponentiate`], but overwrites the ciphertext.
    ///
    /// # Errors
    /// Same as [`Evaluator::exponentiate`]; after an error the ciphertext is unchanged.
    pub fn exponentiate_inplace(
        &self,
        encrypted: &mut Ciphertext,
        exponent: u64,
        relin_keys: &RelinKeys,
    ) -> Result<()> {
        *encrypted = self.exponentiate(encrypted, exponent, relin_keys)?;
        Ok(())
    }

    fn product(
        &self,
        a: &Ciphertext,
        b: &Ciphertext,
        relin_keys: &RelinKeys,
    ) -> Result<Ciphertext> {
        let mut product = self.multiply(a, b)?;
        self.relinearize_inplace(&mut product, relin_keys)?;
        Ok(product)
    }
}
