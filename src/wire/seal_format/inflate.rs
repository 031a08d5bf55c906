//! Decompresses an object's bytes while they are read. Memory is bounded by the compression's window, whatever the bytes
//! promise.

use flate2::{Decompress, FlushDecompress, Status};
use ruzstd::decoding::{FrameDecoder, StreamingDecoder, errors::FrameDecoderError};
use std::io::{Error, ErrorKind, Read};

/// Bytes that are read ahead.
const AHEAD: usize = 4096;
/// The largest window of Zstandard: what the format asks every reader to allow. SEAL's have 2 MiB at most.
const WINDOW_MAX: u64 = 8 << 20;

/// Reads a zlib stream that ends where its source ends.
pub(super) struct ZlibReader<R> {
    source: R,
    inflate: Decompress,
    ahead: [u8; AHEAD],
    /// The bytes in `ahead` that have not been used.
    unused: std::ops::Range<usize>,
    ended: bool,
}

impl<R: Read> ZlibReader<R> {
    pub fn new(source: R) -> Self {
        Self {
            source,
            inflate: Decompress::new(true),
            ahead: [0; AHEAD],
            unused: 0..0,
            ended: false,
        }
    }

    /// Tells whether nothing follows the stream's end.
    fn source_ended(&mut self) -> Result<bool, Error> {
        Ok(self.unused.is_empty() && self.source.read(&mut [0])? == 0)
    }
}

impl<R: Read> Read for ZlibReader<R> {
    fn read(&mut self, bytes: &mut [u8]) -> Result<usize, Error> {
        loop {
            if self.ended || bytes.is_empty() {
                return Ok(0);
            }
            let mut source_ended = false;
            if self.unused.is_empty() {
                let count = self.source.read(&mut self.ahead)?.min(AHEAD);
                source_ended = count == 0;
                self.unused = 0..count;
            }
            // Output may be left of the input before.
            let (read, written) = (self.inflate.total_in(), self.inflate.total_out());
            let input = &self.ahead[self.unused.clone()];
            let status = self
                .inflate
                .decompress(input, bytes, FlushDecompress::None)
                .map_err(invalid)?;
            self.unused.start += (self.inflate.total_in() - read) as usize;
            let made = (self.inflate.total_out() - written) as usize;
            if status == Status::StreamEnd {
                self.ended = true;
                if !self.source_ended()? {
                    return Err(invalid("bytes follow the end of the zlib stream"));
                }
            } else if made == 0 && source_ended {
                return Err(ErrorKind::UnexpectedEof.into());
            } else if made == 0 && self.inflate.total_in() == read {
                return Err(invalid("the zlib stream cannot go on"));
            }
            if made > 0 {
                return Ok(made);
            }
        }
    }
}

/// Reads one Zstandard frame that ends where its source ends.
pub(super) struct ZstandardReader<R: Read> {
    frames: StreamingDecoder<R, FrameDecoder>,
    ended: bool,
}

impl<R: Read> ZstandardReader<R> {
    pub fn new(source: R) -> Result<Self, Error> {
        let frames = StreamingDecoder::new_with_max_window_size(source, WINDOW_MAX);
        Ok(Self {
            frames: frames.map_err(|error: FrameDecoderError| invalid(error))?,
            ended: false,
        })
    }

    /// Checks the frame's checksum, if it has one, and that nothing follows.
    fn finish(&mut self) -> Result<(), Error> {
        let decoder = &self.frames.decoder;
        let stated = decoder.get_checksum_from_data();
        if stated.is_some() && stated != decoder.get_calculated_checksum() {
            return Err(invalid("the Zstandard frame's checksum is another"));
        }
        if self.frames.get_mut().read(&mut [0])? > 0 {
            return Err(invalid("bytes follow the end of the Zstandard frame"));
        }
        Ok(())
    }
}

impl<R: Read> Read for ZstandardReader<R> {
    fn read(&mut self, bytes: &mut [u8]) -> Result<usize, Error> {
        if self.ended || bytes.is_empty() {
            return Ok(0);
        }
        let count = self.frames.read(bytes).map_err(invalid)?;
        if count == 0 {
            self.ended = true;
            self.finish()?;
        }
        Ok(count)
    }
}

fn invalid(reason: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::new(ErrorKind::InvalidData, reason)
}
