//! Imports any bytes as an ONNX file. Nothing may panic; libFuzzer's own limits on time and memory decide what is too
//! much.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sealquant::onnx::{ImportOptions, import_bytes};

fuzz_target!(|data: &[u8]| {
    let _ = import_bytes(data.to_vec(), &ImportOptions::default());
});
