//! A training run from start to finish.

use std::{path::Path, time::Instant};

use burn::tensor::Tensor;

use super::{
    CHECKPOINT_FILE, CONFIG_FILE, EpochRecord, NETWORK_FILE, Observer, OutputFolder, QatConfig,
    RECORD_FILE, StagedModel, TrainConfig, TrainError, TrainEvent, TrainRecord, Versions,
    WEIGHTS_FILE, augment,
    batch::{InputMap, all_logits, correct, cross_entropy, divergence, gather},
    checkpoint::{self, TrainingProgress},
    export,
    files::write_json,
    model::{Model, Role, tensor, values},
    optimizer::{Optimizer, learning_rate},
    origin::{OriginImages, RunOrigin, finished_difference},
    record::short,
    start,
    tensors::{self, NamedTensors},
};
use crate::{data::Dataset, network::Shape, quant::WeightRule};

/// Trains a network and writes it into `folder`: `config.json`, `record.json`, and `weights.safetensors` (a float
/// network, batch norms folded) or `network.json.gz` (a quantised one).
///
/// The last [`TrainConfig::validation_images`] images of `train` are used to choose the epoch; `test` is read once, at
/// the end. After each epoch the state is written to `checkpoint.safetensors`. The model's files are written at the
/// end, all at once, and replace the folder's previous content. If the folder was claimed to resume, the run continues
/// from the checkpoint and arrives at the same weights, bit for bit, as an uninterrupted run (on a processor with the
/// same instruction sets). A finished run is not repeated: its record is returned.
///
/// # Errors
/// Any [`TrainError`]: an impossible configuration, data that do not fit, divergence, an integer network that does not
/// agree with the trained one; [`TrainError::OtherRun`] if the run to resume had another configuration, parent, teacher
/// or data, or other programs.
pub fn run(
    config: &TrainConfig,
    train: &Dataset,
    test: &Dataset,
    folder: &OutputFolder,
    observer: &mut dyn Observer,
) -> Result<TrainRecord, TrainError> {
    config.validate()?;
    let checkpoint = folder.path().join(CHECKPOINT_FILE);
    if folder.resumes_model() {
        let record = TrainRecord::load(folder.path())?;
        return match finished_difference(&record, config, train, test)? {
            None => Ok(record),
            Some(difference) => Err(difference.at(&folder.path().join(RECORD_FILE))),
        };
    }
    let mut run = Run::new(config, train, test)?;
    if folder.resumes_checkpoint() {
        let (best, progress) = checkpoint::load(
            &checkpoint,
            &run.progress.origin,
            &mut run.model,
            &mut run.optimizer,
        )?;
        run.best = best;
        run.progress = progress;
    }
    let started = Instant::now();
    let done = run.progress.epochs.len();
    observer.observe(&TrainEvent::Started {
        epochs: config.epochs,
        done: run.progress.epochs.clone(),
        steps: run.steps,
        train_images: run.train.len(),
        validation_images: run.validation.len(),
    });
    for epoch in done..config.epochs {
        run.epoch(epoch, done, started, observer)?;
        checkpoint::save(
            &checkpoint,
            &run.model,
            &run.optimizer,
            &run.best,
            &run.progress,
        )?;
        if let Some(&record) = run.progress.epochs.last() {
            let pace = started.elapsed().as_secs_f64() / (epoch + 1 - done) as f64;
            observer.observe(&TrainEvent::Epoch {
                record,
                best_epoch: run.progress.best_epoch,
                eta_seconds: pace * (config.epochs - epoch - 1) as f64,
            });
        }
        if epoch + 1 < config.epochs && observer.should_stop() {
            return Err(TrainError::Stopped {
                epoch: epoch + 1,
                epochs: config.epochs,
            });
        }
    }
    let model = folder.stage()?;
    let record = run.finish(test, &checkpoint, &model, observer)?;
    config.save(&model.file(CONFIG_FILE))?;
    write_json(&model.file(RECORD_FILE), &record)?;
    model.commit()?;
    observer.observe(&TrainEvent::Finished {
        best_epoch: record.best_epoch,
        test_accuracy: record.test_accuracy,
    });
    Ok(record)
}

/// A teacher and its logits.
struct Teacher {
    model: Model,
    map: InputMap,
    /// The teacher's logits for all training images, if they stay the same in every epoch.
    logits: Option<Vec<f32>>,
    classes: usize,
}

struct Run<'a> {
    config: &'a TrainConfig,
    model: Model,
    optimizer: Optimizer,
    map: InputMap,
    teacher: Option<Teacher>,
    train: Dataset,
    validation: Dataset,
    steps: usize,
    /// The weights of the best epoch so far; empty before the first.
    best: NamedTensors,
    progress: TrainingProgress,
    /// Root mean square of each weight layer's latent weights at the start.
    initial_rms: Vec<f64>,
}

impl<'a> Run<'a> {
    fn new(config: &'a TrainConfig, train: &Dataset, test: &Dataset) -> Result<Self, TrainError> {
        let mut model = Model::new(config)?;
        let map = InputMap::new(config, model.shapes[0], model.input_scale)?;
        let Shape {
            channels: c,
            height: h,
            width: w,
        } = map.image_shape();
        let classes = model.shapes[model.shapes.len() - 1].len();
        for (name, data) in [("training", train), ("test", test)] {
            if data.shape() != (c, h, w) {
                return Err(TrainError::Data(format!(
                    "the {name} images are {:?} (channels, height, width), the network reads {:?}",
                    data.shape(),
                    (c, h, w)
                )));
            }
            if data.classes().len() != classes {
                return Err(TrainError::Data(format!(
                    "{} classes, the network has {classes} outputs",
                    data.classes().len()
                )));
            }
        }
        let kept = train
            .len()
            .checked_sub(config.validation_images)
            .filter(|&n| n >= config.batch_size);
        let kept = kept.ok_or_else(|| {
            TrainError::Data(format!(
                "{} training images are too few for {} validation images and a batch of {}",
                train.len(),
                config.validation_images,
                config.batch_size
            ))
        })?;
        let (images_of_train, images_of_test) = (OriginImages::new(train), OriginImages::new(test));
        let (train, validation) = (train.slice(0..kept), train.slice(kept..train.len()));
        let mut parent_sha256 = None;
        if let Some(q) = &config.quantization {
            let (_, parent, hash) = start::load_float(Path::new(&q.parent))?;
            start::from_parent(&mut model, config, &parent, q.start, &train)?;
            // Anything that the integer network refuses (such as a scale too small for a double) fails before the first
            // epoch.
            export::to_network(&model, config, &model.round(None)?)?;
            parent_sha256 = Some(hash);
        }
        let (teacher, teacher_sha256) = match &config.distillation {
            None => (None, None),
            Some(d) => {
                let (teacher, hash) = Teacher::new(Path::new(&d.teacher), config, &train)?;
                (Some(teacher), Some(hash))
            }
        };
        let initial_rms = (0..model.layers.len())
            .map(|layer| Ok(start::rms(&model.get(layer, Role::Weight)?)))
            .collect::<Result<Vec<f64>, TrainError>>()?;
        Ok(Self {
            config,
            optimizer: Optimizer::new(model.params.len()),
            map,
            teacher,
            steps: train.len() / config.batch_size,
            train,
            validation,
            best: NamedTensors::new(),
            progress: TrainingProgress {
                origin: RunOrigin {
                    config: config.clone(),
                    parent_sha256,
                    teacher_sha256,
                    train: images_of_train,
                    test: images_of_test,
                    versions: Versions::current(),
                },
                epochs: Vec::new(),
                best_epoch: 0,
                times: std::collections::BTreeMap::new(),
            },
            initial_rms,
            model,
        })
    }

    /// Returns the budgets of the top-k rules after the share `share` of the run.
    fn keep(&self, share: f64) -> Option<Vec<usize>> {
        let QatConfig { anneal, .. } = *self.config.quantization.as_ref()?;
        Some(
            self.model
                .layers
                .iter()
                .map(|layer| match layer.quantized {
                    Some((_, WeightRule::TopK { keep, .. })) if share < anneal => {
                        let all = layer.fan_in as f64;
                        let target = keep.min(layer.fan_in) as f64;
                        (all * (target / all).powf(share / anneal)).ceil() as usize
                    }
                    Some((_, WeightRule::TopK { keep, .. })) => keep,
                    _ => layer.fan_in,
                })
                .collect(),
        )
    }

    fn frozen(&self, share: f64) -> Vec<bool> {
        let freeze = self
            .config
            .quantization
            .as_ref()
            .map_or(&[][..], |q| &q.freeze);
        (0..self.model.layers.len())
            .map(|l| freeze.get(l).is_some_and(|&f| share >= f))
            .collect()
    }

    fn epoch(
        &mut self,
        epoch: usize,
        done: usize,
        started: Instant,
        observer: &mut dyn Observer,
    ) -> Result<(), TrainError> {
        let begun = Instant::now();
        let order = augment::order(self.config.seed, epoch, self.train.len());
        let total = self.steps * self.config.epochs;
        let (mut loss_sum, mut right) = (0.0, 0);
        // The last images of the order, too few for a batch, are left out in this epoch.
        for (step, indices) in order.chunks_exact(self.config.batch_size).enumerate() {
            let (loss, hits) = self.step(epoch, step, total, indices)?;
            if !loss.is_finite() {
                return Err(TrainError::Diverged {
                    loss,
                    epoch: epoch + 1,
                    step: step + 1,
                });
            }
            loss_sum += loss;
            right += hits;
            let all_done = (epoch - done) * self.steps + step + 1;
            let left = (self.config.epochs - done) * self.steps - all_done;
            observer.observe(&TrainEvent::Step {
                epoch: epoch + 1,
                step: step + 1,
                steps: self.steps,
                loss: loss_sum / (step + 1) as f64,
                accuracy: right as f64 / ((step + 1) * self.config.batch_size) as f64,
                eta_seconds: started.elapsed().as_secs_f64() / all_done as f64 * left as f64,
            });
        }
        let share = (epoch + 1) as f64 / self.config.epochs as f64;
        let last = ((epoch + 1) * self.steps).saturating_sub(1) as f64 / total as f64;
        let frozen = self.frozen(last);
        self.settle(share, &frozen)?;
        let rounded = self.model.round(self.keep(share).as_deref())?;
        let logits = all_logits(&self.model, &rounded, &self.validation, &self.map)?;
        let classes = logits.len() / self.validation.len().max(1);
        let hits = correct(&logits, self.validation.labels(), classes);
        let anneal = self.config.quantization.as_ref().map_or(0.0, |q| q.anneal);
        let quantization = self.config.quantization.as_ref();
        let logit_bits = quantization
            .and_then(|q| export::logit_bits(&logits, &rounded, q.center_output))
            .map(short);
        let fits = quantization.is_none_or(|q| {
            q.plain_moduli.is_empty()
                || logit_bits.is_some_and(|bits| bits <= export::available_bits(&q.plain_moduli))
        });
        let record = EpochRecord {
            epoch: epoch + 1,
            loss: short(loss_sum / self.steps as f64),
            train_accuracy: short(right as f64 / (self.steps * self.config.batch_size) as f64),
            validation_accuracy: short(hits as f64 / self.validation.len() as f64),
            seconds: short(begun.elapsed().as_secs_f64()),
            eligible: share >= anneal && fits,
            logit_bits,
        };
        let epochs = &mut self.progress.epochs;
        let best_so_far = epochs
            .iter()
            .filter(|e| e.eligible)
            .map(|e| e.validation_accuracy)
            .fold(f64::NEG_INFINITY, f64::max);
        if record.eligible && record.validation_accuracy > best_so_far {
            self.progress.best_epoch = epoch + 1;
            self.best = tensors::of_model(&self.model, "")?;
        }
        epochs.push(record);
        Ok(())
    }

    /// Gives norms that are folded into integers the statistics of the network's current weights. Running statistics
    /// lag behind: one weight that changes its sign moves a mean at once.
    fn settle(&mut self, share: f64, frozen: &[bool]) -> Result<(), TrainError> {
        if !self
            .config
            .quantization
            .as_ref()
            .is_some_and(|q| q.normalize)
        {
            return Ok(());
        }
        let keep = self.keep(share);
        start::settle(
            &mut self.model,
            &self.map,
            &self.train,
            keep.as_deref(),
            frozen,
        )
    }

    /// Does one training step; returns its loss and the number of images it classified correctly.
    fn step(
        &mut self,
        epoch: usize,
        step: usize,
        total: usize,
        indices: &[usize],
    ) -> Result<(f64, usize), TrainError> {
        let config = self.config;
        let at = epoch * self.steps + step;
        let share = at as f64 / total as f64;
        let labels: Vec<u8> = indices.iter().map(|&i| self.train.labels()[i]).collect();
        let pixels = gather(&self.train, indices, Some((config, epoch)))?;
        let x = self.map.blocks(&pixels);
        let frozen = self.frozen(share);
        let before = self.frozen(at.saturating_sub(1) as f64 / total as f64);
        if frozen != before {
            self.settle(share, &before)?;
        }
        let rounded = self.model.round(self.keep(share).as_deref())?;
        let leaves = self.model.leaves();
        let mut pass = self.model.pass(&leaves, &rounded, x, &frozen)?;
        let logits = pass.logits.clone();
        let statistics = std::mem::take(&mut pass.statistics);
        let row = values(&logits)?;
        let classes = row.len() / indices.len().max(1);
        let hits = correct(&row, &labels, classes);
        let mut loss = cross_entropy(logits.clone(), &labels, config.label_smoothing);
        if let (Some(d), Some(teacher)) = (&config.distillation, &self.teacher) {
            let says = teacher.says(indices, &pixels)?;
            loss = loss.mul_scalar((1.0 - d.weight) as f32)
                + divergence(logits, says, d.temperature).mul_scalar(d.weight as f32);
        }
        let number = f64::from(values(&loss)?.first().copied().unwrap_or(f32::NAN));
        if !number.is_finite() {
            return Ok((number, hits));
        }
        let gradients = self.model.gradients(&leaves, &pass, &loss)?;
        let rate = learning_rate(&config.optimizer, at, total);
        self.optimizer.step(
            &mut self.model,
            &gradients,
            &config.optimizer,
            rate,
            &frozen,
        )?;
        self.model.absorb(statistics);
        self.rescale(&frozen)?;
        Ok((number, hits))
    }

    /// Scales the latent weights of ternary budgets, whose size has no meaning, back to their initial size. Otherwise
    /// they grow and the learning rate falls relative to them.
    fn rescale(&mut self, frozen: &[bool]) -> Result<(), TrainError> {
        for (layer, &still) in frozen.iter().enumerate() {
            if still
                || !matches!(
                    self.model.layers[layer].quantized,
                    Some((_, WeightRule::TopK { limit: 1, .. }))
                )
            {
                continue;
            }
            let now = start::rms(&self.model.get(layer, Role::Weight)?);
            let factor = self.initial_rms[layer] / now;
            if let Some(index) = self.model.find(layer, Role::Weight)
                && factor.is_finite()
            {
                let param = &mut self.model.params[index];
                param.value = param.value.clone().mul_scalar(factor as f32);
            }
        }
        Ok(())
    }

    /// Evaluates the best weights and writes the network among `files`.
    fn finish(
        mut self,
        test: &Dataset,
        checkpoint: &Path,
        files: &StagedModel<'_>,
        observer: &mut dyn Observer,
    ) -> Result<TrainRecord, TrainError> {
        let best = std::mem::take(&mut self.best);
        let config = self.config;
        if best.is_empty() {
            return Err(TrainError::NoneFits {
                bits: self
                    .progress
                    .epochs
                    .iter()
                    .filter_map(|e| e.logit_bits)
                    .fold(f64::INFINITY, f64::min),
            });
        }
        let (test_correct, agreement, weights_sha256);
        let mut fit = None;
        tensors::into_model(&mut self.model, &best, "", checkpoint)?;
        if let Some(q) = &config.quantization {
            observer.observe(&TrainEvent::Exporting);
            let mut rounded = self.model.round(None)?;
            if q.center_output {
                export::center_output(&self.model, config, &mut rounded, &self.train)?;
            }
            let network = export::to_network(&self.model, config, &rounded)?;
            let (found, correct) = export::compare(&self.model, config, &rounded, &network, test)?;
            if !q.plain_moduli.is_empty() {
                let sets = [
                    ("training", &self.train),
                    ("validation", &self.validation),
                    ("test", test),
                ];
                fit = Some(export::fit(&network, &q.plain_moduli, &sets)?);
            }
            network.save(files.file(NETWORK_FILE))?;
            (test_correct, agreement, weights_sha256) =
                (correct, Some(found), tensors::hash(&best));
        } else {
            let folded = self.model.folded()?;
            let named = tensors::of_model(&folded, "")?;
            tensors::save(&files.file(WEIGHTS_FILE), &named, &[])?;
            let logits = all_logits(&folded, &[], test, &self.map)?;
            let classes = logits.len() / test.len().max(1);
            (test_correct, agreement, weights_sha256) = (
                correct(&logits, test.labels(), classes),
                None,
                tensors::hash(&named),
            );
        }
        let progress = self.progress;
        let mut data = self.train.files().to_vec();
        data.extend(test.files().iter().cloned());
        Ok(TrainRecord {
            config: config.clone(),
            data,
            train_images: self.train.len(),
            validation_images: self.validation.len(),
            test_images: test.len(),
            best_epoch: progress.best_epoch,
            validation_accuracy: progress
                .epochs
                .iter()
                .find(|e| e.epoch == progress.best_epoch)
                .map_or(0.0, |e| e.validation_accuracy),
            seconds: short(progress.epochs.iter().map(|e| e.seconds).sum()),
            epochs: progress.epochs,
            test_correct,
            test_accuracy: short(test_correct as f64 / test.len().max(1) as f64),
            weights_sha256,
            parent_sha256: progress.origin.parent_sha256,
            teacher_sha256: progress.origin.teacher_sha256,
            agreement,
            fit,
            versions: progress.origin.versions,
        })
    }
}

impl Teacher {
    fn new(
        dir: &Path,
        student: &TrainConfig,
        train: &Dataset,
    ) -> Result<(Self, String), TrainError> {
        let (config, model, hash) = start::load_float(dir)?;
        let classes = model.shapes[model.shapes.len() - 1].len();
        let map = InputMap::new(&config, model.shapes[0], model.input_scale)?;
        let (channels, height, width) = train.shape();
        if map.image_shape() != Shape::new(channels, height, width)
            || classes != train.classes().len()
        {
            return Err(TrainError::config(
                "distillation.teacher",
                format!(
                    "{} has other inputs or outputs than the student",
                    dir.display()
                ),
            ));
        }
        let logits = match student.augmentation {
            None => Some(all_logits(&model, &[], train, &map)?),
            Some(_) => None,
        };
        Ok((
            Self {
                model,
                map,
                logits,
                classes,
            },
            hash,
        ))
    }

    /// Returns the teacher's logits for a batch.
    fn says(&self, indices: &[usize], pixels: &[u8]) -> Result<Tensor<2>, TrainError> {
        let Some(all) = &self.logits else {
            let x = self.map.blocks(pixels);
            return self.model.evaluate(&[], x);
        };
        let classes = self.classes;
        let rows = indices
            .iter()
            .flat_map(|&i| &all[i * classes..(i + 1) * classes])
            .copied()
            .collect();
        Ok(tensor(rows, [indices.len(), classes]))
    }
}
