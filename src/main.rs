//! The command `sealquant`.

use std::process::ExitCode;

fn main() -> ExitCode {
    sealquant::cli::run(std::env::args_os())
}
