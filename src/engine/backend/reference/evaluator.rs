//! The evaluator of the authors' schedule: stock SEAL calls, one after the other.

use super::layer::{Objects, Part, ScheduleRun};
use super::plan::{ReferenceLayer, ReferencePlan};
use crate::circuit::OpCounts;
use crate::clock;
use crate::engine::EngineError;
use crate::engine::backend::Evaluate;
use crate::engine::error::Doing;
use crate::engine::stats::{LayerStats, Progress, layer_stage};
use crate::seal::{BatchEncoder, Ciphertext, Context, Evaluator, GaloisKeys, RelinKeys};
use std::time::Instant;

/// The evaluator of one plain prime.
#[derive(Debug)]
pub(in crate::engine) struct ReferenceEvaluator {
    layers: Vec<ReferenceLayer>,
    part: Part,
    objects: Objects,
}

impl ReferenceEvaluator {
    pub(in crate::engine) fn new(
        context: &Context,
        plan: &ReferencePlan,
        part: Part,
        relin_keys: RelinKeys,
        galois_keys: GaloisKeys,
    ) -> Result<Self, EngineError> {
        let doing = || "setting up the server".to_owned();
        Ok(Self {
            layers: plan.layers().to_vec(),
            part,
            objects: Objects {
                plain_modulus: context.parameters().plain_modulus().value(),
                evaluator: Evaluator::new(context).doing(doing)?,
                encoder: BatchEncoder::new(context).doing(doing)?,
                relin_keys,
                galois_keys,
            },
        })
    }
}

impl Evaluate for ReferenceEvaluator {
    fn stats(&self) -> Vec<LayerStats> {
        LayerStats::named(self.layers.iter().map(|layer| layer.name.as_str()))
    }

    /// Evaluates on the calling thread. The authors' schedule drops no primes.
    fn evaluate(
        &self,
        inputs: &[Ciphertext],
        _response_primes: usize,
        suffix: &str,
        stats: &mut [LayerStats],
        progress: &dyn Progress,
    ) -> Result<Vec<Ciphertext>, EngineError> {
        let mut values: Option<Vec<Ciphertext>> = None;
        for (index, (layer, stats)) in self.layers.iter().zip(stats).enumerate() {
            let (start, cpu) = (Instant::now(), clock::thread_cpu_seconds());
            let mut run = ScheduleRun {
                objects: &self.objects,
                ops: OpCounts::default(),
                part: self.part,
            };
            let given = values.as_deref().unwrap_or(inputs);
            let stage = layer_stage(index, self.layers.len(), &layer.name, suffix);
            let (outputs, share) = run
                .step(&stage, &layer.step, given, progress)
                .doing(|| format!("computing layer {}", layer.name))?;
            values = Some(outputs);
            *stats += LayerStats {
                name: layer.name.clone(),
                seconds: start.elapsed().as_secs_f64(),
                ops: run.ops,
                cpu_seconds: clock::between(cpu, clock::thread_cpu_seconds()),
                share: Some(share),
            };
        }
        values.ok_or(EngineError::Internal("a plan without layers"))
    }
}
