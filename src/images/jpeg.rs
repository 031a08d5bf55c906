//! Tells whether a JPEG file is complete. The decoder fills what is missing with grey.

/// Returns false if the file ends before the image does (before its marker EOI).
pub(super) fn is_complete(bytes: &[u8]) -> bool {
    // The marker SOI has no length.
    let mut at = 2;
    loop {
        // A marker is 0xff, perhaps repeated, and a code.
        let Some(found) = position(bytes, at, |pair| {
            pair[0] == 0xff && pair[1] != 0xff && pair[1] != 0
        }) else {
            return false;
        };
        let code = bytes[found + 1];
        at = found + 2;
        match code {
            0xd9 => return true,
            // TEM and the restart markers stand alone.
            0x01 | 0xd0..=0xd7 => {}
            _ => {
                let Some(length) = bytes.get(at..at + 2) else {
                    return false;
                };
                at += usize::from(u16::from_be_bytes([length[0], length[1]])).max(2);
            }
        }
        // The coded data that follow a scan's header have no marker in them: 0xff is followed by 0 there.
    }
}

/// Finds the first pair of bytes from `from` on.
fn position(bytes: &[u8], from: usize, is: impl Fn(&[u8]) -> bool) -> Option<usize> {
    let at = bytes.get(from..)?.windows(2).position(is)?;
    Some(from + at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cut_is_seen() {
        // SOI, a comment with a false EOI, a frame, a scan with stuffed bytes and a restart, EOI.
        let whole = [
            &b"\xff\xd8\xff\xfe\x00\x04\xff\xd9"[..],
            b"\xff\xc0\x00\x03\x08",
            b"\xff\xda\x00\x02ab\xff\x00c\xff\xd0d\xff\xff\xd9",
        ]
        .concat();
        assert!(is_complete(&whole));
        assert!(is_complete(&[&whole[..], b"trailer"].concat()));
        for end in 0..whole.len() {
            assert!(!is_complete(&whole[..end]), "{end}");
        }
    }
}
