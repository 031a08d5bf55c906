//! Reads any bytes as an object in SEAL's own format: the first byte chooses the type. Nothing may panic, and what is
//! accepted is valid.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sealquant::seal::Context;
use sealquant::wire::Limits;
use std::sync::LazyLock;
use support::{SealKind, read_seal, seal_context};

#[allow(dead_code, reason = "the fuzzer has its own ways to damage files")]
#[path = "../../tests/support/seal_files.rs"]
mod support;

static CONTEXT: LazyLock<Context> = LazyLock::new(seal_context);

fuzz_target!(|data: &[u8]| {
    let Some((&kind, bytes)) = data.split_first() else {
        return;
    };
    let kind = SealKind::ALL[usize::from(kind) % SealKind::ALL.len()];
    let limits = Limits {
        message_bytes: 1 << 20,
        memory_bytes: 1 << 20,
    };
    let _ = read_seal(&CONTEXT, kind, bytes, &limits);
});
