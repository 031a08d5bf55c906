//! Reads any bytes as a network file, compressed or not. Nothing may panic; an accepted network is written and read
//! again, and inspected in each layout. libFuzzer's own limits on time and memory decide what is too much.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sealquant::network::Network;
use std::time::Duration;
use support::{WAYS, inspect};

#[allow(dead_code, reason = "the fuzzer has its own ways to make files")]
#[path = "../../tests/support/networks.rs"]
mod support;

fuzz_target!(|data: &[u8]| {
    if let Ok(network) = Network::from_slice(data) {
        let text = network.to_json();
        assert_eq!(Network::from_slice(text.as_bytes()).unwrap(), network);
        inspect(&network, &WAYS, || Duration::ZERO, |_, _| ());
    }
});
