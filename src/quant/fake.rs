//! Fake quantisation in burn: integers in the forward pass, a straight-through estimator in the backward pass.

use burn::tensor::{Tensor, TensorData};

use super::Levels;

/// Returns the rounded weights as the network sees them, differentiable with respect to the latent ones.
///
/// `latent` has shape `[outputs, fan_in]`, and `levels` must be computed from its values. The result is `scale *
/// integers`, exactly. The gradient with respect to `latent` is the incoming gradient where the weight was not clamped,
/// and zero elsewhere.
///
/// `own_scale`, of shape `[1, 1]`, is the scale of a rule that trains one. Latent weights are then in integer units, so
/// their gradient carries the factor `scale`. The gradient with respect to the scale is the sum over the weights of
/// incoming gradient times integer.
pub fn fake_quantize(
    latent: Tensor<2>,
    levels: &Levels,
    own_scale: Option<Tensor<2>>,
) -> Tensor<2> {
    let shape = latent.dims();
    let device = latent.device();
    let constant =
        |values: Vec<f32>| Tensor::<2>::from_data(TensorData::new(values, shape), &device);
    let integers = constant(levels.integers.iter().map(|&q| q as f32).collect());
    let inside = constant(
        levels
            .inside
            .iter()
            .map(|&i| f32::from(u8::from(i)))
            .collect(),
    );
    let value = latent.clone().inner();
    // Its value is zero (a number minus itself) and its gradient the identity. Adding the integers to it is exact;
    // adding a difference to the latent weight would round.
    let through = (latent - value) * inside;
    match own_scale {
        None => through + integers.mul_scalar(levels.scale as f32),
        Some(scale) => (through + integers) * scale,
    }
}

/// Rounds biases to integers at the accumulator's scale, with unlimited width. `accumulator_scale` is the real value of
/// 1 in the accumulator. Returns the integers (as whole numbers in double precision).
pub fn round_bias(bias: &[f64], accumulator_scale: f64) -> Vec<f64> {
    bias.iter()
        .map(|&b| (b / accumulator_scale).round_ties_even())
        .collect()
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::quant::{WeightRule, quantize};

    fn tensor(values: &[f32], shape: [usize; 2], device: &Device) -> Tensor<2> {
        Tensor::from_data(TensorData::new(values.to_vec(), shape), device)
    }

    fn values(t: &Tensor<2>) -> Vec<f32> {
        t.clone().inner().try_into_vec_as().unwrap()
    }

    const W: [f32; 6] = [0.9, -0.31, 0.02, -2.4, 1.1, 0.45];
    const C: [f32; 6] = [0.5, -1.0, 2.0, 0.25, -0.75, 1.5];

    #[test]
    fn the_value_is_exactly_scale_times_integer() {
        let device = Device::flex().autodiff();
        for rule in [
            WeightRule::Max,
            WeightRule::TernaryMean,
            WeightRule::MinError,
        ] {
            let levels = quantize(&W, 2, 2, rule, 1.0);
            let out = fake_quantize(tensor(&W, [2, 3], &device).require_grad(), &levels, None);
            for (v, &q) in values(&out).iter().zip(&levels.integers) {
                assert_eq!(
                    v.to_bits(),
                    (q as f32 * levels.scale as f32 + 0.0).to_bits(),
                    "{rule:?}"
                );
            }
        }
    }

    /// Computes the function whose derivative the estimator returns: rounding is frozen as an offset, clamping stays.
    fn surrogate(latent: &[f64], levels: &Levels, at: &[f32], scale: f64, own: bool) -> f64 {
        latent
            .iter()
            .enumerate()
            .map(|(i, &a)| {
                let q = levels.integers[i] as f64;
                let moved = if levels.inside[i] {
                    a - f64::from(at[i])
                } else {
                    0.0
                };
                f64::from(C[i])
                    * if own {
                        scale * (q + moved)
                    } else {
                        scale * q + moved
                    }
            })
            .sum()
    }

    #[test]
    fn gradients_match_finite_differences_of_the_surrogate() {
        let device = Device::flex().autodiff();
        let cases = [
            (WeightRule::Max, 3, 1.0),
            (WeightRule::MinError, 2, 1.0),
            (WeightRule::TernaryMean, 2, 1.0),
            (WeightRule::Learned, 2, 0.3),
            (WeightRule::TopK { keep: 2, limit: 1 }, 2, 0.3),
        ];
        for (rule, n_bits, own) in cases {
            let levels = quantize(&W, 2, n_bits, rule, own);
            let latent = tensor(&W, [2, 3], &device).require_grad();
            let scale = tensor(&[own as f32], [1, 1], &device).require_grad();
            let own_scale = rule.has_own_scale().then(|| scale.clone());
            let out = fake_quantize(latent.clone(), &levels, own_scale);
            let grads = (out * tensor(&C, [2, 3], &device)).sum().backward();
            let gradient = values(&latent.grad(&grads).unwrap());
            let w: Vec<f64> = W.iter().map(|&w| f64::from(w)).collect();
            let h = 1e-3;
            for i in 0..W.len() {
                let at = |d: f64| {
                    let mut moved = w.clone();
                    moved[i] += d;
                    surrogate(&moved, &levels, &W, levels.scale, rule.has_own_scale())
                };
                let difference = (at(h) - at(-h)) / (2.0 * h);
                assert!(
                    (difference - f64::from(gradient[i])).abs() < 1e-5,
                    "{rule:?} weight {i}"
                );
            }
            if rule.has_own_scale() {
                let at = |d: f64| surrogate(&w, &levels, &W, levels.scale + d, true);
                let difference = (at(h) - at(-h)) / (2.0 * h);
                let gradient = values(&scale.grad(&grads).unwrap())[0];
                assert!(
                    (difference - f64::from(gradient)).abs() < 1e-5,
                    "{rule:?} scale"
                );
            }
        }
    }

    #[test]
    fn clamped_weights_get_no_gradient() {
        let device = Device::flex().autodiff();
        // In integer units -2.4 is beyond -1.5; all others are inside.
        let levels = quantize(&W, 2, 2, WeightRule::Learned, 1.0);
        assert_eq!(levels.inside, [true, true, true, false, true, true]);
        assert_eq!(levels.integers, [1, 0, 0, -1, 1, 0]);
        let scale = 0.5;
        for own in [false, true] {
            let latent = tensor(&W, [2, 3], &device).require_grad();
            let own_scale = own.then(|| tensor(&[scale], [1, 1], &device).require_grad());
            let out = fake_quantize(latent.clone(), &levels, own_scale.clone());
            let grads = (out * tensor(&C, [2, 3], &device)).sum().backward();
            let factor = if own { scale } else { 1.0 };
            let expected: Vec<f32> = C
                .iter()
                .zip(&levels.inside)
                .map(|(c, &inside)| if inside { c * factor } else { 0.0 })
                .collect();
            assert_eq!(values(&latent.grad(&grads).unwrap()), expected);
            assert_eq!(expected[3].to_bits(), 0);
            // The clamped weight still contributes to the scale's gradient.
            if let Some(own_scale) = own_scale {
                let expected: f32 = C
                    .iter()
                    .zip(&levels.integers)
                    .map(|(c, &q)| c * q as f32)
                    .sum();
                assert_eq!(values(&own_scale.grad(&grads).unwrap()), [expected]);
            }
        }
    }

    #[test]
    fn biases_are_rounded_at_the_accumulators_scale_without_limit() {
        assert_eq!(round_bias(&[0.26, -1.0, 1e12], 0.1), [3.0, -10.0, 1e13]);
    }
}
