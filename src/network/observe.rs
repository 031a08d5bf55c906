//! Bounds observed on given images.

use rayon::prelude::*;

use super::{
    bounds::Bounds,
    error::InputError,
    interval::Interval,
    model::Network,
    twin::{IntegerTensor, LANES, Twin},
};

/// Evaluates the given quantised images ([`Network::quantize_image`]) on all threads of the current rayon pool, and
/// returns the ranges of the values that occur.
///
/// These ranges say nothing about other images: a modulus chosen from them can wrap where one chosen from
/// [`proven_bounds`](super::proven_bounds) cannot.
///
/// # Errors
/// [`InputError::Empty`] without images; [`InputError::Image`] naming the first image that the twin refuses.
pub fn observed_bounds(network: &Network, images: &[Vec<i64>]) -> Result<Bounds, InputError> {
    let twin = Twin::new(network);
    twin.check_all(images)?;
    let blocks = images.par_chunks(LANES).map(|block| {
        let mut intervals = Vec::with_capacity(network.layers().len() + 1);
        let logits = twin.run(block, |_, values| intervals.push(values.hull()));
        (intervals, per_class(logits, block.len()))
    });
    let (intervals, classes) = blocks
        .reduce_with(|a, b| (hulls(a.0, b.0), hulls(a.1, b.1)))
        .ok_or(InputError::Empty)?;
    Ok(Bounds::new(network, intervals, classes))
}

fn hulls(a: Vec<Interval>, b: Vec<Interval>) -> Vec<Interval> {
    a.into_iter().zip(b).map(|(a, b)| a.hull(b)).collect()
}

/// Computes the range of each logit over a block of images.
fn per_class(logits: IntegerTensor, lanes: usize) -> Vec<Interval> {
    let class = |values: &[_]| IntegerTensor::Big(values.to_vec()).hull();
    logits.into_big().chunks(lanes).map(class).collect()
}
