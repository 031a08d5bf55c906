//! Tests of forecasts on several threads.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed test may panic")]

use super::*;
use crate::kernels::Backend;
use crate::network::{Network, random_hcnn};
use crate::params::{BoundRule, Scheme, SelectOptions, select};
use num_bigint::BigInt;

fn layer(parts: usize) -> LayerForecast {
    LayerForecast {
        name: "layer".to_owned(),
        ciphertexts: 1,
        polynomials: 2,
        ops: OpCounts::default(),
        budget_bits: None,
        seconds: 9.0,
        serial_seconds: 1.0,
        parts,
    }
}

#[test]
fn a_time_is_divided_by_threads_that_have_a_part() {
    let on = |parts: usize| {
        [0, 1, 2, 3, 4, 5, 8, 50_000, usize::MAX]
            .map(|threads| layer(parts).seconds_on(threads).to_string())
    };
    assert_eq!(on(1), ["9"; 9]);
    assert_eq!(on(0), ["9"; 9]);
    assert_eq!(on(4), ["9", "9", "5", "5", "3", "3", "3", "3", "3"]);
    assert_eq!(on(8), ["9", "9", "5", "4", "3", "3", "2", "2", "2"]);
}

fn plan(network: &Network, scheme: Scheme) -> Plan {
    let options = SelectOptions {
        scheme: Some(scheme),
        images: Some(1),
        bound: BoundRule::Observed {
            magnitude: BigInt::from(50_000),
            source: "the test".to_owned(),
        },
        ..SelectOptions::default()
    };
    Plan::new(network, &select(network, &options).unwrap()).unwrap()
}

#[test]
fn layers_have_as_many_parts_as_are_computed_at_a_time() {
    let network = random_hcnn(1, 2, 100).unwrap();
    let rates = Rates {
        near: 0.3,
        far: 0.4,
        stream: 4.5,
    };
    for layout in [Scheme::Batched, Scheme::Crops, Scheme::Diagonal] {
        let plan = plan(&network, layout);
        let selection = plan.parameters();
        let degree = selection.poly_modulus_degree();
        let data = selection.coeff_modulus().len() - 1;
        let contexts = Contexts::new(plan.client_spec()).unwrap();
        let forecast = plan.forecast(&contexts, &rates);
        let (response, layers) = forecast.split_last().unwrap();
        assert_eq!(response.name, "response");
        for (index, layer) in layers.iter().enumerate() {
            let expected = if layout == Scheme::Diagonal {
                // The primes that are left, and the special prime where a key is used.
                let dropped: usize = selection.drops().iter().take(index).sum();
                data - dropped + usize::from(layer.ops.rotations + layer.ops.relinearizations > 0)
            } else {
                degree / tile_width(2 * plan.inputs())
            };
            assert_eq!(layer.parts, expected, "{} {}", layout.layout(), layer.name);
            assert_eq!(layer.serial_seconds.to_string(), "0");
        }
        // SEAL drops primes and adds masks one after the other.
        assert!(response.serial_seconds > 0.0 && response.serial_seconds < response.seconds);
        for layer in &forecast {
            let least = layer.seconds / layer.parts as f64;
            for threads in [2, 3, 50_000] {
                let seconds = layer.seconds_on(threads);
                assert!(seconds >= least * 0.999 && seconds <= layer.seconds);
                assert!(seconds >= layer.seconds / threads as f64 * 0.999);
            }
        }
    }
}

/// Most of 50,000 threads have no processor. The prediction for one thread is the sum of the layers' times.
#[test]
fn threads_without_a_processor_do_not_shorten_a_forecast() {
    use crate::experiment::ForecastRecord;
    let plan = plan(&random_hcnn(1, 2, 100).unwrap(), Scheme::Crops);
    let contexts = Contexts::new(plan.client_spec()).unwrap();
    let processors = std::thread::available_parallelism().unwrap().get();
    // Other work slows the measurement of this machine at times.
    let least = |seconds: &dyn Fn() -> f64| (0..3).map(|_| seconds()).fold(f64::INFINITY, f64::min);
    let on = |threads| {
        least(&|| {
            ForecastRecord::measure(&plan, &contexts, 3, threads)
                .unwrap()
                .seconds()
        })
    };
    let (one, many) = (on(1), on(50_000));
    assert!(many > one / (2 * processors) as f64, "{one} {many}");
    let sum = least(&|| {
        let forecast = plan.forecast(&contexts, &Rates::measure(Backend::detect()));
        forecast.iter().map(|layer| 3.0 * layer.seconds).sum()
    });
    assert!((0.25..4.0).contains(&(one / sum)), "{one} {sum}");
}
