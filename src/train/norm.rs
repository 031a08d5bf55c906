//! Norms before activations, folded into one linear function for each channel.

/// Constant that is added to variances before taking their root.
pub(super) const NORM_EPSILON: f64 = 1e-5;

/// The kind of normalisation of a layer's outputs before its activation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum NormKind {
    /// A batch norm: each channel has its own mean and deviation, with trained factors. It is folded into real weights.
    Channel,
    /// Each channel has its own mean, and all channels share one deviation and this factor. Integer weights stay as
    /// they are: the norm is folded into integer biases.
    Layer(f32),
}

/// The function `z = factor * y + offset` of each channel.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Lines {
    pub factor: Vec<f32>,
    pub offset: Vec<f32>,
}

impl Lines {
    /// Returns the identity, for layers without a norm.
    pub fn identity(channels: usize) -> Self {
        Self {
            factor: vec![1.0; channels],
            offset: vec![0.0; channels],
        }
    }

    /// Folds a batch norm with these statistics.
    pub fn of_channels(gamma: &[f32], beta: &[f32], mean: &[f32], variance: &[f32]) -> Self {
        let factors = gamma
            .iter()
            .zip(variance)
            .map(|(&gamma, &variance)| f64::from(gamma) / deviation(variance.into()));
        let lines = factors
            .zip(beta.iter().zip(mean))
            .map(|(f, (&beta, &mean))| (f as f32, (f64::from(beta) - f64::from(mean) * f) as f32));
        let (factor, offset) = lines.unzip();
        Self { factor, offset }
    }
}

/// Computes the root of a variance.
pub(super) fn deviation(variance: f64) -> f64 {
    (variance + NORM_EPSILON).sqrt()
}

/// One factor for a layer, and its biases as integers.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct IntegerLines {
    /// Factor by which the sums are multiplied.
    pub factor: f64,
    /// Whole numbers, in units of the sums' integers.
    pub bias: Vec<f64>,
    unit: f64,
}

impl IntegerLines {
    /// Folds a [`NormKind::Layer`] with the factor `gamma`; `unit` is the real value of 1 in the sums.
    pub fn new(gamma: f32, beta: &[f32], mean: &[f32], variance: &[f32], unit: f64) -> Self {
        let factor = f64::from(gamma) / deviation(pooled(variance));
        let bias = beta
            .iter()
            .zip(mean)
            .map(|(&beta, &mean)| {
                ((f64::from(beta) / factor - f64::from(mean)) / unit).round_ties_even()
            })
            .collect();
        Self { factor, bias, unit }
    }

    /// Returns the same functions in real numbers.
    pub fn lines(&self) -> Lines {
        let offset = self
            .bias
            .iter()
            .map(|b| (b * self.unit * self.factor) as f32);
        Lines {
            factor: vec![self.factor as f32; self.bias.len()],
            offset: offset.collect(),
        }
    }
}

/// Averages the variances of all channels, each about its own mean.
pub(super) fn pooled(variance: &[f32]) -> f64 {
    variance.iter().map(|&v| f64::from(v)).sum::<f64>() / variance.len().max(1) as f64
}
