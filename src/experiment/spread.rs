//! Median and quartiles of measurements.

use serde::{Deserialize, Serialize};

/// The median of some values, and the quartiles around it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// The first quartile.
    pub lower: f64,
    /// The median.
    pub median: f64,
    /// The third quartile.
    pub upper: f64,
}

impl Spread {
    /// Computes the quartiles of values, interpolating between neighbours; zeros without values.
    pub fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let at = |fraction: f64| {
            let position = fraction * values.len().saturating_sub(1) as f64;
            let value = |index: f64| values.get(index as usize).copied().unwrap_or_default();
            let (below, above) = (value(position.floor()), value(position.ceil()));
            below + (above - below) * position.fract()
        };
        Self {
            lower: at(0.25),
            median: at(0.5),
            upper: at(0.75),
        }
    }
}

impl std::ops::AddAssign for Spread {
    /// Adds the quartiles one by one, for measurements that follow each other.
    fn add_assign(&mut self, other: Self) {
        self.lower += other.lower;
        self.median += other.median;
        self.upper += other.upper;
    }
}

#[cfg(test)]
mod tests {
    use super::Spread;

    #[test]
    fn quartiles_lie_between_their_neighbours() {
        for (values, [lower, median, upper]) in [
            (vec![4.0, 1.0, 3.0, 2.0], [1.75, 2.5, 3.25]),
            (vec![7.0], [7.0; 3]),
        ] {
            let expected = Spread {
                lower,
                median,
                upper,
            };
            assert_eq!(Spread::of(values), expected);
        }
        assert_eq!(Spread::of(Vec::new()), Spread::default());
    }
}
