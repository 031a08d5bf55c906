//! The paper's accuracy tables, run again: every row from a preset, with its record, a document and plots.
//!
//! [`run`] trains (or resumes) what is missing, measures each network's integers, and returns the [`Row`]s;
//! [`claims`] compares them with the paper's claims; [`document`] and [`plot_accuracy`] show them.
//!
//! Accuracy is read on the test images once for each row; epochs are chosen on validation images.

mod claims;
mod curves;
mod document;
mod error;
mod measure;
mod plan;
mod plot;
mod row;
mod run;

pub use claims::{Claim, claims, paper_float};
pub use curves::plot_curves;
pub use document::document;
pub use error::ReproduceError;
pub use measure::measure;
pub use plan::{BITS, Job, plan};
pub use plot::{plot_accuracy, plot_layers};
pub use row::{Choice, LayerWidth, Method, Row, Widths};
pub use run::{Images, Options, run};
