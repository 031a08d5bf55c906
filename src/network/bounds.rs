//! Proven bounds on the integers of a network.
//!
//! Only the logits must fit the plaintext modulus: `|y| < t / 2`. The bounds of the layers before them show where the
//! bits come from.

use std::{borrow::Borrow, ops::Deref};

use num_bigint::BigInt;
use serde::Serialize;

use super::{arithmetic::Arithmetic, interval::Interval, model::Network, steps::LayerStep};

/// The range of all values at one point of a network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LayerBound {
    /// Name of the layer that gives these values, or `input`.
    pub name: String,
    /// Range of the values.
    pub interval: Interval,
}

/// The ranges at the input and after every layer, in order. It can be used as a slice of [`LayerBound`]; the last entry
/// is the range of the logits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Bounds {
    layers: Vec<LayerBound>,
    classes: Vec<Interval>,
}

impl Bounds {
    /// Combines the intervals at the input and after every layer with the interval of each logit.
    pub(super) fn new(network: &Network, intervals: Vec<Interval>, classes: Vec<Interval>) -> Self {
        let names =
            std::iter::once("input").chain(network.layers().iter().map(|l| l.name.as_str()));
        let bound = |(name, interval): (&str, _)| LayerBound {
            name: name.into(),
            interval,
        };
        Self {
            layers: names.zip(intervals).map(bound).collect(),
            classes,
        }
    }

    /// Returns the range of all logits together, which decides the plaintext modulus.
    pub fn output(&self) -> &Interval {
        &self.layers[self.layers.len() - 1].interval
    }

    /// Returns the range of each class's logit.
    pub fn classes(&self) -> &[Interval] {
        &self.classes
    }

    /// Returns the point with the largest magnitude; the first one if several are equal.
    pub fn widest(&self) -> &LayerBound {
        // `max_by_key` returns the last of equal elements, so the search runs backwards.
        let widest = self
            .layers
            .iter()
            .rev()
            .max_by_key(|bound| bound.interval.magnitude());
        widest.unwrap_or(&self.layers[0])
    }
}

impl Deref for Bounds {
    type Target = [LayerBound];

    fn deref(&self) -> &[LayerBound] {
        &self.layers
    }
}

impl<'a> IntoIterator for &'a Bounds {
    type Item = &'a LayerBound;
    type IntoIter = std::slice::Iter<'a, LayerBound>;

    fn into_iter(self) -> Self::IntoIter {
        self.layers.iter()
    }
}

/// Computes bounds that hold for every input that the quantiser can give: interval arithmetic, element by element, with
/// the network's actual integers. A layer's interval is the hull of its elements' intervals.
///
/// The bounds are exact up to the first layer that mixes values which depend on each other, and safe from there on. The
/// cost is two multiplications per non-zero weight and window, as much as evaluating two images.
pub fn proven_bounds(network: &Network) -> Bounds {
    proven(network, LayerStep::of(network)).0
}

/// Computes the proven bounds and, for each step, the largest magnitude that it, or a partial sum in it, can reach.
pub(super) fn proven(
    network: &Network,
    steps: impl Iterator<Item = impl Borrow<LayerStep>>,
) -> (Bounds, Vec<BigInt>) {
    let input = network.input();
    let range = (0, i128::from(input.quantizer.max()));
    let mut values = Elements::Narrow(vec![range; input.shape.len()]);
    let mut intervals = vec![values.hull()];
    let mut reaches = Vec::with_capacity(network.layers().len());
    for step in steps {
        let step: &LayerStep = step.borrow();
        let reach = step.reach(&intervals[intervals.len() - 1].magnitude());
        // Intervals stay in i128 while every partial sum is sure to fit.
        values = match values {
            Elements::Narrow(values) if reach.bits() < 127 => {
                Elements::Narrow(step.evaluate(&Intervals, values, 1))
            }
            values => Elements::Wide(step.evaluate(&WideIntervals, values.widen(), 1)),
        };
        intervals.push(values.hull());
        reaches.push(reach);
    }
    let classes = values
        .widen()
        .into_iter()
        .map(|(min, max)| Interval { min, max })
        .collect();
    (Bounds::new(network, intervals, classes), reaches)
}

/// One interval per element.
enum Elements {
    Narrow(Vec<(i128, i128)>),
    Wide(Vec<(BigInt, BigInt)>),
}

impl Elements {
    fn widen(self) -> Vec<(BigInt, BigInt)> {
        match self {
            Self::Narrow(values) => values.iter().map(|&(a, b)| (a.into(), b.into())).collect(),
            Self::Wide(values) => values,
        }
    }

    fn hull(&self) -> Interval {
        match self {
            Self::Narrow(values) => Interval::of_all(values.iter().map(|(min, max)| (min, max))),
            Self::Wide(values) => Interval::of_all(values.iter().map(|(min, max)| (min, max))),
        }
    }
}

/// Interval arithmetic in 128-bit integers; the caller has proven that they suffice.
struct Intervals;

impl Arithmetic for Intervals {
    type Value = (i128, i128);
    type Sum = (i128, i128);

    fn bias(&self, bias: &BigInt) -> (i128, i128) {
        // The bias fits, because the proven reach includes it.
        let bias = i128::try_from(bias).unwrap_or_default();
        (bias, bias)
    }

    fn mul_add(&self, sums: &mut [(i128, i128)], weight: i64, values: &[(i128, i128)]) {
        let weight = i128::from(weight);
        for (sum, &(min, max)) in sums.iter_mut().zip(values) {
            let (min, max) = if weight < 0 { (max, min) } else { (min, max) };
            *sum = (sum.0 + weight * min, sum.1 + weight * max);
        }
    }

    fn value(&self, sum: (i128, i128)) -> (i128, i128) {
        sum
    }

    fn square(&self, &(min, max): &(i128, i128)) -> (i128, i128) {
        let (a, b) = (min * min, max * max);
        let least = if min <= 0 && max >= 0 { 0 } else { a.min(b) };
        (least, a.max(b))
    }
}

/// Interval arithmetic in integers of any width.
struct WideIntervals;

impl Arithmetic for WideIntervals {
    type Value = (BigInt, BigInt);
    type Sum = (BigInt, BigInt);

    fn bias(&self, bias: &BigInt) -> (BigInt, BigInt) {
        (bias.clone(), bias.clone())
    }

    fn mul_add(&self, sums: &mut [(BigInt, BigInt)], weight: i64, values: &[(BigInt, BigInt)]) {
        for (sum, (min, max)) in sums.iter_mut().zip(values) {
            let (min, max) = if weight < 0 { (max, min) } else { (min, max) };
            sum.0 += min * weight;
            sum.1 += max * weight;
        }
    }

    fn value(&self, sum: (BigInt, BigInt)) -> (BigInt, BigInt) {
        sum
    }

    fn square(&self, (min, max): &(BigInt, BigInt)) -> (BigInt, BigInt) {
        let (a, b) = (min * min, max * max);
        let straddles = *min <= BigInt::ZERO && *max >= BigInt::ZERO;
        let least = if straddles {
            BigInt::ZERO
        } else {
            a.clone().min(b.clone())
        };
        (least, a.max(b))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{NetworkBuilder, Shape, Twin};
    use super::*;

    fn network(input: Shape) -> NetworkBuilder {
        NetworkBuilder::new("by hand", input).uniform_bits(2)
    }

    #[test]
    fn bounds_by_hand() {
        // x in 0..=3: y0 = 2a - b + 1 in -2..=7, y1 = -a - b - 5 in -11..=-5.
        let network = network(Shape::vector(2))
            .linear(2, [2, -1, -1, -1])
            .bias([1, -5])
            .square();
        let bounds = proven_bounds(&network.build().unwrap());
        let named: Vec<_> = bounds.iter().map(|bound| bound.name.as_str()).collect();
        assert_eq!(named, ["input", "linear1", "square1"]);
        assert_eq!(bounds[0].interval, Interval::new(0, 3));
        assert_eq!(bounds[1].interval, Interval::new(-11, 7));
        // An interval that straddles 0 has a square that starts at 0; the second one does not straddle it.
        assert_eq!(
            bounds.classes(),
            [Interval::new(0, 49), Interval::new(25, 121)]
        );
        assert_eq!(*bounds.output(), Interval::new(0, 121));
        assert_eq!(bounds.widest().name, "square1");
        assert_eq!(
            serde_json::to_string(&bounds[1]).unwrap(),
            r#"{"name":"linear1","interval":{"min":"-11","max":"7"}}"#
        );
    }

    #[test]
    fn the_padding_counts_as_zero_at_each_position() {
        // A row of 3 pixels under a window of 3: the middle position sees all of them, the ends two.
        let network = network(Shape::new(1, 1, 3)).conv2d(1, [1, 3], [1, 1], [0, 1], [1, 1, -4]);
        let bounds = proven_bounds(&network.build().unwrap());
        let expected = [
            Interval::new(-12, 3),
            Interval::new(-12, 6),
            Interval::new(0, 6),
        ];
        assert_eq!(bounds.classes(), expected);
    }

    /// The network is affine in its input, so some input reaches each end of a proven interval.
    #[test]
    fn the_proven_bounds_of_an_affine_network_are_reached() {
        let weight = [3, 0, -7, 1, 1 << 60, -(1 << 60), 5, -5];
        let network = network(Shape::new(1, 2, 2))
            .linear(2, weight)
            .bias([BigInt::from(1) << 200u32, BigInt::ZERO])
            .build()
            .unwrap();
        let twin = Twin::new(&network);
        for (class, bound) in proven_bounds(&network).classes().iter().enumerate() {
            let row = &weight[class * 4..class * 4 + 4];
            let highest: Vec<_> = row.iter().map(|&w| if w > 0 { 3 } else { 0 }).collect();
            let lowest: Vec<_> = row.iter().map(|&w| if w > 0 { 0 } else { 3 }).collect();
            assert_eq!(twin.logits(&highest).unwrap()[class], bound.max);
            assert_eq!(twin.logits(&lowest).unwrap()[class], bound.min);
        }
    }
}
