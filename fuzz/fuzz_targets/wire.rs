//! Reads any bytes as a message of any kind. Nothing may panic, and an accepted message is written again byte for byte.
//!
//! The last eight bytes are replaced by the right checksum, which the fuzzer need not find.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sealquant::wire::{CHECKSUM_BYTES, Limits, reencode};
use std::sync::LazyLock;
use support::{World, worlds};

#[allow(dead_code, reason = "the fuzzer has its own ways to damage messages")]
#[path = "../../tests/support/messages.rs"]
mod support;

static WORLDS: LazyLock<[World; 2]> = LazyLock::new(worlds);

fuzz_target!(|data: &[u8]| {
    let mut bytes = data.to_vec();
    if let Some(end) = bytes.len().checked_sub(CHECKSUM_BYTES) {
        let digest = xxhash_rust::xxh3::xxh3_64(&bytes[..end]);
        bytes[end..].copy_from_slice(&digest.to_le_bytes());
    }
    let limits = Limits {
        message_bytes: 1 << 20,
        memory_bytes: 1 << 20,
    };
    for world in WORLDS.iter() {
        if let Ok(again) = reencode(&world.context, Some(&world.plan), &bytes, &limits) {
            assert_eq!(again, bytes);
        }
    }
});
