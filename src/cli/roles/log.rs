//! The log of services and workers.

use std::{io::Write as _, time::SystemTime};

/// Writes the log to standard error; `RUST_LOG` chooses what.
pub(super) fn start_log() {
    env_logger::Builder::new()
        .filter_module("sealquant", log::LevelFilter::Info)
        .parse_default_env()
        .format(|line, record| {
            let time = humantime::format_rfc3339_millis(SystemTime::now());
            let level = record.level().as_str().to_ascii_lowercase();
            writeln!(line, "{time} {level} {}", record.args())
        })
        .init();
}
