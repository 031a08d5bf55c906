//! Classifies images under encryption, compares them with exact clear evaluation, and records the results.
//!
//! [`classify`] runs a network on images and compares every logit with the twin's. A [`RunRecord`] says what was run,
//! where, with which parameters, how long each stage took and what the results were, as one JSON object.

mod classify;
mod forecast;
mod host;
mod prime_run;
mod record;
#[cfg(feature = "cli")]
pub mod reproduce;
mod scaling;
mod spread;
mod timing;
mod timing_error;

pub use classify::{Classified, ClassifyError, Encryption, classify};
pub use forecast::{ForecastRecord, LayerForecastRecord};
pub use host::Host;
pub use prime_run::{PrimeLayer, PrimeRun, PrimeSetting, PrimeSubject};
pub use record::{
    BatchSeconds, BoundRecord, LayerRecord, NoiseRecord, RecordError, RunRecord, Seconds, Sizes,
    check_record_path, write_record,
};
pub use scaling::{Axis, ScalingError, ScalingPoint, ScalingRecord, measure_scaling};
pub use spread::Spread;
pub use timing::{PrimeSummary, TimingCase, TimingRecord, TimingRow};
pub use timing_error::TimingError;
