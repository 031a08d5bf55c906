//! The IDX format of the MNIST family: a four-byte magic number, big-endian sizes, unsigned bytes.
//!
//! Parsing is strict. The magic number must say "unsigned bytes" with the expected number of dimensions, and the data
//! must have exactly the length that the sizes announce.

/// The sizes and bytes of an IDX file. `dims` has one entry for each dimension, slowest first.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Idx<'a> {
    pub dims: Vec<usize>,
    pub data: &'a [u8],
}

/// Parses `bytes` as an IDX file of unsigned bytes with `rank` dimensions.
///
/// # Errors
/// A sentence with expected and actual values, to which the caller prefixes the file's name.
pub(crate) fn parse(bytes: &[u8], rank: u8) -> Result<Idx<'_>, String> {
    let header = 4 + 4 * usize::from(rank);
    if bytes.len() < header {
        return Err(format!(
            "truncated: {} bytes, an IDX header of {rank} dimensions has {header}",
            bytes.len()
        ));
    }
    let (head, data) = bytes.split_at(header);
    let expected = [0, 0, 0x08, rank];
    if head[..4] != expected {
        return Err(format!(
            "magic number is {:02x?}, expected {expected:02x?} (unsigned bytes, {rank} dimensions)",
            &head[..4]
        ));
    }
    let dims: Vec<usize> = head[4..]
        .chunks_exact(4)
        .map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]) as usize)
        .collect();
    let announced = dims
        .iter()
        .try_fold(1_usize, |product, &dim| product.checked_mul(dim))
        .ok_or_else(|| format!("sizes {dims:?} overflow"))?;
    match data.len() {
        n if n < announced => Err(format!(
            "truncated: {n} bytes of data, sizes {dims:?} announce {announced}"
        )),
        n if n > announced => Err(format!(
            "{} trailing bytes: sizes {dims:?} announce {announced} bytes of data, the file has {n}",
            n - announced
        )),
        _ => Ok(Idx { dims, data }),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Builds an IDX file of unsigned bytes.
    pub(in super::super) fn file(dims: &[u32], data: &[u8]) -> Vec<u8> {
        let mut out = vec![0, 0, 8, u8::try_from(dims.len()).unwrap()];
        out.extend(dims.iter().flat_map(|dim| dim.to_be_bytes()));
        out.extend(data);
        out
    }

    #[test]
    fn well_formed_files_are_read() {
        let bytes = file(&[2, 1, 3], &[1, 2, 3, 4, 5, 6]);
        let idx = parse(&bytes, 3).unwrap();
        assert_eq!(idx.dims, [2, 1, 3]);
        assert_eq!(idx.data, [1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn each_defect_is_named() {
        let good = file(&[2, 2], &[1, 2, 3, 4]);
        assert!(
            parse(&good[..3], 2)
                .unwrap_err()
                .contains("truncated: 3 bytes")
        );
        assert!(parse(&good[..15], 2).unwrap_err().contains("announce 4"));
        let mut long = good.clone();
        long.push(0);
        assert!(parse(&long, 2).unwrap_err().contains("1 trailing bytes"));
        let mut magic = good.clone();
        magic[2] = 9;
        assert!(parse(&magic, 2).unwrap_err().contains("magic number"));
        assert!(parse(&good, 1).unwrap_err().contains("magic number"));
        let huge = file(&[u32::MAX, u32::MAX, u32::MAX], &[]);
        assert!(parse(&huge, 3).unwrap_err().contains("overflow"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_parsed_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..64), rank in 0_u8..4) {
            if let Ok(idx) = parse(&bytes, rank) {
                prop_assert_eq!(idx.dims.iter().product::<usize>(), idx.data.len());
            }
        }
    }
}
