//! Turns pixels into input tensors, and logits into a loss or an accuracy.

use burn::tensor::{
    Tensor,
    activation::{log_softmax, softmax},
};

use super::{
    TrainConfig, TrainError, augment,
    model::{Model, Rounded, tensor, values},
    stage::Blocks,
};
use crate::{
    data::Dataset,
    network::{InputQuantizer, Shape},
};

/// Maps pixels to the real values that a network reads.
#[derive(Debug, Clone)]
pub(super) struct InputMap {
    quantizer: InputQuantizer,
    shape: Shape,
    /// Real value of each integer.
    levels: Vec<f32>,
}

impl InputMap {
    /// Builds the map for a model that reads inputs of `shape`, where one unit of the quantiser is worth `scale`.
    pub fn new(config: &TrainConfig, shape: Shape, scale: f64) -> Result<Self, TrainError> {
        let quantizer = config.quantizer()?;
        let levels = (0..=quantizer.max())
            .map(|integer| (integer as f64 * scale) as f32)
            .collect();
        Ok(Self {
            quantizer,
            shape,
            levels,
        })
    }

    /// Returns the shape of an image's pixels.
    pub fn image_shape(&self) -> Shape {
        self.quantizer.image_shape(self.shape)
    }

    /// Returns the input values of the images, one image after another.
    pub fn values(&self, pixels: &[u8]) -> Vec<f32> {
        pixels
            .chunks_exact(self.image_shape().len())
            .flat_map(|image| self.quantizer.quantize_image(image, self.shape))
            .map(|q| self.levels[usize::try_from(q).unwrap_or(0)])
            .collect()
    }

    /// Returns the same values in blocks.
    pub fn blocks(&self, pixels: &[u8]) -> Blocks {
        Blocks::from_images(&self.values(pixels), self.shape)
    }

    /// Returns the same values as a tensor `[images, channels, height, width]`.
    pub fn tensor(&self, pixels: &[u8]) -> Tensor<4> {
        let values = self.values(pixels);
        let Shape {
            channels,
            height,
            width,
        } = self.shape;
        let images = values.len() / self.shape.len();
        tensor(values, [images, channels, height, width])
    }
}

/// Returns the pixels of the images `indices`, one after another, randomly changed if the configuration says so.
pub(super) fn gather(
    data: &Dataset,
    indices: &[usize],
    augmented: Option<(&TrainConfig, usize)>,
) -> Result<Vec<u8>, TrainError> {
    let (channels, height, width) = data.shape();
    let plane = height * width;
    let mut pixels = vec![0; indices.len() * data.image_len()];
    for (&index, out) in indices
        .iter()
        .zip(pixels.chunks_exact_mut(data.image_len()))
    {
        let image = data
            .image(index)
            .ok_or_else(|| TrainError::Data(format!("no image {index} among {}", data.len())))?;
        match augmented.and_then(|(config, epoch)| Some((config, epoch, config.augmentation?))) {
            None => out.copy_from_slice(image),
            Some((config, epoch, bounds)) => {
                for c in 0..channels {
                    let range = c * plane..(c + 1) * plane;
                    let (from, to) = (&image[range.clone()], &mut out[range]);
                    augment::affine(from, height, width, bounds, config.seed, epoch, index, to);
                }
            }
        }
    }
    Ok(pixels)
}

/// Computes the mean cross-entropy of logits `[images, classes]` with smoothed labels.
pub(super) fn cross_entropy(logits: Tensor<2>, labels: &[u8], smoothing: f64) -> Tensor<1> {
    let [images, classes] = logits.dims();
    let off = smoothing / classes as f64;
    let mut targets = vec![off as f32; images * classes];
    for (row, &label) in targets.chunks_exact_mut(classes).zip(labels) {
        row[usize::from(label)] = (1.0 - smoothing + off) as f32;
    }
    let targets = tensor(targets, [images, classes]);
    (log_softmax(logits, 1) * targets)
        .sum()
        .mul_scalar(-1.0 / images as f32)
}

/// Computes `temperature^2` times the mean Kullback-Leibler divergence of the student's softmax from the teacher's.
pub(super) fn divergence(student: Tensor<2>, teacher: Tensor<2>, temperature: f64) -> Tensor<1> {
    let images = student.dims()[0];
    let scaled = teacher.div_scalar(temperature as f32);
    let (p, log_p) = (softmax(scaled.clone(), 1), log_softmax(scaled, 1));
    let log_q = log_softmax(student.div_scalar(temperature as f32), 1);
    let factor = (temperature * temperature / images as f64) as f32;
    (p * (log_p - log_q)).sum().mul_scalar(factor)
}

/// Returns the position of the largest logit in each row; the first one wins a tie.
pub(super) fn argmax_rows(logits: &[f32], classes: usize) -> Vec<usize> {
    logits
        .chunks_exact(classes.max(1))
        .map(|row| {
            row.iter()
                .enumerate()
                .fold(0, |best, (i, v)| if *v > row[best] { i } else { best })
        })
        .collect()
}

/// Number of images evaluated at a time.
const EVALUATION_BATCH: usize = 500;

/// Computes the logits of every image in a dataset, row by row.
pub(super) fn all_logits(
    model: &Model,
    rounded: &[Option<Rounded>],
    data: &Dataset,
    map: &InputMap,
) -> Result<Vec<f32>, TrainError> {
    let mut out = Vec::with_capacity(data.len() * 10);
    let indices: Vec<usize> = (0..data.len()).collect();
    for chunk in indices.chunks(EVALUATION_BATCH) {
        let x = map.blocks(&gather(data, chunk, None)?);
        out.extend(values(&model.evaluate(rounded, x)?)?);
    }
    Ok(out)
}

/// Counts the images whose largest logit is the one at their label.
pub(super) fn correct(logits: &[f32], labels: &[u8], classes: usize) -> usize {
    argmax_rows(logits, classes)
        .iter()
        .zip(labels)
        .filter(|(a, l)| **a == usize::from(**l))
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_by_hand() {
        let z = tensor(vec![0.0, 0.0, 2.0, 0.0], [2, 2]);
        let p = |a: f64| a.exp() / (a.exp() + 1.0);
        let expected = -((0.5_f64).ln() + (1.0 - p(2.0)).ln()) / 2.0;
        let loss = f64::from(values(&cross_entropy(z.clone(), &[0, 1], 0.0)).unwrap()[0]);
        assert!((loss - expected).abs() < 1e-6, "{loss} {expected}");
        let smooth = f64::from(values(&cross_entropy(z.clone(), &[0, 1], 0.2)).unwrap()[0]);
        let second = 0.9 * (1.0 - p(2.0)).ln() + 0.1 * p(2.0).ln();
        assert!((smooth + f64::midpoint(0.5_f64.ln(), second)).abs() < 1e-6);
        assert!(values(&divergence(z.clone(), z.clone(), 2.0)).unwrap()[0].abs() < 1e-7);
        let teacher = tensor(vec![2.0, 0.0, 2.0, 0.0], [2, 2]);
        let (a, b) = (p(1.0), 1.0 - p(1.0));
        let expected = 4.0 / 2.0 * (a * (a / 0.5).ln() + b * (b / 0.5).ln());
        let kl = f64::from(values(&divergence(z, teacher, 2.0)).unwrap()[0]);
        assert!((kl - expected).abs() < 1e-6, "{kl} {expected}");
    }

    #[test]
    fn the_first_of_equal_logits_wins() {
        assert_eq!(argmax_rows(&[1.0, 3.0, 3.0, -1.0, -1.0, -2.0], 3), [1, 0]);
        assert_eq!(correct(&[1.0, 3.0, 3.0, -1.0, -1.0, -2.0], &[1, 1], 3), 1);
    }
}
