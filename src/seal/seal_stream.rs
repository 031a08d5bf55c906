//! Parses SEAL's own uncompressed stream of a seeded object, which SEAL has just written in this process.
//!
//! This is the only public way to get a seed: SEAL's `Serializable` exposes nothing else.

use super::own_format::{HEADER_BYTES, MAGIC, words};
use super::rns::SeededPart;
use super::seed::Seed;
use crate::seal::context::Context;
use crate::seal::error::{Error, Result};

/// `prng_type::blake2xb`.
const BLAKE2XB: u8 = 1;

pub(super) struct SealStream<'a> {
    operation: &'static str,
    rest: &'a [u8],
}

impl<'a> SealStream<'a> {
    const fn new(operation: &'static str, bytes: &'a [u8]) -> Self {
        Self {
            operation,
            rest: bytes,
        }
    }

    /// Reads a stream that is one seeded ciphertext.
    pub(super) fn single(
        operation: &'static str,
        bytes: &'a [u8],
        context: &Context,
    ) -> Result<SeededPart> {
        let mut stream = Self::new(operation, bytes);
        let part = stream.part(context)?;
        stream.end()?;
        Ok(part)
    }

    /// Reads a stream of keys: the parts of each slot, none if the slot has no key.
    pub(super) fn keys(
        operation: &'static str,
        bytes: &'a [u8],
        context: &Context,
    ) -> Result<Vec<Vec<SeededPart>>> {
        let mut stream = Self::new(operation, bytes);
        stream.header()?;
        // The keys' parms_id.
        stream.take(32)?;
        let mut slots = Vec::new();
        for _ in 0..stream.count()? {
            let parts = stream.count()?;
            slots.push(
                (0..parts)
                    .map(|_| stream.part(context))
                    .collect::<Result<_>>()?,
            );
        }
        stream.end()?;
        Ok(slots)
    }

    const fn unexpected(&self, reason: &'static str) -> Error {
        Error::Seed {
            operation: self.operation,
            reason,
        }
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let (head, rest) = self
            .rest
            .split_at_checked(count)
            .ok_or_else(|| self.unexpected("SEAL's stream ends early"))?;
        self.rest = rest;
        Ok(head)
    }

    fn word(&mut self) -> Result<u64> {
        Ok(words(self.take(8)?).next().unwrap_or_default())
    }

    fn count(&mut self) -> Result<usize> {
        usize::try_from(self.word()?)
            .map_err(|_| self.unexpected("SEAL's stream holds a count out of range"))
    }

    fn header(&mut self) -> Result<()> {
        let header = self.take(HEADER_BYTES)?;
        if header[..2] != MAGIC || header[2] != HEADER_BYTES as u8 || header[5] != 0 {
            return Err(self.unexpected("SEAL's stream has another header than that of SEAL 4"));
        }
        Ok(())
    }

    /// Reads a seeded ciphertext.
    fn part(&mut self, context: &Context) -> Result<SeededPart> {
        self.header()?;
        let mut parms_id = [0; 4];
        for word in &mut parms_id {
            *word = self.word()?;
        }
        let is_ntt_form = self.take(1)? != [0];
        let size = self.count()?;
        let degree = self.count()?;
        let primes = self.count()?;
        // The scale and the correction factor, both 1 in BFV.
        self.take(16)?;
        self.header()?;
        let limbs = self.count()?;
        let level = context
            .level(super::ParmsId(parms_id))
            .filter(|level| level.coeff_modulus_size == primes)
            .ok_or_else(|| self.unexpected("SEAL's stream is of another context"))?;
        if size != 2 || degree != context.parameters().poly_modulus_degree() {
            return Err(self.unexpected("SEAL's stream is of another context"));
        }
        if limbs == 2 * degree * primes {
            return Err(
                self.unexpected("the parameters are too small for SEAL to put a seed in place")
            );
        }
        if limbs != degree * primes {
            return Err(self.unexpected("SEAL's stream has another number of residues"));
        }
        let first = words(self.take(8 * limbs)?).collect();
        self.header()?;
        if self.take(1)? != [BLAKE2XB] {
            return Err(self.unexpected(
                "SEAL was built with another default generator: only Blake2xb seeds are portable",
            ));
        }
        let mut seed = [0; 8];
        for word in &mut seed {
            *word = self.word()?;
        }
        Ok(SeededPart::from_checked(
            level,
            is_ntt_form,
            Seed(seed),
            first,
        ))
    }

    fn end(&self) -> Result<()> {
        if self.rest.is_empty() {
            return Ok(());
        }
        Err(self.unexpected("SEAL's stream goes on after its end"))
    }
}
