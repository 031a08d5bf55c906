//! Places and formats the numbers of an axis.

use std::ops::Range;

use indicatif::HumanCount;
use plotters::coord::{
    ranged1d::{DefaultFormatting, KeyPointHint, Ranged},
    types::RangedCoordf64,
};

/// Positions on an axis whose labels all differ.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ticks {
    positions: Vec<f64>,
    decimals: usize,
}

impl Ticks {
    /// Returns at most `most` round numbers for a linear axis.
    pub(super) fn linear(low: f64, high: f64, most: usize) -> Self {
        Self::steps(low, high, most, f64::MIN_POSITIVE)
    }

    /// Does the same for an axis of whole numbers, such as epochs.
    #[cfg(any(feature = "train", test))]
    pub(super) fn whole(low: f64, high: f64, most: usize) -> Self {
        Self::steps(low, high, most, 1.0)
    }

    fn steps(low: f64, high: f64, most: usize, least_step: f64) -> Self {
        let span = (high - low).max(f64::MIN_POSITIVE);
        let rough = (span / most.max(1) as f64).max(least_step);
        let power = rough.log10().floor();
        let count = |step: f64| (high / step + 1e-9).floor() - (low / step - 1e-9).ceil() + 1.0;
        // 1, 2, 5, 10 and 20 times the power of ten below: one of these is coarse enough.
        let ten = power + 1.0;
        let digits = [
            (1.0, power),
            (2.0, power),
            (5.0, power),
            (1.0, ten),
            (2.0, ten),
        ];
        let (step, exponent) = digits
            .map(|(digit, exponent)| (digit * 10_f64.powf(exponent), exponent))
            .into_iter()
            .find(|(step, _)| *step >= least_step && count(*step) <= most.max(1) as f64)
            .unwrap_or((span, power));
        let first = (low / step - 1e-9).ceil();
        let many = count(step).clamp(0.0, most.max(1) as f64) as usize;
        Self {
            positions: (0..many).map(|k| (first + k as f64) * step).collect(),
            decimals: (-exponent).max(0.0) as usize,
        }
    }

    /// Returns the powers of two for a logarithmic axis, and the values halfway between them (3, 6, 12, ...) if there
    /// are few.
    pub(super) fn doubling(low: f64, high: f64) -> Self {
        const FEW: usize = 4;
        let inside = |x: &f64| (low..=high).contains(x);
        let powers = || (0..64).map(|power| 2_f64.powi(power));
        let mut positions: Vec<f64> = powers().filter(inside).collect();
        if positions.len() < FEW {
            positions.extend(powers().skip(1).map(|power| 1.5 * power).filter(inside));
            positions.sort_by(f64::total_cmp);
        }
        Self::without_decimals(positions)
    }

    /// Returns those measured values that are far enough from the previous one, for a logarithmic axis.
    pub(super) fn measured(values: &[f64], low: f64, high: f64) -> Self {
        const APART: f64 = 0.06;
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let range = (high / low).ln().max(f64::MIN_POSITIVE);
        let mut positions: Vec<f64> = Vec::new();
        for value in sorted {
            let apart = |last: &f64| (value / last).ln() / range >= APART;
            if positions.last().is_none_or(apart) {
                positions.push(value);
            }
        }
        Self::without_decimals(positions)
    }

    /// Returns `count` places, from 0.
    pub(super) fn places(count: usize) -> Self {
        Self::without_decimals((0..count).map(|place| place as f64).collect())
    }

    const fn without_decimals(positions: Vec<f64>) -> Self {
        let decimals = 0;
        Self {
            positions,
            decimals,
        }
    }

    /// Makes a linear axis with these numbers.
    pub(super) fn axis(&self, range: Range<f64>) -> PlotAxis {
        PlotAxis {
            scale: range.clone().into(),
            range,
            logarithmic: false,
            positions: self.positions.clone(),
        }
    }

    /// Makes a logarithmic axis with these numbers.
    pub(super) fn logarithmic_axis(&self, range: Range<f64>) -> PlotAxis {
        PlotAxis {
            scale: (range.start.ln()..range.end.ln()).into(),
            range,
            logarithmic: true,
            positions: self.positions.clone(),
        }
    }

    /// Returns the label of a position.
    pub(super) fn label(&self, x: f64) -> String {
        number(x, self.decimals)
    }
}

/// An axis with numbers and grid lines at given positions only.
pub(super) struct PlotAxis {
    range: Range<f64>,
    /// The scale of the values, or of their logarithms.
    scale: RangedCoordf64,
    logarithmic: bool,
    positions: Vec<f64>,
}

impl Ranged for PlotAxis {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        let value = if self.logarithmic { value.ln() } else { *value };
        self.scale.map(&value, limit)
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        // "Light" points are lines between the numbers.
        if hint.weight().allow_light_points() {
            Vec::new()
        } else {
            self.positions.clone()
        }
    }

    fn range(&self) -> Range<f64> {
        self.range.clone()
    }
}

/// Formats a number with a thousands separator, and without "-0".
pub(super) fn number(x: f64, decimals: usize) -> String {
    let text = format!("{:.decimals$}", x.abs());
    let (whole, fraction) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut out = String::new();
    if x < 0.0 && text.contains(|digit: char| ('1'..='9').contains(&digit)) {
        out.push('-');
    }
    let grouped = whole.parse().map(|whole| HumanCount(whole).to_string());
    out + grouped.as_deref().unwrap_or(whole) + fraction
}

/// Writes numbers one after the other.
pub(crate) fn join<N: ToString>(numbers: impl IntoIterator<Item = N>, between: &str) -> String {
    let numbers = numbers.into_iter().map(|number| number.to_string());
    numbers.collect::<Vec<_>>().join(between)
}

/// Formats seconds: measured ones to a tenth (whole seconds from 1,000 on), others as "about" with two digits.
pub(super) fn seconds(seconds: f64, measured: bool) -> String {
    if !measured {
        let decimals = usize::from(seconds < 10.0);
        return format!("about {} s", number(two_digits(seconds), decimals));
    }
    let decimals = usize::from(seconds < 1000.0);
    format!("{} s", number(seconds, decimals))
}

/// Rounds to two significant digits.
pub(crate) fn two_digits(x: f64) -> f64 {
    format!("{x:.1e}").parse().unwrap_or(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(ticks: &Ticks) -> Vec<String> {
        ticks.positions.iter().map(|&x| ticks.label(x)).collect()
    }

    #[test]
    fn labels_differ_and_lie_on_the_axis() {
        let mut sizes = Vec::new();
        for low in [0.0, 0.3, 1.0, 58.9, 96.4, -3.0] {
            for span in [1e-4, 0.02, 0.35, 1.0, 1.9, 3.3, 20.0, 347.0, 42_537.0] {
                for most in [1, 2, 6, 9] {
                    let high = low + span;
                    let whole = Ticks::whole(low, high, most);
                    let linear = Ticks::linear(low, high, most);
                    for ticks in [&whole, &linear] {
                        let mut words = labels(ticks);
                        assert!(words.len() <= most, "{low} {high} {most}: {words:?}");
                        let inside = |x: &f64| (low - 1e-6..=high + 1e-6).contains(x);
                        assert!(ticks.positions.iter().all(inside), "{ticks:?}");
                        let all = words.len();
                        words.sort();
                        words.dedup();
                        assert_eq!(words.len(), all, "{low} {high} {most}: {words:?}");
                        // The label agrees with its position.
                        for (x, word) in ticks.positions.iter().zip(labels(ticks)) {
                            let read: f64 = word.replace(',', "").parse().unwrap_or(f64::NAN);
                            assert!((read - x).abs() < 1e-9 * span.max(1.0), "{word} at {x}");
                        }
                    }
                    if most >= 6 {
                        sizes.push(linear.positions.len());
                    }
                }
            }
        }
        assert!(sizes.iter().all(|&count| count >= 2), "{sizes:?}");
    }

    #[test]
    fn round_numbers_are_chosen() {
        assert_eq!(
            labels(&Ticks::linear(0.0, 350.0, 8)),
            ["0", "50", "100", "150", "200", "250", "300", "350"]
        );
        assert_eq!(
            labels(&Ticks::linear(98.1, 99.4, 7)),
            ["98.2", "98.4", "98.6", "98.8", "99.0", "99.2", "99.4"]
        );
        assert_eq!(labels(&Ticks::whole(1.0, 2.0, 9)), ["1", "2"]);
        assert_eq!(
            labels(&Ticks::whole(1.0, 12.0, 6)),
            ["2", "4", "6", "8", "10", "12"]
        );
        assert_eq!(
            labels(&Ticks::linear(0.0, 42_537.0, 5)),
            ["0", "10,000", "20,000", "30,000", "40,000"]
        );
    }

    #[test]
    fn logarithmic_axes_have_whole_numbers_once() {
        // For example one and two threads.
        assert_eq!(labels(&Ticks::measured(&[1.0, 2.0], 0.9, 2.2)), ["1", "2"]);
        let images = [1.0, 8.0, 51.0, 52.0, 256.0, 1024.0, 4096.0, 8192.0, 16384.0];
        assert_eq!(
            labels(&Ticks::measured(&images, 0.9, 18_000.0)),
            ["1", "8", "51", "256", "1,024", "4,096", "8,192", "16,384"]
        );
        assert_eq!(
            labels(&Ticks::doubling(12.0, 270.0)),
            ["16", "32", "64", "128", "256"]
        );
        assert_eq!(
            labels(&Ticks::doubling(29.0, 110.0)),
            ["32", "48", "64", "96"]
        );
        assert_eq!(labels(&Ticks::doubling(0.5, 3.5)), ["1", "2", "3"]);
    }

    #[test]
    fn estimates_have_two_digits() {
        assert_eq!(seconds(42_536.97, false), "about 43,000 s");
        assert_eq!(seconds(22_664.8, false), "about 23,000 s");
        assert_eq!(seconds(6.53, false), "about 6.5 s");
        assert_eq!(seconds(312.04, true), "312.0 s");
        assert_eq!(seconds(5_317.13, true), "5,317 s");
        assert_eq!(number(-0.001, 1), "0.0");
        assert_eq!(number(-1234.5, 1), "-1,234.5");
    }
}
