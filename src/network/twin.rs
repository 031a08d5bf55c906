//! The twin: the exact evaluation in the clear, whose logits the encrypted evaluation must equal.

use num_bigint::BigInt;
use rayon::prelude::*;

use super::{
    arithmetic::{Exact64, Exact128, ExactBig, Modular},
    bounds::proven,
    error::InputError,
    interval::Interval,
    limbs::{ExactLimbs, Limbs},
    model::Network,
    shape::Shape,
    steps::LayerStep,
};

/// Number of images evaluated side by side.
pub(super) const LANES: usize = 16;

/// The kind of integers in which a layer is evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Width {
    /// 64 bits.
    I64,
    /// 128 bits.
    I128,
    /// 256 bits: four limbs.
    I256,
    /// 384 bits: six limbs.
    I384,
    /// 512 bits: eight limbs.
    I512,
    /// 768 bits: twelve limbs.
    I768,
    /// Any width.
    Big,
}

impl Width {
    /// Returns the smallest width that holds every integer of magnitude up to `reach`.
    fn holding(reach: &BigInt) -> Self {
        match reach.bits() {
            0..=63 => Self::I64,
            64..=127 => Self::I128,
            128..=Limbs::<4>::BITS => Self::I256,
            256..=Limbs::<6>::BITS => Self::I384,
            384..=Limbs::<8>::BITS => Self::I512,
            512..=Limbs::<12>::BITS => Self::I768,
            _ => Self::Big,
        }
    }
}

/// Evaluates a network exactly, in the clear.
///
/// Every layer uses the narrowest integers that the proven bounds allow, so no sum and no partial sum ever wraps. Zero
/// weights are skipped.
pub struct Twin {
    input: Shape,
    max: i64,
    steps: Vec<(LayerStep, Width)>,
}

impl Twin {
    /// Makes the twin of a network. Computes the proven bounds once.
    pub fn new(network: &Network) -> Self {
        Self::with_minimum_width(network, Width::I64)
    }

    /// Makes a twin with integers of at least the width `minimum` in every layer: slower, with the same results.
    pub fn with_minimum_width(network: &Network, minimum: Width) -> Self {
        let steps: Vec<_> = LayerStep::of(network).collect();
        let (_, reaches) = proven(network, steps.iter());
        // Widths never shrink from layer to layer, so values are only ever widened.
        let widths = reaches.iter().scan(minimum, |width, reach| {
            *width = Width::holding(reach).max(*width);
            Some(*width)
        });
        let widths: Vec<_> = widths.collect();
        Self {
            input: network.input().shape,
            max: network.input().quantizer.max(),
            steps: steps.into_iter().zip(widths).collect(),
        }
    }

    /// Returns the width of the integers in each layer.
    pub fn widths(&self) -> Vec<Width> {
        self.steps.iter().map(|&(_, width)| width).collect()
    }

    /// Computes the logits of one image of quantised pixels ([`Network::quantize_image`]), `[classes]`.
    ///
    /// # Errors
    /// [`InputError::Length`] for an image of the wrong size, [`InputError::Value`] for a value that the network's
    /// quantiser never gives (the bounds would not hold for it).
    pub fn logits(&self, image: &[i64]) -> Result<Vec<BigInt>, InputError> {
        self.check(image)?;
        Ok(self.run(&[image], |_, _| ()).into_big())
    }

    /// Computes the logits of many images, `[images][classes]`, on all threads of the current rayon pool.
    ///
    /// # Errors
    /// [`InputError::Image`] naming the first unusable image, with the error of [`logits`](Self::logits).
    pub fn logits_batch(&self, images: &[Vec<i64>]) -> Result<Vec<Vec<BigInt>>, InputError> {
        self.logits_batch_observed(images, |_| ())
    }

    /// Computes the same as [`logits_batch`](Self::logits_batch). After each block of images, `finished` receives the
    /// number of images in it, on the thread that computed them.
    ///
    /// # Errors
    /// The errors of [`logits_batch`](Self::logits_batch).
    pub fn logits_batch_observed(
        &self,
        images: &[Vec<i64>],
        finished: impl Fn(usize) + Send + Sync,
    ) -> Result<Vec<Vec<BigInt>>, InputError> {
        self.check_all(images)?;
        let blocks = images.par_chunks(LANES).flat_map_iter(|block| {
            let lanes = block.len();
            let logits = self.run(block, |_, _| ()).into_big();
            finished(lanes);
            (0..lanes)
                .map(|lane| logits.iter().skip(lane).step_by(lanes).cloned().collect())
                .collect::<Vec<_>>()
        });
        Ok(blocks.collect())
    }

    /// Computes the logits of one image with all arithmetic modulo `t`, each in `0..t`, as an encrypted evaluation with
    /// plaintext modulus `t` does.
    ///
    /// # Errors
    /// The errors of [`logits`](Self::logits), and [`InputError::Modulus`] if `t` is 0.
    pub fn logits_mod(&self, image: &[i64], t: u64) -> Result<Vec<u64>, InputError> {
        self.check(image)?;
        let modular = Modular::new(t).ok_or(InputError::Modulus)?;
        let input = image.iter().map(|&value| modular.reduce(value)).collect();
        Ok(self.steps.iter().fold(input, |values, (step, _)| {
            step.evaluate(&modular, values, 1)
        }))
    }

    /// Evaluates a block of checked images side by side, and calls `observe` with the input (index 0) and the output of
    /// every layer (from index 1). Element `e` of image `i` is at `e * images.len() + i`.
    pub(super) fn run<I: AsRef<[i64]>>(
        &self,
        images: &[I],
        mut observe: impl FnMut(usize, &IntegerTensor),
    ) -> IntegerTensor {
        let lanes = images.len();
        let mut input = Vec::with_capacity(self.input.len() * lanes);
        for element in 0..self.input.len() {
            input.extend(images.iter().map(|image| image.as_ref()[element]));
        }
        let mut values = IntegerTensor::I64(input);
        observe(0, &values);
        for (index, (step, width)) in self.steps.iter().enumerate() {
            values = match (width, values) {
                (Width::I64, IntegerTensor::I64(values)) => {
                    IntegerTensor::I64(step.evaluate(&Exact64, values, lanes))
                }
                (Width::I128, IntegerTensor::I64(values)) => {
                    let values = values.into_iter().map(i128::from).collect();
                    IntegerTensor::I128(step.evaluate(&Exact128, values, lanes))
                }
                (Width::I128, IntegerTensor::I128(values)) => {
                    IntegerTensor::I128(step.evaluate(&Exact128, values, lanes))
                }
                (Width::I256, values) => {
                    IntegerTensor::I256(step.evaluate(&ExactLimbs, values.into_limbs(), lanes))
                }
                (Width::I384, values) => {
                    IntegerTensor::I384(step.evaluate(&ExactLimbs, values.into_limbs(), lanes))
                }
                (Width::I512, values) => {
                    IntegerTensor::I512(step.evaluate(&ExactLimbs, values.into_limbs(), lanes))
                }
                (Width::I768, values) => {
                    IntegerTensor::I768(step.evaluate(&ExactLimbs, values.into_limbs(), lanes))
                }
                (_, values) => {
                    IntegerTensor::Big(step.evaluate(&ExactBig, values.into_big(), lanes))
                }
            };
            observe(index + 1, &values);
        }
        values
    }

    /// Checks every image; the error names the first unusable one.
    pub(super) fn check_all(&self, images: &[Vec<i64>]) -> Result<(), InputError> {
        let problem = |(index, image): (usize, &Vec<i64>)| match self.check(image) {
            Ok(()) => Ok(()),
            Err(problem) => Err(InputError::Image {
                index,
                problem: Box::new(problem),
            }),
        };
        images.iter().enumerate().try_for_each(problem)
    }

    fn check(&self, image: &[i64]) -> Result<(), InputError> {
        let (actual, expected, shape) = (image.len(), self.input.len(), self.input);
        if actual != expected {
            return Err(InputError::Length {
                actual,
                expected,
                shape,
            });
        }
        match image
            .iter()
            .position(|value| !(0..=self.max).contains(value))
        {
            None => Ok(()),
            Some(index) => Err(InputError::Value {
                index,
                value: image[index],
                max: self.max,
            }),
        }
    }
}

/// Returns the position of the largest logit, which is the class; the first one if several are equal. It is 0 for an
/// empty list, which no network gives.
pub fn argmax<T: Ord>(logits: &[T]) -> usize {
    let mut best = 0;
    for (class, logit) in logits.iter().enumerate() {
        if *logit > logits[best] {
            best = class;
        }
    }
    best
}

/// A tensor with integers of one width.
pub(super) enum IntegerTensor {
    I64(Vec<i64>),
    I128(Vec<i128>),
    I256(Vec<Limbs<4>>),
    I384(Vec<Limbs<6>>),
    I512(Vec<Limbs<8>>),
    I768(Vec<Limbs<12>>),
    Big(Vec<BigInt>),
}

/// Evaluates one expression for the tensor of any width.
macro_rules! of_any_width {
    ($values:expr, $vector:ident => $result:expr) => {
        match $values {
            IntegerTensor::I64($vector) => $result,
            IntegerTensor::I128($vector) => $result,
            IntegerTensor::I256($vector) => $result,
            IntegerTensor::I384($vector) => $result,
            IntegerTensor::I512($vector) => $result,
            IntegerTensor::I768($vector) => $result,
            IntegerTensor::Big($vector) => $result,
        }
    };
}

impl IntegerTensor {
    pub(super) fn into_big(self) -> Vec<BigInt> {
        fn big<T: Into<BigInt>>(values: Vec<T>) -> Vec<BigInt> {
            values.into_iter().map(Into::into).collect()
        }
        of_any_width!(self, values => big(values))
    }

    /// Converts the values to `L` limbs; keeps their low bits if these are too few.
    fn into_limbs<const L: usize>(self) -> Vec<Limbs<L>> {
        match self {
            Self::I64(values) => values.into_iter().map(Limbs::from).collect(),
            Self::I128(values) => values.into_iter().map(Limbs::from).collect(),
            Self::I256(values) => values.iter().map(Limbs::resized).collect(),
            Self::I384(values) => values.iter().map(Limbs::resized).collect(),
            Self::I512(values) => values.iter().map(Limbs::resized).collect(),
            Self::I768(values) => values.iter().map(Limbs::resized).collect(),
            Self::Big(values) => values.iter().map(Limbs::from).collect(),
        }
    }

    /// Returns the smallest interval that holds all values.
    pub(super) fn hull(&self) -> Interval {
        of_any_width!(self, values => Interval::of_all(values.iter().map(|value| (value, value))))
    }
}
