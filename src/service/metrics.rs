//! Metrics in Prometheus' text format.

use std::{fmt, sync::atomic::AtomicU64, time::Duration};

use prometheus_client::{
    encoding::{EncodeLabelSet, text},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::Registry,
};

/// Media type of the metrics.
pub(super) const METRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The call and its outcome.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    call: &'static str,
    status: u16,
}

/// A stage of an evaluation.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StageLabels {
    stage: &'static str,
}

/// Counts and times of a service.
#[derive(Debug)]
pub(super) struct Metrics {
    registry: Registry,
    calls: Family<CallLabels, Counter>,
    stages: Family<StageLabels, Histogram>,
    received: Counter<u64, AtomicU64>,
    sent: Counter<u64, AtomicU64>,
    /// Evaluations that run now.
    pub running: Gauge,
    /// Evaluations and uploads whose answer is not made yet.
    pub open_calls: Gauge,
    /// Complete requests that wait for an evaluation.
    pub waiting: Gauge,
    /// Clients whose keys are ready.
    pub open_keys: Gauge,
}

fn seconds() -> Histogram {
    // From 1 ms to 131 s.
    Histogram::new(exponential_buckets(0.001, 2.0, 18))
}

impl Metrics {
    pub fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("sealquant"),
            calls: Family::default(),
            stages: Family::new_with_constructor(seconds),
            received: Counter::default(),
            sent: Counter::default(),
            running: Gauge::default(),
            open_calls: Gauge::default(),
            waiting: Gauge::default(),
            open_keys: Gauge::default(),
        };
        let registry = &mut metrics.registry;
        registry.register("calls", "Calls by kind and status", metrics.calls.clone());
        registry.register(
            "stage_seconds",
            "Seconds of each stage of an evaluation",
            metrics.stages.clone(),
        );
        registry.register(
            "received_bytes",
            "Bytes of bodies that arrived",
            metrics.received.clone(),
        );
        registry.register(
            "sent_bytes",
            "Bytes of bodies that were sent",
            metrics.sent.clone(),
        );
        registry.register(
            "evaluations_running",
            "Evaluations that run now",
            metrics.running.clone(),
        );
        registry.register(
            "open_calls",
            "Evaluations and uploads whose answer is not made yet",
            metrics.open_calls.clone(),
        );
        registry.register(
            "requests_waiting",
            "Complete requests that wait for an evaluation",
            metrics.waiting.clone(),
        );
        registry.register(
            "open_keys",
            "Clients whose keys are ready",
            metrics.open_keys.clone(),
        );
        metrics
    }

    /// Counts a call.
    pub fn call(&self, call: &'static str, status: u16, received: u64, sent: u64) {
        self.calls.get_or_create(&CallLabels { call, status }).inc();
        self.received.inc_by(received);
        self.sent.inc_by(sent);
    }

    /// Counts the time of a stage.
    pub fn stage(&self, stage: &'static str, time: Duration) {
        self.stages
            .get_or_create(&StageLabels { stage })
            .observe(time.as_secs_f64());
    }

    /// Writes all metrics.
    pub fn text(&self) -> Result<String, fmt::Error> {
        let mut written = String::new();
        text::encode(&mut written, &self.registry)?;
        Ok(written)
    }
}
