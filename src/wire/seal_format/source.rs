//! Reads the bytes of SEAL's objects, in pieces of bounded size.

use super::header::{Coding, SealHeader, SealRelease};
use super::inflate::{ZlibReader, ZstandardReader};
use crate::seal::SEAL_HEADER_BYTES;
use crate::wire::error::{WireError, WireResult};
use crate::wire::limits::Limits;
use crate::wire::message::{check_field, check_limit};
use crate::wire::stream::POLYNOMIAL;
use std::io::{ErrorKind, Read};

/// Number of residues that are read at once: 32 KiB of them.
const CHUNK: usize = 4096;

/// The bytes of one object behind its header, decompressed, and the memory that may still be taken for what is read.
pub struct SealSource<'a> {
    reader: &'a mut dyn Read,
    release: SealRelease,
    offset: u64,
    buffer: Vec<u8>,
    memory: u64,
    memory_limit: u64,
}

/// Reads the next object of a stream, and not a byte more: its header, and with `body` what is behind it, decompressed.
/// Returns the bytes that it took, too.
pub(super) fn read_object<T>(
    mut reader: &mut dyn Read,
    limits: &Limits,
    body: impl FnOnce(&mut SealSource<'_>) -> WireResult<T>,
) -> WireResult<(T, SealHeader)> {
    let mut bytes = [0; SEAL_HEADER_BYTES];
    fill(&mut reader, "SEAL's header", 0, &mut bytes)?;
    let header = SealHeader::decode(&bytes)?;
    check_limit("message bytes", header.bytes, limits.message_bytes)?;
    let mut behind = reader.take(header.bytes - SEAL_HEADER_BYTES as u64);
    let damaged = |error: std::io::Error| WireError::Compression {
        reason: error.to_string(),
    };
    let object = match header.coding {
        Coding::Plain => read_all(&mut behind, header.release, limits, body),
        Coding::Zlib => {
            let mut zlib = ZlibReader::new(&mut behind);
            read_all(&mut zlib, header.release, limits, body)
        }
        Coding::Zstandard => {
            let mut frame = ZstandardReader::new(&mut behind).map_err(damaged)?;
            read_all(&mut frame, header.release, limits, body)
        }
    };
    let object = object?;
    // The stream may have ended with the object, but before its stated length.
    match behind.limit() {
        0 => Ok((object, header)),
        missing => Err(WireError::Truncated {
            field: "end of the object",
            offset: header.bytes - missing,
        }),
    }
}

fn read_all<T>(
    reader: &mut dyn Read,
    release: SealRelease,
    limits: &Limits,
    body: impl FnOnce(&mut SealSource<'_>) -> WireResult<T>,
) -> WireResult<T> {
    let mut source = SealSource {
        reader,
        release,
        offset: 0,
        buffer: Vec::new(),
        memory: 0,
        memory_limit: limits.memory_bytes,
    };
    let object = body(&mut source)?;
    source.end()?;
    Ok(object)
}

/// Fills the bytes; `offset` bytes were read before.
fn fill(
    reader: &mut dyn Read,
    field: &'static str,
    mut offset: u64,
    mut bytes: &mut [u8],
) -> WireResult<()> {
    while !bytes.is_empty() {
        let count = read_some(reader, field, bytes)?;
        if count == 0 {
            return Err(WireError::Truncated { field, offset });
        }
        offset += count as u64;
        bytes = &mut bytes[count..];
    }
    Ok(())
}

/// Reads at least a byte, unless the reader has ended.
fn read_some(reader: &mut dyn Read, field: &'static str, bytes: &mut [u8]) -> WireResult<usize> {
    loop {
        match reader.read(bytes) {
            // A reader that claims more bytes than the buffer holds breaks its contract.
            Ok(count) => return Ok(count.min(bytes.len())),
            Err(error) => match error.kind() {
                ErrorKind::Interrupted => {}
                ErrorKind::UnexpectedEof => return Ok(0),
                ErrorKind::InvalidData => {
                    return Err(WireError::Compression {
                        reason: error.to_string(),
                    });
                }
                _ => {
                    return Err(WireError::Io {
                        field,
                        source: error,
                    });
                }
            },
        }
    }
}

impl SealSource<'_> {
    fn fill(&mut self, field: &'static str, bytes: &mut [u8]) -> WireResult<()> {
        fill(self.reader, field, self.offset, bytes)?;
        self.offset += bytes.len() as u64;
        Ok(())
    }

    /// Refuses bytes behind the object's end.
    fn end(&mut self) -> WireResult<()> {
        match read_some(self.reader, "end of the object", &mut [0])? {
            0 => Ok(()),
            count => Err(WireError::Trailing { count }),
        }
    }

    pub fn byte(&mut self, field: &'static str) -> WireResult<u8> {
        let mut bytes = [0];
        self.fill(field, &mut bytes)?;
        Ok(bytes[0])
    }

    pub fn word(&mut self, field: &'static str) -> WireResult<u64> {
        let mut bytes = [0; 8];
        self.fill(field, &mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    pub fn words<const COUNT: usize>(&mut self, field: &'static str) -> WireResult<[u64; COUNT]> {
        let mut words = [0; COUNT];
        for word in &mut words {
            *word = self.word(field)?;
        }
        Ok(words)
    }

    /// Reads the header of a nested object of so many bytes. SEAL never compresses nested objects.
    pub fn nested(&mut self, bytes: u64) -> WireResult<()> {
        let length = self.nested_length()?;
        check_field("length of a nested object", length, bytes..=bytes)
    }

    /// Reads the header of a nested object, and returns its length.
    pub fn nested_length(&mut self) -> WireResult<u64> {
        let mut bytes = [0; SEAL_HEADER_BYTES];
        self.fill("SEAL's header", &mut bytes)?;
        let header = SealHeader::decode(&bytes)?;
        let minor = u64::from(self.release.minor);
        check_field("SEAL's version", header.release.minor, minor..=minor)?;
        check_field("compression of a nested object", header.coding as u8, 0..=0)?;
        Ok(header.bytes)
    }

    /// Number of bytes read so far.
    pub const fn offset(&self) -> u64 {
        self.offset
    }

    /// Announces memory for what will be read.
    pub fn take_memory(&mut self, bytes: usize) -> WireResult<()> {
        self.memory = self.memory.saturating_add(bytes as u64);
        check_limit("bytes of memory", self.memory, self.memory_limit)
    }

    /// Reads polynomials of residues, each below its prime. Memory grows only as data arrive.
    pub fn polynomials(
        &mut self,
        count: usize,
        degree: usize,
        primes: &[u64],
    ) -> WireResult<Vec<u64>> {
        let mut residues = Vec::new();
        for &prime in std::iter::repeat_n(primes, count).flatten() {
            self.residues(degree, prime, &mut residues)?;
        }
        Ok(residues)
    }

    /// Reads and appends so many residues of a prime.
    pub fn residues(
        &mut self,
        count: usize,
        prime: u64,
        residues: &mut Vec<u64>,
    ) -> WireResult<()> {
        for first in (0..count).step_by(CHUNK) {
            let chunk = CHUNK.min(count - first);
            let mut buffer = std::mem::take(&mut self.buffer);
            buffer.resize(8 * chunk, 0);
            let filled = self.fill(POLYNOMIAL, &mut buffer);
            let start = residues.len();
            if filled.is_ok() {
                residues
                    .try_reserve(chunk)
                    .map_err(|_| WireError::Memory { field: POLYNOMIAL })?;
                let (words, _) = buffer.as_chunks::<8>();
                residues.extend(words.iter().map(|&word| u64::from_le_bytes(word)));
            }
            self.buffer = buffer;
            filled?;
            let mut read = residues[start..].iter().enumerate();
            if let Some((index, &value)) = read.find(|&(_, &value)| value >= prime) {
                return Err(WireError::Residue {
                    field: POLYNOMIAL,
                    index: first + index,
                    value,
                    prime,
                });
            }
        }
        Ok(())
    }
}
