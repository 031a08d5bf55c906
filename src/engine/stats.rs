//! Statistics of the server's work, and progress updates.

use crate::circuit::OpCounts;
use std::ops::AddAssign;
use std::sync::atomic::{AtomicU64, Ordering};

/// The cost of one layer on the server, summed over the CRT primes.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerStats {
    /// Name of the layer; `response` for the last drop of primes, if the backend drops any.
    pub name: String,
    /// Wall time.
    pub seconds: f64,
    /// Operations that were executed.
    pub ops: OpCounts,
    /// Processor time, if the layer ran on one thread and the system reports it.
    pub cpu_seconds: Option<f64>,
    /// The share of the layer that ran, if a backend may leave something out.
    pub share: Option<Share>,
}

/// The share of a layer that ran. Units are those of one plain prime; work is summed over the plain primes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Share {
    /// Number of units (see [`super::reference::Part`]) that ran.
    pub units: u64,
    /// Number of units of the whole layer.
    pub all_units: u64,
    /// Rotations and products that ran.
    pub work: u64,
    /// Rotations and products of the whole layer.
    pub all_work: u64,
}

impl AddAssign for LayerStats {
    /// Adds the same layer under another plain prime.
    fn add_assign(&mut self, other: Self) {
        self.seconds += other.seconds;
        self.ops += other.ops;
        self.cpu_seconds = match (self.cpu_seconds, other.cpu_seconds) {
            (Some(a), Some(b)) => Some(a + b),
            (a, b) => a.or(b),
        };
        self.share = match (self.share, other.share) {
            (Some(a), Some(b)) => Some(Share {
                work: a.work + b.work,
                all_work: a.all_work + b.all_work,
                ..a
            }),
            (a, b) => a.or(b),
        };
    }
}

impl LayerStats {
    /// Makes an empty entry for each name.
    pub(super) fn named<'a>(names: impl Iterator<Item = &'a str>) -> Vec<Self> {
        names
            .map(|name| Self {
                name: name.to_owned(),
                seconds: 0.0,
                ops: OpCounts::default(),
                cpu_seconds: None,
                share: None,
            })
            .collect()
    }
}

/// Receives progress updates; `()` ignores them.
pub trait Progress: Sync {
    /// Reports that `done` of `total` units of `stage` are finished. It is called from any thread, and `done` may
    /// arrive out of order. Every stage begins with a call with `done` 0, on the thread that started the work.
    fn update(&self, stage: &str, done: u64, total: u64);

    /// Reports that `done` of `total` parts of the whole work are finished. All parts take the same steps: a part is a
    /// batch of images under one plaintext modulus. It is called in order, on the thread that started the work.
    fn part(&self, _done: u64, _total: u64) {}
}

impl Progress for () {
    fn update(&self, _stage: &str, _done: u64, _total: u64) {}
}

/// Returns the stage name of the layer with this index, counted from 0, of `layers` layers.
pub(super) fn layer_stage(index: usize, layers: usize, name: &str, suffix: &str) -> String {
    format!("layer {}/{layers} {name}{suffix}", index + 1)
}

/// Counts the finished units of one stage.
pub(super) struct StageProgress<'a> {
    progress: &'a dyn Progress,
    name: String,
    done: AtomicU64,
    total: u64,
}

impl<'a> StageProgress<'a> {
    pub(super) fn new(progress: &'a dyn Progress, name: &str, total: usize) -> Self {
        progress.update(name, 0, total as u64);
        Self {
            progress,
            name: name.to_owned(),
            done: AtomicU64::new(0),
            total: total as u64,
        }
    }

    pub(super) fn advance(&self) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        self.progress.update(&self.name, done, self.total);
    }
}
