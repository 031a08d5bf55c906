//! SEAL's notation for plaintext polynomials: `7FFx^3 + 1x^1 + 3`, with hexadecimal coefficients.

use super::context::Context;
use super::error::{Error, Result};
use super::plaintext::Plaintext;
use std::fmt::Write as _;

impl Plaintext {
    /// Parses a polynomial in SEAL's notation: terms `Cx^E` joined by ` + `. Coefficients are hexadecimal. Exponents
    /// are decimal and strictly decrease from term to term. The constant term is the bare coefficient. Example: `7FFx^3
    /// + 1x^1 + 3`.
    ///
    /// Unlike SEAL's parser, this one never allocates memory for an exponent of N or more.
    ///
    /// # Errors
    /// [`Error::Polynomial`] for any other notation, [`Error::TooManyValues`] for an exponent of N or more,
    /// [`Error::ValueOutOfRange`] for a coefficient of t or more.
    pub fn from_hex(context: &Context, text: &str) -> Result<Self> {
        let operation = "Plaintext::from_hex";
        let degree = context.parameters().poly_modulus_degree();
        let mut coefficients = Vec::new();
        let mut previous = None;
        for (index, term) in text.split(" + ").enumerate() {
            let (coefficient, exponent) = parse_term(term).map_err(|reason| Error::Polynomial {
                operation,
                term: index + 1,
                reason,
            })?;
            if exponent >= degree {
                return Err(Error::TooManyValues {
                    operation,
                    expected: degree,
                    actual: exponent.saturating_add(1),
                });
            }
            if previous.is_some_and(|last| exponent >= last) {
                return Err(Error::Polynomial {
                    operation,
                    term: index + 1,
                    reason: "its exponent is not below the one before",
                });
            }
            if previous.is_none() {
                coefficients.resize(exponent + 1, 0);
            }
            coefficients[exponent] = coefficient;
            previous = Some(exponent);
        }
        Self::from_coefficients(context, &coefficients)
    }

    /// Writes the polynomial in SEAL's notation, which [`Plaintext::from_hex`] reads. Zero terms are omitted.
    ///
    /// # Errors
    /// [`Error::WrongForm`] if the plaintext is in NTT form.
    pub fn to_hex(&self) -> Result<String> {
        self.check_coefficient_form("Plaintext::to_hex")?;
        let mut text = String::new();
        for (exponent, coefficient) in self.coefficients().iter().enumerate().rev() {
            if *coefficient == 0 {
                continue;
            }
            let joint = if text.is_empty() { "" } else { " + " };
            // Writing to a string cannot fail.
            let _ = if exponent == 0 {
                write!(text, "{joint}{coefficient:X}")
            } else {
                write!(text, "{joint}{coefficient:X}x^{exponent}")
            };
        }
        if text.is_empty() {
            text.push('0');
        }
        Ok(text)
    }
}

fn parse_term(term: &str) -> std::result::Result<(u64, usize), &'static str> {
    let (coefficient, exponent) = match term.split_once("x^") {
        None => (term, 0),
        Some((_, exponent)) if !exponent.bytes().all(|byte| byte.is_ascii_digit()) => {
            return Err("the exponent is not a decimal number");
        }
        Some((coefficient, exponent)) => match exponent.parse() {
            Ok(0) => return Err("the constant is written without x^0"),
            Ok(exponent) => (coefficient, exponent),
            Err(_) => return Err("the exponent is missing or too large"),
        },
    };
    if coefficient.is_empty() || !coefficient.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err("the coefficient is not a hexadecimal number");
    }
    match u64::from_str_radix(coefficient, 16) {
        Ok(value) => Ok((value, exponent)),
        Err(_) => Err("the coefficient has more than 64 bits"),
    }
}
