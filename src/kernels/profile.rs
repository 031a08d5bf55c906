//! The profile under which kernels were compiled: warns once if it makes them slow.

use std::sync::Once;

/// Message that [`warn_if_unoptimised`] logs.
const MESSAGE: &str = "sealquant was compiled without optimisation, as cargo's dev profile does: own kernels take about a \
    hundred times as long; set `opt-level = 3` under `[profile.dev.package.sealquant]` in your Cargo.toml";

/// Logs a warning, once per process, if this crate was compiled without optimisation. Evaluations and measurements of
/// kernels call it first.
pub(crate) fn warn_if_unoptimised() {
    static WARNED: Once = Once::new();
    // The build script reports this crate's optimisation; debug assertions may be on in an optimised build, too.
    if cfg!(unoptimised) {
        WARNED.call_once(|| log::warn!("{MESSAGE}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_names_the_lines_to_add() {
        for part in ["[profile.dev.package.sealquant]", "opt-level = 3"] {
            assert!(MESSAGE.contains(part), "{MESSAGE}");
        }
    }
}
