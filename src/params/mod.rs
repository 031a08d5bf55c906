//! Encryption parameters for a network: from its bounds to t, and from its circuit to N and q.
//!
//! Only the logits must fit the plaintext modulus: BFV computes in a ring, so values that wrap around on the way
//! cancel.

mod error;
mod explain;
mod fused;
mod fused_circuit;
mod fused_noise;
mod hoisted;
mod line;
mod memory;
mod moments;
mod options;
mod plain;
mod reference;
mod response;
mod rules;
mod scaled;
mod search;
mod security;
mod select;
mod selection;
mod selection_literal;
mod stock;
mod stock_noise;
mod traffic;

pub use error::ParamsError;
pub use fused_circuit::{RESPOND_NANOSECONDS, dropping_nanoseconds};
pub use hoisted::{Work, WorkRates, diagonal_work};
pub use line::Line;
pub use memory::MemoryForecast;
pub use options::{BoundRule, Scheme, SelectOptions};
pub use reference::ReferenceParameters;
pub(crate) use search::encrypted_product;
pub use security::SecurityStandard;
pub use select::select;
pub use selection::{Bound, Parameters};
pub use selection_literal::{ParametersError, ParametersRecord};
pub use stock_noise::LayerNoise;

/// Returns log2 of the tails that the models assume, in deviations, for `values` values in ciphertexts of degree `n`:
/// the tail of a phase of degree `degree` in errors, and that of a rounding of `degree` + 1 polynomials.
#[cfg(test)]
pub(crate) fn tail_bits(degree: u32, n: usize, values: usize) -> [f64; 2] {
    use rules::{Powers, tail};
    [Powers::errors(degree), Powers::rounding(degree)]
        .map(|powers| tail(powers, n as f64, values as f64).log2())
}

/// Returns the same for a phase in the noise of ciphertexts from which a prime was dropped, in deviations without the
/// factor of the common secret.
#[cfg(test)]
pub(crate) fn tail_bits_of_dropped(degree: u32, n: usize, values: usize) -> [f64; 2] {
    use rules::{Powers, common_secret, tail};
    let phase = tail(Powers::dropped(degree), n as f64, values as f64) * common_secret(degree);
    [phase.log2(), tail_bits(degree, n, values)[1]]
}
