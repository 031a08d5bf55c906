//! Runs the paper's tables again, and makes documents and plots from them.
//!
//! Accuracy: every row comes from a preset and has a record. `run` trains (or resumes) what is missing, measures each
//! network's integers, and returns the [`AccuracyRow`]s. [`claims`] compares them with the paper's claims; [`document`] and
//! [`plot_accuracy`] show them. The test images are evaluated once for each row; epochs are chosen on validation
//! images.
//!
//! Time: [`timing_document`] and [`plot_timing`] show records of type `super::TimingRecord`, [`plot_stages`] those of the
//! benchmark `endtoend`.

mod accuracy_document;
mod bars;
mod claims;
#[cfg(feature = "train")]
mod curves;
mod error;
#[cfg(feature = "train")]
mod finished;
mod layers;
mod legend;
mod measure;
#[cfg(feature = "train")]
mod plan;
mod plot;
#[cfg(feature = "train")]
mod recipe;
mod row;
#[cfg(feature = "train")]
mod run;
mod scaling_document;
mod stages;
mod ticks;
mod timing_document;

pub use accuracy_document::document;
pub(crate) use bars::bits_of;
pub use bars::plot_timing;
pub use claims::{Baseline, Baselines, Claim, Claims, Saving, claims, paper_float};
#[cfg(feature = "train")]
pub use curves::plot_curves;
pub use error::ReproduceError;
#[cfg(feature = "train")]
pub use finished::Document;
pub use layers::plot_layers;
pub use measure::measure;
pub(crate) use measure::observe;
#[cfg(feature = "train")]
pub use plan::{BITS, Job, plan};
pub use plot::plot_accuracy;
pub use row::{AccuracyRow, Choice, LayerWidth, Method, Widths};
#[cfg(feature = "train")]
pub use run::{Images, Options, run};
pub use scaling_document::{plot_scaling, scaling_document};
pub use stages::{EndToEndRecord, plot_stages};
pub(crate) use ticks::{join, two_digits};
pub use timing_document::timing_document;
