//! Writes and reads messages of every kind: header, checks, body and checksum.

use super::damage::{explain, explain_header};
use super::error::{WireError, WireResult};
use super::header::{CHECKSUM_BYTES, Counts, Fingerprint, HEADER_BYTES, Header};
use super::kind::Kind;
use super::limits::Limits;
use super::stream::{MessageSource, Sink};
use crate::bits::{packed_bytes, width};
use crate::seal::{Context, Level, Seed};
use std::fs::File;
use std::io::{Read, Seek as _, Write};
use std::path::Path;

/// Size of a body on the wire and in memory, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Size {
    pub(super) bytes: u64,
    pub(super) memory: u64,
}

impl Size {
    /// Returns the size of polynomials modulo the first primes of a context.
    pub(super) fn polynomials(context: &Context, primes: usize, count: usize) -> Self {
        let degree = context.parameters().poly_modulus_degree();
        let bytes: usize = context.primes()[..primes]
            .iter()
            .map(|&prime| packed_bytes(degree, width(prime)))
            .sum();
        Self {
            bytes: bytes as u64,
            memory: (8 * degree * primes) as u64,
        }
        .times(count as u64)
    }

    /// Returns the size of a pair of polynomials, optionally with a seed for the second. The memory of a seeded pair
    /// includes the whole pair that it expands to.
    pub(super) fn pair(context: &Context, primes: usize, seeded: bool) -> Self {
        let whole = Self::polynomials(context, primes, 2);
        if !seeded {
            return whole;
        }
        let read = Self::polynomials(context, primes, 1).plus_bytes(Seed::BYTES as u64);
        Self {
            memory: read.memory.saturating_add(whole.memory),
            ..read
        }
    }

    pub(super) const fn plus_bytes(self, bytes: u64) -> Self {
        Self {
            bytes: self.bytes.saturating_add(bytes),
            memory: self.memory.saturating_add(bytes),
        }
    }

    #[cfg(feature = "inference")]
    pub(super) const fn plus(self, other: Self) -> Self {
        Self {
            bytes: self.bytes.saturating_add(other.bytes),
            memory: self.memory.saturating_add(other.memory),
        }
    }

    pub(super) const fn times(self, count: u64) -> Self {
        Self {
            bytes: self.bytes.saturating_mul(count),
            memory: self.memory.saturating_mul(count),
        }
    }
}

/// The parameters that a message is read against; the message must have been made for the same ones.
pub trait Scope {
    /// Identifies the encryption parameters.
    fn fingerprint(&self) -> Fingerprint;
}

impl Scope for Context {
    fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(self)
    }
}

/// The parts of a message that differ between kinds.
pub trait Body: Sized {
    /// The parameters that a message is read against.
    type Scope: Scope + ?Sized;
    /// The kind named in the header.
    const KIND: Kind;

    /// Identifies the parameters that a message of this kind was made for.
    fn fingerprint(scope: &Self::Scope) -> Fingerprint {
        scope.fingerprint()
    }
    /// Returns the header's counts, or an error if the object does not fit.
    fn counts(&self, scope: &Self::Scope) -> WireResult<Counts>;
    /// Checks the header's counts and returns the size of the body.
    fn size(scope: &Self::Scope, counts: &Counts) -> WireResult<Size>;
    /// Writes the body.
    fn write_body(&self, scope: &Self::Scope, sink: &mut Sink<'_>) -> WireResult<()>;
    /// Reads a body whose counts have been checked.
    fn read_body(
        scope: &Self::Scope,
        counts: &Counts,
        source: &mut MessageSource<'_>,
    ) -> WireResult<Self>;
}

/// An object with a wire format. Implemented by ciphertexts, keys and the engine's messages, seeded or whole.
pub trait Message: Body {
    /// Writes the message, flushes the writer and returns the message's length in bytes.
    ///
    /// # Errors
    /// [`WireError::Unfit`] if the object was made for other parameters or is empty, [`WireError::Io`] if the writer
    /// fails.
    fn write_to(&self, scope: &Self::Scope, mut writer: impl Write) -> WireResult<u64> {
        write::<Self>(scope, self.counts(scope)?, &mut writer, |sink| {
            self.write_body(scope, sink)
        })
    }

    /// Reads exactly one message and not a byte more. Only objects that are valid for the scope are returned.
    ///
    /// # Errors
    /// Any [`WireError`]; each names the field that is wrong.
    fn read_from(scope: &Self::Scope, mut reader: impl Read, limits: &Limits) -> WireResult<Self> {
        let mut header = [0; HEADER_BYTES];
        read(scope, &mut reader, limits, &mut header)
            .map_err(|error| explain_header(error, &header))
    }

    /// Serializes the message to memory.
    ///
    /// # Errors
    /// [`WireError::Unfit`] if the object was made for other parameters or is empty.
    fn to_wire(&self, scope: &Self::Scope) -> WireResult<Vec<u8>> {
        let mut bytes = Vec::new();
        let length = usize::try_from(self.wire_bytes(scope)?).unwrap_or(usize::MAX);
        bytes
            .try_reserve_exact(length)
            .map_err(|_| WireError::Memory { field: "message" })?;
        self.write_to(scope, &mut bytes)?;
        Ok(bytes)
    }

    /// Reads a message that spans exactly these bytes.
    ///
    /// # Errors
    /// Any [`WireError`]; [`WireError::Trailing`] if bytes follow. Because all bytes are available, a damaged message
    /// is distinguished from one for other parameters: [`WireError::Text`] or [`WireError::Checksum`].
    fn from_wire(scope: &Self::Scope, bytes: &[u8], limits: &Limits) -> WireResult<Self> {
        let mut rest = bytes;
        let read = read(scope, &mut rest, limits, &mut [0; HEADER_BYTES]);
        let whole = read.and_then(|message| match rest.len() {
            0 => Ok(message),
            count => Err(WireError::Trailing { count }),
        });
        whole.map_err(|error| explain(error, bytes, limits))
    }

    /// Writes the message to a file and returns its length in bytes. The file is written under a temporary name and
    /// renamed at the end, so a reader sees the whole message or none. Missing directories are created.
    ///
    /// # Errors
    /// [`WireError::File`] if the file cannot be created, otherwise the same as [`Message::write_to`].
    #[cfg(feature = "inference")]
    fn save(&self, scope: &Self::Scope, path: impl AsRef<Path>) -> WireResult<u64> {
        crate::file::replace(path.as_ref(), |file| self.write_to(scope, file))
            .map_err(|source| file_error(path.as_ref(), source))?
    }

    /// Reads a file that contains one message.
    ///
    /// # Errors
    /// [`WireError::File`] if the file cannot be opened, otherwise the same as [`Message::from_wire`].
    fn load(scope: &Self::Scope, path: impl AsRef<Path>, limits: &Limits) -> WireResult<Self> {
        let named = |source| file_error(path.as_ref(), source);
        let mut file = File::open(path.as_ref()).map_err(named)?;
        let mut header = [0; HEADER_BYTES];
        let read = read(scope, &mut file, limits, &mut header);
        let whole = match read {
            Ok(message) => match file.read(&mut [0]).map_err(named)? {
                0 => Ok(message),
                count => Err(WireError::Trailing { count }),
            },
            Err(error) => Err(error),
        };
        whole.map_err(|error| match read_again(&mut file, limits) {
            Some(bytes) => explain(error, &bytes, limits),
            // The file is a pipe or is too long.
            None => explain_header(error, &header),
        })
    }

    /// Computes the length of the message in bytes without writing it.
    ///
    /// # Errors
    /// [`WireError::Unfit`] under the same conditions as [`Message::write_to`].
    fn wire_bytes(&self, scope: &Self::Scope) -> WireResult<u64> {
        Ok(message_bytes(Self::size(scope, &self.counts(scope)?)?))
    }
}

impl<Object: Body> Message for Object {}

/// Writes a message of kind `M` whose body `write_body` writes.
pub(super) fn write<M: Body>(
    scope: &M::Scope,
    counts: Counts,
    writer: &mut dyn Write,
    write_body: impl FnOnce(&mut Sink<'_>) -> WireResult<()>,
) -> WireResult<u64> {
    let header = Header {
        kind: M::KIND,
        fingerprint: M::fingerprint(scope),
        body_bytes: M::size(scope, &counts)?.bytes,
        counts,
    };
    let mut sink = Sink::start(writer, &header)?;
    write_body(&mut sink)?;
    sink.finish()
}

/// Reads a message, and stores the bytes of its header in `header_bytes`.
fn read<M: Body>(
    scope: &M::Scope,
    reader: &mut dyn Read,
    limits: &Limits,
    header_bytes: &mut [u8; HEADER_BYTES],
) -> WireResult<M> {
    read_with::<M, M>(scope, reader, limits, header_bytes, |counts, source| {
        M::read_body(scope, counts, source)
    })
}

/// Reads a message of kind `M`, whose body `read_body` reads. The bytes of its header go to `header_bytes`.
pub(super) fn read_with<M: Body, T>(
    scope: &M::Scope,
    reader: &mut dyn Read,
    limits: &Limits,
    header_bytes: &mut [u8; HEADER_BYTES],
    read_body: impl FnOnce(&Counts, &mut MessageSource<'_>) -> WireResult<T>,
) -> WireResult<T> {
    let mut source = MessageSource::new(reader);
    *header_bytes = source.header()?;
    let header = Header::decode(header_bytes, M::KIND, M::fingerprint(scope))?;
    let size = M::size(scope, &header.counts)?;
    check_limit("message bytes", message_bytes(size), limits.message_bytes)?;
    check_limit("bytes of memory", size.memory, limits.memory_bytes)?;
    if header.body_bytes != size.bytes {
        return Err(WireError::Field {
            field: "body length",
            actual: header.body_bytes,
            expected: size.bytes.to_string(),
        });
    }
    let message = read_body(&header.counts, &mut source)?;
    source.finish()?;
    Ok(message)
}

/// Reads the whole file once more. `None` if it is longer than a message may be.
fn read_again(file: &mut File, limits: &Limits) -> Option<Vec<u8>> {
    let length = file.metadata().ok()?.len();
    if length > limits.message_bytes {
        return None;
    }
    file.rewind().ok()?;
    let mut bytes = Vec::new();
    let room = usize::try_from(length).ok()?;
    bytes.try_reserve_exact(room).ok()?;
    file.take(length).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

fn file_error(path: &Path, source: std::io::Error) -> WireError {
    WireError::File {
        path: path.to_owned(),
        source,
    }
}

/// Length of a message with a body of this size.
pub(super) const fn message_bytes(size: Size) -> u64 {
    size.bytes
        .saturating_add((HEADER_BYTES + CHECKSUM_BYTES) as u64)
}

/// Refuses more than is allowed.
pub(super) fn check_limit(field: &'static str, needed: u64, limit: u64) -> WireResult<()> {
    if needed <= limit {
        return Ok(());
    }
    Err(WireError::Limit {
        field,
        needed,
        limit,
    })
}

/// Refuses a header number that is outside the range.
pub(super) fn check_field(
    field: &'static str,
    actual: impl Into<u64>,
    possible: std::ops::RangeInclusive<u64>,
) -> WireResult<()> {
    let actual = actual.into();
    if possible.contains(&actual) {
        return Ok(());
    }
    let expected = if possible.start() == possible.end() {
        possible.start().to_string()
    } else {
        format!("{} to {}", possible.start(), possible.end())
    };
    Err(WireError::Field {
        field,
        actual,
        expected,
    })
}

/// Checks that the counts that single objects do not use are zero.
pub(super) fn check_single(counts: &Counts) -> WireResult<()> {
    check_field("parts", counts.parts, 0..=0)?;
    check_field("images", counts.images, 0..=0)
}

/// Finds the data level with this many primes.
pub(super) fn data_level(context: &Context, primes: u16) -> WireResult<Level> {
    let levels = context.data_levels();
    context
        .level_of(primes.into())
        .ok_or_else(|| WireError::Field {
            field: "primes",
            actual: u64::from(primes),
            expected: format!(
                "1 to {}",
                levels.first().map_or(0, |level| level.coeff_modulus_size)
            ),
        })
}
