//! The state of a run between epochs. A run that continues from it arrives at the same bits, on a processor with the
//! same features.

use std::{collections::BTreeMap, path::Path};

use serde::{Deserialize, Serialize};

use super::{
    EpochRecord, TrainError,
    model::{Model, tensor, values},
    optimizer::Optimizer,
    origin::RunOrigin,
    tensors::{self, NamedTensors},
};

/// The parts of the state that are not tensors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct TrainingProgress {
    /// Everything the run is made from; it never changes.
    pub origin: RunOrigin,
    pub epochs: Vec<EpochRecord>,
    pub best_epoch: usize,
    /// Adam's step counter for each tensor; a tensor has none before its first step.
    pub times: BTreeMap<String, usize>,
}

pub(super) fn save(
    path: &Path,
    model: &Model,
    optimizer: &Optimizer,
    best: &NamedTensors,
    progress: &TrainingProgress,
) -> Result<(), TrainError> {
    let mut named = tensors::of_model(model, "model.")?;
    let mut progress = progress.clone();
    progress.times.clear();
    for (param, state) in model.params.iter().zip(&optimizer.states) {
        if let Some(state) = state {
            let m = &state.momentum;
            progress.times.insert(param.name.clone(), m.time);
            named.insert(
                format!("first.{}", param.name),
                (m.moment_1.dims(), values(&m.moment_1)?),
            );
            named.insert(
                format!("second.{}", param.name),
                (m.moment_2.dims(), values(&m.moment_2)?),
            );
        }
    }
    named.extend(
        best.iter()
            .map(|(name, t)| (format!("best.{name}"), t.clone())),
    );
    let text = serde_json::to_string(&progress).map_err(TrainError::json("checkpoint", path))?;
    tensors::save(path, &named, &[("progress", text)])
}

/// Reads the state of a run made from `origin`; refuses any other run's.
pub(super) fn load(
    path: &Path,
    origin: &RunOrigin,
    model: &mut Model,
    optimizer: &mut Optimizer,
) -> Result<(NamedTensors, TrainingProgress), TrainError> {
    let damaged = |problem: &str| TrainError::Weights {
        path: path.to_owned(),
        problem: problem.to_owned(),
    };
    let (named, metadata) = tensors::load(path)?;
    let text = metadata
        .get("progress")
        .ok_or_else(|| damaged("holds no progress"))?;
    let progress: TrainingProgress =
        serde_json::from_str(text).map_err(TrainError::json("checkpoint", path))?;
    if let Some(difference) = origin.difference(&progress.origin) {
        return Err(difference.at(path));
    }
    if progress.epochs.len() > origin.config.epochs || progress.best_epoch > progress.epochs.len() {
        return Err(damaged("holds more epochs than the run has"));
    }
    tensors::into_model(model, &named, "model.", path)?;
    for (index, param) in model.params.iter().enumerate() {
        if let Some(&time) = progress.times.get(&param.name) {
            let moment = |prefix: &str| {
                named
                    .get(&format!("{prefix}.{}", param.name))
                    .filter(|(shape, _)| *shape == param.value.dims())
                    .map(|(shape, v)| tensor(v.clone(), *shape))
                    .ok_or_else(|| damaged("holds no moments of a tensor"))
            };
            optimizer.restore(index, time, moment("first")?, moment("second")?);
        }
    }
    let best: NamedTensors = named
        .into_iter()
        .filter_map(|(name, t)| name.strip_prefix("best.").map(|n| (n.to_owned(), t)))
        .collect();
    if best.is_empty() != (progress.best_epoch == 0) {
        return Err(damaged("holds no weights of the best epoch"));
    }
    Ok((best, progress))
}
