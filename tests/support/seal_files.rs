//! The files that SEAL 4.1 wrote, and ways to damage them.

use flate2::{Compression, read::ZlibDecoder, write::ZlibEncoder};
use sealquant::seal::{
    Ciphertext, Context, GaloisKeys, ParametersLiteral, RelinKeys, SecurityLevel, coeff_modulus,
    plain_modulus,
};
use sealquant::wire::{Limits, SealObject, SealRelease, WireResult, write_ciphertext};
use std::io::{Read as _, Write as _};

/// Length of SEAL's header.
const HEADER: usize = 16;

/// The type as which bytes are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SealKind {
    Ciphertext,
    RelinKeys,
    GaloisKeys,
}

impl SealKind {
    pub const ALL: [Self; 3] = [Self::Ciphertext, Self::RelinKeys, Self::GaloisKeys];
}

/// The small, insecure parameters of the files.
pub fn seal_context() -> Context {
    let degree = 32;
    let primes = coeff_modulus::create(degree, &[30, 31, 32]).unwrap();
    Context::from_literal(&ParametersLiteral {
        poly_modulus_degree: degree,
        coeff_modulus: primes.into_iter().map(u64::from).collect(),
        plain_modulus: plain_modulus::batching(degree, &[17]).unwrap()[0].value(),
        security: SecurityLevel::None,
    })
    .unwrap()
}

/// Reads bytes, and checks what is accepted: SEAL considers it valid, and a ciphertext that is written again is the same.
pub fn read_seal(
    context: &Context,
    kind: SealKind,
    bytes: &[u8],
    limits: &Limits,
) -> WireResult<()> {
    let valid = match kind {
        SealKind::Ciphertext => {
            let read = Ciphertext::from_seal(context, bytes, limits)?;
            let mut again = Vec::new();
            write_ciphertext(context, &read, SealRelease { minor: 4 }, &mut again)?;
            let same = Ciphertext::from_seal(context, &again, &Limits::default())?;
            assert_eq!(same.limbs(), read.limbs());
            read.is_valid_for(context)
        }
        SealKind::RelinKeys => RelinKeys::from_seal(context, bytes, limits)?.is_valid_for(context),
        SealKind::GaloisKeys => {
            GaloisKeys::from_seal(context, bytes, limits)?.is_valid_for(context)
        }
    };
    assert!(valid.unwrap(), "SEAL refuses what was accepted");
    Ok(())
}

/// Returns the files with their types, each uncompressed and compressed by zlib and Zstandard.
pub fn seal_files() -> Vec<(SealKind, Vec<u8>)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/wire/seal_4_1");
    let names = [
        (SealKind::Ciphertext, "ciphertext"),
        (SealKind::Ciphertext, "square"),
        (SealKind::Ciphertext, "seeded_ciphertext"),
        (SealKind::RelinKeys, "relin_keys"),
        (SealKind::RelinKeys, "seeded_relin_keys"),
        (SealKind::GaloisKeys, "galois_keys"),
        (SealKind::GaloisKeys, "seeded_galois_keys"),
    ];
    let all = names.iter().flat_map(|&(kind, name)| {
        ["none", "zlib", "zstd"].map(|coding| {
            let bytes = std::fs::read(format!("{folder}/{name}_{coding}.bin")).unwrap();
            (kind, bytes)
        })
    });
    all.collect()
}

/// Damages a file in one to three ways. `below` draws a number below its argument.
pub fn damage_seal(
    below: &mut dyn FnMut(usize) -> usize,
    files: &[(SealKind, Vec<u8>)],
) -> Vec<u8> {
    let pick = below(files.len());
    let mut bytes = files[pick].1.clone();
    // A zlib file is damaged within, too.
    let inside = bytes[5] == 1 && below(2) == 0;
    if inside {
        let mut plain = bytes[..HEADER].to_vec();
        let mut decoder = ZlibDecoder::new(&bytes[HEADER..]);
        decoder.read_to_end(&mut plain).unwrap();
        bytes = plain;
    }
    for _ in 0..=below(3) {
        damage_once(below, files, &mut bytes);
    }
    if inside && bytes.len() >= HEADER {
        let mut encoder = ZlibEncoder::new(bytes[..HEADER].to_vec(), Compression::fast());
        encoder.write_all(&bytes[HEADER..]).unwrap();
        bytes = encoder.finish().unwrap();
    }
    // Usually the length is right again.
    if bytes.len() >= HEADER && below(4) > 0 {
        let length = bytes.len() as u64;
        bytes[8..HEADER].copy_from_slice(&length.to_le_bytes());
    }
    bytes
}

fn damage_once(
    below: &mut dyn FnMut(usize) -> usize,
    files: &[(SealKind, Vec<u8>)],
    bytes: &mut Vec<u8>,
) {
    if bytes.is_empty() {
        return;
    }
    let at = below(bytes.len());
    match below(8) {
        0 => bytes[at] ^= 1 << below(8),
        1 => bytes[at] = below(256) as u8,
        2 => bytes.truncate(at),
        3 => {
            let more = below(64);
            bytes.extend(std::iter::repeat_n(0, more));
        }
        // A field near the start takes another number.
        4 | 5 => {
            const NUMBERS: [u64; 10] = [0, 1, 2, 3, 16, 64, 1 << 20, 1 << 32, 1 << 61, u64::MAX];
            let field = at % 200;
            if let Some(word) = bytes.get_mut(field..field + 8) {
                word.copy_from_slice(&NUMBERS[below(NUMBERS.len())].to_le_bytes());
            }
        }
        // A piece of another file.
        6 => {
            let other = &files[below(files.len())].1;
            let from = below(other.len());
            let count = below(other.len() - from).min(bytes.len() - at);
            bytes[at..at + count].copy_from_slice(&other[from..from + count]);
        }
        _ => {
            let end = at + below(bytes.len() - at);
            let piece = bytes[at..end].to_vec();
            let to = below(bytes.len());
            bytes.splice(to..to, piece);
        }
    }
}
