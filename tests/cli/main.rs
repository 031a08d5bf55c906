//! Runs the built program as a user does, on a small network and small datasets that the tests write, without network
//! access.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may stop at a surprise"
)]

#[cfg(unix)]
mod array;
#[cfg(unix)]
mod clients;
mod data;
mod demo;
#[cfg(feature = "train")]
mod documents;
mod import;
mod infer;
mod inspect;
#[cfg(unix)]
mod interrupt;
mod kit;
#[cfg(target_os = "linux")]
mod memory;
mod misuse;
mod outputs;
mod reproduce;
mod roles;
mod serve;
mod threads;
#[cfg(feature = "train")]
mod train;
