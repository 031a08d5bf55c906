//! Reads and writes bytes through the checksum, in pieces of bounded size.

use super::error::{WireError, WireResult};
use super::header::{CHECKSUM_BYTES, HEADER_BYTES, Header};
use crate::bits::{Invalid, all_below, pack, packed_bytes, unpack_checked, width};
use crate::seal::{Context, Seed};
use std::io::{ErrorKind, Read, Write};
use xxhash_rust::xxh3::Xxh3;

/// Number of residues packed at once: 32 KiB of them, a multiple of the packing's block.
const CHUNK: usize = 4096;

/// Name of a polynomial in error messages.
pub(super) const POLYNOMIAL: &str = "polynomial";

/// A message being written.
pub struct Sink<'a> {
    writer: &'a mut dyn Write,
    hash: Xxh3,
    buffer: Vec<u8>,
    written: u64,
}

impl<'a> Sink<'a> {
    pub(super) fn start(writer: &'a mut dyn Write, header: &Header) -> WireResult<Self> {
        let mut sink = Self {
            writer,
            hash: Xxh3::new(),
            buffer: Vec::new(),
            written: 0,
        };
        sink.bytes("header", &header.encode())?;
        Ok(sink)
    }

    pub(super) fn bytes(&mut self, field: &'static str, bytes: &[u8]) -> WireResult<()> {
        self.hash.update(bytes);
        self.written += bytes.len() as u64;
        self.writer
            .write_all(bytes)
            .map_err(|source| WireError::Io { field, source })
    }

    pub(super) fn seed(&mut self, seed: Seed) -> WireResult<()> {
        let mut bytes = [0; Seed::BYTES];
        for (bytes, word) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(seed.0) {
            *bytes = word.to_le_bytes();
        }
        self.bytes("seed", &bytes)
    }

    /// Writes whole polynomials: for each prime in turn N residues, then the next polynomial.
    pub(super) fn polynomials(
        &mut self,
        limbs: &[u64],
        degree: usize,
        primes: &[u64],
    ) -> WireResult<()> {
        for (residues, &prime) in limbs.chunks(degree).zip(primes.iter().cycle()) {
            let width = width(prime);
            for chunk in residues.chunks(CHUNK) {
                if !all_below(chunk, prime) {
                    return Err(WireError::Unfit {
                        object: POLYNOMIAL,
                        reason: "a residue is not below its prime",
                    });
                }
                let mut buffer = std::mem::take(&mut self.buffer);
                buffer.resize(packed_bytes(chunk.len(), width), 0);
                pack(chunk, width, &mut buffer);
                let written = self.bytes(POLYNOMIAL, &buffer);
                self.buffer = buffer;
                written?;
            }
        }
        Ok(())
    }

    /// Writes the checksum and returns the length of the whole message.
    pub(super) fn finish(mut self) -> WireResult<u64> {
        let digest = self.hash.digest();
        self.bytes("checksum", &digest.to_le_bytes())?;
        self.writer.flush().map_err(|source| WireError::Io {
            field: "checksum",
            source,
        })?;
        Ok(self.written)
    }
}

/// Describes packed bytes that are no residues, whose first one is residue `first` of the polynomial.
pub(super) const fn invalid_residue(invalid: Invalid, first: usize, prime: u64) -> WireError {
    match invalid {
        Invalid::Padding => WireError::Padding { field: POLYNOMIAL },
        Invalid::Residue { index, value } => WireError::Residue {
            field: POLYNOMIAL,
            index: first + index,
            value,
            prime,
        },
    }
}

/// A message being read.
pub struct MessageSource<'a> {
    reader: &'a mut dyn Read,
    hash: Xxh3,
    buffer: Vec<u8>,
    offset: u64,
}

impl<'a> MessageSource<'a> {
    pub(super) fn new(reader: &'a mut dyn Read) -> Self {
        Self {
            reader,
            hash: Xxh3::new(),
            buffer: Vec::new(),
            offset: 0,
        }
    }

    fn fill(&mut self, field: &'static str, mut bytes: &mut [u8]) -> WireResult<()> {
        while !bytes.is_empty() {
            match self.reader.read(bytes) {
                Ok(0) => {
                    return Err(WireError::Truncated {
                        field,
                        offset: self.offset,
                    });
                }
                Ok(count) => {
                    // A reader that claims more bytes than the buffer holds breaks its contract.
                    let count = count.min(bytes.len());
                    self.offset += count as u64;
                    bytes = &mut bytes[count..];
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(source) => return Err(WireError::Io { field, source }),
            }
        }
        Ok(())
    }

    pub(super) fn array<const COUNT: usize>(
        &mut self,
        field: &'static str,
    ) -> WireResult<[u8; COUNT]> {
        let mut bytes = [0; COUNT];
        self.fill(field, &mut bytes)?;
        self.hash.update(&bytes);
        Ok(bytes)
    }

    pub(super) fn header(&mut self) -> WireResult<[u8; HEADER_BYTES]> {
        self.array("header")
    }

    pub(super) fn word32(&mut self, field: &'static str) -> WireResult<u32> {
        Ok(u32::from_le_bytes(self.array(field)?))
    }

    pub(super) fn seed(&mut self) -> WireResult<Seed> {
        let bytes: [u8; Seed::BYTES] = self.array("seed")?;
        let mut words = [0; 8];
        for (word, &bytes) in words.iter_mut().zip(bytes.as_chunks::<8>().0) {
            *word = u64::from_le_bytes(bytes);
        }
        Ok(Seed(words))
    }

    /// Reads packed residues into memory that is reused. It grows only as data arrive, whatever the header promised: by
    /// as much as has arrived.
    #[cfg(feature = "inference")]
    pub(super) fn packed(&mut self, count: usize, packed: &mut Vec<u8>) -> WireResult<()> {
        const FIRST: usize = 1 << 15;
        let field = POLYNOMIAL;
        packed.truncate(count);
        let mut start = 0;
        loop {
            self.fill(field, &mut packed[start..])?;
            self.hash.update(&packed[start..]);
            start = packed.len();
            if start == count {
                return Ok(());
            }
            let piece = start.max(FIRST).min(count - start);
            packed
                .try_reserve_exact(piece)
                .map_err(|_| WireError::Memory { field })?;
            packed.resize(start + piece, 0);
        }
    }

    /// Reads and appends this many polynomials. Memory grows only as data arrive, whatever the header promised.
    pub(super) fn polynomials(
        &mut self,
        count: usize,
        context: &Context,
        primes: &[u64],
        limbs: &mut Vec<u64>,
    ) -> WireResult<()> {
        let degree = context.parameters().poly_modulus_degree();
        for _ in 0..count {
            for &prime in primes {
                for first in (0..degree).step_by(CHUNK) {
                    self.residues(first, CHUNK.min(degree - first), prime, limbs)?;
                }
            }
        }
        Ok(())
    }

    fn residues(
        &mut self,
        first: usize,
        count: usize,
        prime: u64,
        limbs: &mut Vec<u64>,
    ) -> WireResult<()> {
        let width = width(prime);
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.resize(packed_bytes(count, width), 0);
        self.fill(POLYNOMIAL, &mut buffer)?;
        self.hash.update(&buffer);
        let start = limbs.len();
        limbs
            .try_reserve(count)
            .map_err(|_| WireError::Memory { field: POLYNOMIAL })?;
        limbs.resize(start + count, 0);
        let checked = unpack_checked(&buffer, prime, &mut limbs[start..]);
        self.buffer = buffer;
        checked.map_err(|invalid| invalid_residue(invalid, first, prime))
    }

    pub(super) fn finish(mut self) -> WireResult<()> {
        let digest = self.hash.digest();
        let mut bytes = [0; CHECKSUM_BYTES];
        self.fill("checksum", &mut bytes)?;
        if u64::from_le_bytes(bytes) == digest {
            Ok(())
        } else {
            Err(WireError::Checksum)
        }
    }
}
