//! Stores of pads: folders that see to it that a pad serves one image, on the disk, after a crash and among processes.
//!
//! [`crate::engine`] describes what pads are. Two images under one pad reveal their difference, so
//!
//! - the client's [`PadStore`] removes a pad's secret, and has the folder written to the disk, **before** it hands out the
//!   masked image;
//! - the server's [`PreparedPadStore`] marks a pad as used, and has the folder written to the disk, **before** it computes
//!   an answer. A second masked image for the same pad is refused with [`PadStoreError::Used`].
//!
//! Each is one operation of the file system that succeeds for one caller only: removing a name, and making a name that must
//! not exist. A crash at any moment can lose a pad and never brings one back. What does bring pads back is a folder restored
//! from a backup or a snapshot, or copied: keep both folders out of backups, and never start two clients from copies of one
//! folder.
//!
//! ```no_run
//! use sealquant::engine::{Client, Contexts, MaskedImage, Pad, Plan, Server};
//! use sealquant::pads::{PadStore, PreparedPadStore};
//! use sealquant::wire::{Limits, Message};
//!
//! # fn example(plan: &Plan, client: &Client, server: &Server, pixels: &[u8]) -> Result<(), Box<dyn std::error::Error>> {
//! let contexts = Contexts::new(plan.client_spec())?;
//! let limits = Limits::default();
//! // Beforehand: the client stores a pad's secret and sends the pad, the server prepares it.
//! let secrets = PadStore::open("client/pads", plan.client_spec())?;
//! let prepared = PreparedPadStore::open("server/pads")?;
//! for _ in 0..100 {
//!     let sent = secrets.make_pad(client)?.to_wire(&contexts)?;
//!     let pad = Pad::from_wire(&contexts, &sent, &limits)?;
//!     prepared.prepare(server, &contexts, &pad)?;
//! }
//! // When there is an image: a message of two kilobytes for an image of MNIST.
//! let image = plan.client_spec().quantize_image(pixels)?;
//! let sent = secrets.mask_image(client, &image)?.to_wire(&contexts)?;
//! let masked = MaskedImage::from_wire(&contexts, &sent, &limits)?;
//! let evaluation = prepared.evaluate_masked(server, &contexts, &masked, &())?;
//! let logits = client.decrypt(&evaluation.response, 1)?;
//! # Ok(())
//! # }
//! ```

mod error;
mod folder;
mod prepared;
mod secrets;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a failed test may panic")]
mod tests;

pub use error::PadStoreError;
pub use prepared::PreparedPadStore;
pub use secrets::PadStore;
