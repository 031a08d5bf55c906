//! Recognises binary data that was handled as text: decoded as UTF-8, given other line ends, or left as base64 or hex.

use xxhash_rust::xxh3::Xxh3;

/// The mark that some programs put before UTF-8 text.
const BYTE_ORDER_MARK: &[u8] = "\u{FEFF}".as_bytes();

/// Number of bytes examined; handling as text shows early.
const LOOKED_AT: usize = 1 << 16;

/// Number of non-ASCII characters that show that data are text, and not bytes that happen to be UTF-8, as the first few
/// bytes of a message can be.
const TELLING: usize = 4;

/// Describes what text handling did to binary data whose first bytes should be `magic`; `None` if there is no sign of
/// it. Use this only for data that cannot be read: part of valid data may look like text by chance.
pub(crate) fn damage(bytes: &[u8], magic: &[u8]) -> Option<&'static str> {
    let bytes = bytes.get(..LOOKED_AT).unwrap_or(bytes);
    if bytes.starts_with(BYTE_ORDER_MARK) {
        return Some("a byte-order mark stands before it");
    }
    if let Some(text) = longest_text(bytes)
        && (starts_with_text_of(text, magic)
            || text.chars().filter(|c| !c.is_ascii()).count() >= TELLING)
    {
        return Some(if text.contains(char::REPLACEMENT_CHARACTER) {
            "it was decoded as UTF-8, which replaced its bytes above 127"
        } else {
            "its bytes were taken for characters and encoded as UTF-8"
        });
    }
    if is_utf16(bytes, magic) {
        return Some("its bytes were taken for characters and encoded as UTF-16");
    }
    if bytes.len() > magic.len() && bytes.is_ascii() && !bytes.starts_with(magic) {
        if starts_with_hex(bytes, magic) {
            return Some("it is still in hexadecimal digits");
        }
        if starts_with_base64(bytes, magic) {
            return Some("it is still in base64");
        }
    }
    None
}

/// The finding of [`is_crlf_of_checked`], phrased like those of [`damage`].
pub(crate) const LINE_ENDS: &str = "its line ends were changed from LF to CR LF";

/// Tells whether the data match their checksum once each CR LF is turned back into LF: the last 8 bytes are then the
/// XXH3 of the rest, in little-endian order.
pub(crate) fn is_crlf_of_checked(bytes: &[u8]) -> bool {
    let added = added_line_ends(bytes);
    let Some(hashed) = (bytes.len() - added).checked_sub(8) else {
        return false;
    };
    if added == 0 {
        return false;
    }
    let (mut hash, mut left) = (Xxh3::new(), hashed);
    let mut last = Vec::with_capacity(8);
    let mut take = |piece: &[u8]| {
        let (body, tail) = piece.split_at(piece.len().min(left));
        hash.update(body);
        last.extend_from_slice(tail);
        left -= body.len();
    };
    // Hash the pieces between the added CRs; each piece except the first starts with an LF.
    let mut start = 0;
    for (index, pair) in bytes.windows(2).enumerate() {
        if pair == b"\r\n" {
            take(&bytes[start..index]);
            start = index + 1;
        }
    }
    take(&bytes[start..]);
    last == hash.digest().to_le_bytes()
}

/// Counts the bytes that turning LF into CR LF would have added.
fn added_line_ends(bytes: &[u8]) -> usize {
    bytes.windows(2).filter(|pair| *pair == b"\r\n").count()
}

/// Tells whether data exceed the length they should have by exactly the bytes that turning LF into CR LF adds, and hold
/// no other LF. Random data would hold some.
pub(crate) fn is_crlf_of_length(bytes: &[u8], length: u64) -> bool {
    let feeds = bytes.split(|&byte| byte == b'\n').count() - 1;
    length < bytes.len() as u64
        && feeds == added_line_ends(bytes)
        && length == (bytes.len() - feeds) as u64
}

/// Tells whether text starts with what a magic number that is not ASCII becomes as text.
fn starts_with_text_of(text: &str, magic: &[u8]) -> bool {
    let characters: String = magic.iter().map(|&byte| char::from(byte)).collect();
    !magic.is_ascii()
        && (text.starts_with(&*String::from_utf8_lossy(magic)) || text.starts_with(&characters))
}

/// Interprets the bytes as UTF-8, ignoring a last character that is cut off. `None` if they are not UTF-8.
fn longest_text(bytes: &[u8]) -> Option<&str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Some(text),
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&bytes[..error.valid_up_to()]).ok()
        }
        Err(_) => None,
    }
}

fn is_utf16(bytes: &[u8], magic: &[u8]) -> bool {
    let bytes = match bytes {
        [0xFF, 0xFE, rest @ ..] | [0xFE, 0xFF, rest @ ..] => rest,
        _ => bytes,
    };
    let pairs = bytes.as_chunks::<2>().0;
    pairs.len() > magic.len()
        && [0, 1].iter().any(|&low| {
            pairs
                .iter()
                .zip(magic)
                .all(|(pair, &byte)| pair[low] == byte && pair[1 - low] == 0)
        })
}

fn starts_with_hex(bytes: &[u8], magic: &[u8]) -> bool {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    magic
        .iter()
        .zip(bytes.as_chunks::<2>().0)
        .all(|(&byte, pair)| {
            digit(pair[0])
                .zip(digit(pair[1]))
                .is_some_and(|(high, low)| 16 * high + low == u32::from(byte))
        })
}

/// Compares the complete 6-bit digits, in either base64 alphabet (with `-` and `_` or without).
fn starts_with_base64(bytes: &[u8], magic: &[u8]) -> bool {
    let value = |byte: u8| match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' | b'-' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    };
    let bit = |index: usize| magic[index / 8] >> (7 - index % 8) & 1;
    (0..8 * magic.len() / 6).all(|digit| {
        let expected = (6 * digit..6 * digit + 6).fold(0, |all, index| 2 * all + bit(index));
        bytes.get(digit).copied().and_then(value) == Some(expected)
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    const MAGIC: &[u8] = b"SQWF";

    /// Builds a message like those of the wire format: magic, noise, checksum.
    fn message(length: usize) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        let mut state = 7u32;
        for _ in 0..length {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            bytes.push((state >> 24) as u8);
        }
        let checksum = xxhash_rust::xxh3::xxh3_64(&bytes);
        bytes.extend(checksum.to_le_bytes());
        bytes
    }

    pub(crate) fn hex(bytes: &[u8]) -> String {
        use std::fmt::Write as _;
        bytes.iter().fold(String::new(), |mut hex, byte| {
            write!(hex, "{byte:02X}").unwrap();
            hex
        })
    }

    pub(crate) fn crlf(bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        for &byte in bytes {
            if byte == b'\n' {
                out.push(b'\r');
            }
            out.push(byte);
        }
        out
    }

    #[test]
    fn each_way_through_text_is_recognised() {
        let good = message(5000);
        assert_eq!(damage(&good, MAGIC), None);
        let lossy = String::from_utf8_lossy(&good).into_owned();
        let latin: String = good.iter().map(|&byte| char::from(byte)).collect();
        let marked = format!("\u{FEFF}{lossy}");
        let wide: Vec<u8> = latin.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let hex = hex(&good);
        // The beginning of SEAL's own magic number.
        let seal: &[u8] = &[0x5E, 0xA1];
        // Text with little more than that.
        let short = ["^\u{FFFD}\x10\x04", "^\u{A1}\x10\x04"].map(str::as_bytes);
        for (bytes, magic, expected) in [
            (lossy.as_bytes(), MAGIC, "decoded"),
            (latin.as_bytes(), MAGIC, "UTF-8"),
            (marked.as_bytes(), MAGIC, "mark"),
            (&wide, MAGIC, "UTF-16"),
            (hex.as_bytes(), MAGIC, "hexa"),
            // The start of a message in base64: "SQWF" and a few bytes.
            (b"U1FXRgEAAgA=", MAGIC, "base64"),
            (b"XqEQBAAA", seal, "base64"),
            (short[0], seal, "decoded"),
            (short[1], seal, "encoded"),
        ] {
            let found = damage(bytes, magic);
            assert!(
                found.is_some_and(|found| found.contains(expected)),
                "{expected}: {found:?}"
            );
        }
        assert_eq!(damage(b"XqFQBAAA", &[0x4E, 0xA1]), None);
        assert_eq!(damage(b"", MAGIC), None);
        for text in short {
            assert_eq!(damage(text, MAGIC), None);
        }
        // The start of a message can be UTF-8 by chance, or end in the middle of a possible character.
        for start in [
            &b"SQWF\x01\0\xC3"[..],
            b"SQWF\x01\0\xC3\xA9\x7F",
            b"SQWF\xE2\x82",
        ] {
            assert_eq!(damage(start, MAGIC), None);
        }
        assert_eq!(damage(b"plain text of some length", MAGIC), None);
    }

    #[test]
    fn line_ends_are_undone_to_the_byte() {
        for length in (0..600).chain([5000]) {
            let good = message(length);
            let damaged = crlf(&good);
            assert_eq!(is_crlf_of_checked(&damaged), damaged != good, "{length}");
            assert_eq!(damaged.len() - added_line_ends(&damaged), good.len());
            assert!(!is_crlf_of_checked(&good));
            let length = good.len() as u64;
            assert_eq!(is_crlf_of_length(&damaged, length), damaged != good);
        }
        // One byte too many, with one CR LF by chance.
        assert!(!is_crlf_of_length(b"ab\ncd\r\n0", 8));
        assert!(!is_crlf_of_checked(b"\r\n"));
        assert!(!is_crlf_of_checked(b""));
    }
}
