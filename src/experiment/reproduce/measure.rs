//! Measures the integers of a network on images.

use super::{Choice, LayerWidth, Widths};
use crate::{
    data::Dataset,
    network::{InputError, LayerBound, Network, Twin, Width, observed_bounds, proven_bounds},
    params::{BoundRule, SelectOptions, select},
};

/// Number of images observed at once: limits the memory for quantised images.
const AT_ONCE: usize = 2048;

/// Number of images observed if the integers need more than 256 bits, which are slow.
const FEW: usize = 500;

/// Measures the integers of a network: proven, and observed on the test images and, if 64-bit integers suffice, also on
/// the training images. Costs an exact evaluation of each image.
///
/// # Errors
/// [`InputError`] if the images do not fit the network, or there are none.
pub fn measure(network: &Network, train: &Dataset, test: &Dataset) -> Result<Widths, InputError> {
    let proven = proven_bounds(network);
    let widest = Twin::new(network).widths().into_iter().max();
    let (sets, observed_on) = match widest {
        Some(width) if width > Width::I256 => {
            let few = test.slice(0..FEW);
            let words = format!("the first {} test images", few.len());
            (vec![few], words)
        }
        Some(width) if width >= Width::I128 => (
            vec![test.clone()],
            format!("all {} test images", test.len()),
        ),
        _ => (
            vec![train.clone(), test.clone()],
            format!("all {} training and test images", train.len() + test.len()),
        ),
    };
    let observed = observe(network, &sets, |_| ())?;
    let layers: Vec<LayerWidth> = proven
        .iter()
        .zip(&observed)
        .map(|(proven, observed)| LayerWidth {
            name: proven.name.clone(),
            proven_bits: proven.interval.bits_exact(),
            observed_bits: observed.interval.bits_exact(),
        })
        .collect();
    let rule = BoundRule::Observed {
        magnitude: observed
            .last()
            .map(|bound| bound.interval.magnitude())
            .unwrap_or_default(),
        source: observed_on.clone(),
    };
    Ok(Widths {
        observed: choose(network, rule, &layers, |layer| layer.observed_bits),
        proven: choose(network, BoundRule::Proven, &layers, |layer| {
            layer.proven_bits
        }),
        layers,
        observed_on,
    })
}

/// Observes the bounds of every layer on all images of these sets. `tell` receives the number of images done so far.
///
/// # Errors
/// [`InputError`] if the images do not fit the network.
pub(crate) fn observe(
    network: &Network,
    sets: &[Dataset],
    mut tell: impl FnMut(usize),
) -> Result<Vec<LayerBound>, InputError> {
    let mut bounds: Vec<LayerBound> = Vec::new();
    let mut done = 0;
    for set in sets {
        let images: Vec<&[u8]> = set.images().collect();
        for images in images.chunks(AT_ONCE) {
            let quantized = images
                .iter()
                .map(|pixels| network.quantize_image(pixels))
                .collect::<Result<Vec<_>, _>>()?;
            let more = observed_bounds(network, &quantized)?.to_vec();
            bounds = if bounds.is_empty() {
                more
            } else {
                let pairs = bounds.into_iter().zip(more);
                pairs
                    .map(|(a, b)| LayerBound {
                        interval: a.interval.hull(b.interval),
                        name: a.name,
                    })
                    .collect()
            };
            done += images.len();
            tell(done);
        }
    }
    Ok(bounds)
}

/// Chooses the parameters for a bound; empty if no parameters can hold it.
fn choose(
    network: &Network,
    bound: BoundRule,
    layers: &[LayerWidth],
    bits: fn(&LayerWidth) -> f64,
) -> Choice {
    let options = SelectOptions {
        bound,
        ..SelectOptions::default()
    };
    let mut choice = Choice {
        logit_bits: layers.last().map_or(0.0, bits),
        widest_bits: layers.iter().map(bits).fold(0.0, f64::max),
        plain_moduli: Vec::new(),
        poly_modulus_degree: 0,
        coeff_modulus_bits: 0,
    };
    if let Ok(selection) = select(network, &options) {
        choice.plain_moduli = selection.plain_moduli().to_vec();
        choice.poly_modulus_degree = selection.poly_modulus_degree();
        choice.coeff_modulus_bits = selection.coeff_modulus_bits().iter().sum();
    }
    choice
}
