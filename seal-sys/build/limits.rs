//! Reads the limits from SEAL's headers, because they differ between versions of SEAL.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use super::failure::{Failure, Result};

/// The limits that this crate passes on: name, description, and the value in SEAL 4.0.0, which is used where there is
/// no header.
pub const LIMITS: [(&str, &str, u32); 12] = [
    ("SEAL_MOD_BIT_COUNT_MAX", "The most bits of a modulus.", 61),
    ("SEAL_MOD_BIT_COUNT_MIN", "The fewest bits of a modulus.", 2),
    (
        "SEAL_USER_MOD_BIT_COUNT_MAX",
        "The most bits of a prime of the coefficient modulus.",
        60,
    ),
    (
        "SEAL_USER_MOD_BIT_COUNT_MIN",
        "The fewest bits of a prime of the coefficient modulus.",
        2,
    ),
    (
        "SEAL_PLAIN_MOD_BIT_COUNT_MAX",
        "The most bits of the plaintext modulus.",
        60,
    ),
    (
        "SEAL_PLAIN_MOD_BIT_COUNT_MIN",
        "The fewest bits of the plaintext modulus.",
        2,
    ),
    (
        "SEAL_COEFF_MOD_COUNT_MAX",
        "The most primes of the coefficient modulus: 64 in SEAL 4.0, 256 since SEAL 4.1.",
        64,
    ),
    (
        "SEAL_COEFF_MOD_COUNT_MIN",
        "The fewest primes of the coefficient modulus.",
        1,
    ),
    (
        "SEAL_POLY_MOD_DEGREE_MAX",
        "The largest polynomial degree N.",
        131_072,
    ),
    (
        "SEAL_POLY_MOD_DEGREE_MIN",
        "The smallest polynomial degree N.",
        2,
    ),
    (
        "SEAL_CIPHERTEXT_SIZE_MAX",
        "The most polynomials of a ciphertext.",
        16,
    ),
    (
        "SEAL_CIPHERTEXT_SIZE_MIN",
        "The fewest polynomials of a ciphertext.",
        2,
    ),
];

/// The values in SEAL 4.0.0.
pub fn of_4_0_0() -> Vec<u32> {
    LIMITS.iter().map(|&(_, _, value)| value).collect()
}

/// Reads the values from the headers below a folder.
///
/// # Errors
/// Fails if the header is missing or gives a limit no number.
pub fn read(include: &Path) -> Result<Vec<u32>> {
    let path = include.join("seal").join("util").join("defines.h");
    let text = fs::read_to_string(&path).map_err(Failure::io("read", &path))?;
    LIMITS
        .iter()
        .map(|(name, _, _)| {
            value(&text, name, LIMITS.len())
                .ok_or_else(|| Failure::new(format!("{} gives {name} no number", path.display())))
        })
        .collect()
}

/// Finds the number that `#define name number` gives, possibly via other names.
pub fn value(header: &str, name: &str, detours: usize) -> Option<u32> {
    let word = header.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        let found = words.next() == Some("#define") && words.next() == Some(name);
        words.next().filter(|_| found)
    })?;
    match word.parse() {
        Ok(number) => Some(number),
        Err(_) => value(header, word, detours.checked_sub(1)?),
    }
}

/// Writes `limits.rs`, which `src/lib.rs` includes.
///
/// # Errors
/// Fails if the file cannot be written.
pub fn write(values: &[u32], out_dir: &Path) -> Result<()> {
    let mut text = String::new();
    for ((name, what, _), value) in LIMITS.iter().zip(values) {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "/// {what}\npub const {name}: u32 = {value};");
    }
    let path = out_dir.join("limits.rs");
    fs::write(&path, text).map_err(Failure::io("write", &path))
}
