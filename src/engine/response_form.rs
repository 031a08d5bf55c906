//! The form to which responses are shortened.

use crate::bits::{packed_bytes, width};

/// The form to which a plan's responses are shortened.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct ResponseForm {
    /// Number of primes of q'.
    pub primes: usize,
    /// Number of bits of each coefficient, for each polynomial in order; none if responses are not shortened.
    pub widths: Vec<u32>,
    /// Number of coefficients of polynomial 0 that are needed, see [`SlotMap::response_coefficients`].
    pub coefficients: usize,
}

impl ResponseForm {
    /// Two polynomials modulo one prime, of its width or the largest one.
    pub(super) fn as_wide_as(prime: u64, degree: usize) -> Self {
        Self {
            primes: 1,
            widths: vec![width(prime).min(60); 2],
            coefficients: degree,
        }
    }

    /// Number of bytes of a ciphertext.
    pub(crate) fn ciphertext_bytes(&self, degree: usize) -> usize {
        let lengths = self.lengths(degree);
        lengths
            .map(|(width, count)| packed_bytes(count, width))
            .sum()
    }

    /// Returns the width and the number of the coefficients of each polynomial.
    pub(crate) fn lengths(&self, degree: usize) -> impl Iterator<Item = (u32, usize)> {
        let counts = std::iter::once(self.coefficients).chain(std::iter::repeat(degree));
        self.widths.iter().copied().zip(counts)
    }

    /// Splits the bytes of a ciphertext into polynomials, with the width and the number of their coefficients.
    pub(crate) fn polynomials<'a>(
        &'a self,
        degree: usize,
        mut bytes: &'a [u8],
    ) -> impl Iterator<Item = (u32, usize, &'a [u8])> {
        self.lengths(degree).map(move |(width, count)| {
            let (polynomial, rest) = bytes.split_at(packed_bytes(count, width));
            bytes = rest;
            (width, count, polynomial)
        })
    }
}
