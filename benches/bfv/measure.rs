//! Interleaved timing of the callers.

use crate::kit::{Caller, Kit};
use sealquant::experiment::Spread;
use sealquant_native_bench::Operation;
use serde::{Deserialize, Serialize};
use std::error::Error;
use std::time::{Duration, Instant};

/// The amount of measuring.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Effort {
    /// Number of blocks for each caller.
    pub rounds: usize,
    /// Smallest duration of a block, which holds one or more calls.
    pub block_microseconds: u64,
    /// Longest total duration of the blocks of an operation; there are never fewer than 8 rounds.
    pub operation_milliseconds: u64,
}

/// One operation at one degree.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Row {
    /// The ring degree N.
    pub poly_modulus_degree: usize,
    /// The operation.
    pub operation: String,
    /// True if this crate does not simply call SEAL's function of the same name.
    pub is_own: bool,
    /// Number of calls in a block.
    pub iterations: u64,
    /// Number of blocks for each caller.
    pub rounds: usize,
    /// Microseconds for a call from C++.
    pub native_us: Spread,
    /// Microseconds for a call through this crate.
    pub crate_us: Spread,
    /// Microseconds for a call through SEAL's C export layer.
    pub exported_us: Spread,
    /// This crate's time divided by C++'s, round by round.
    pub crate_to_native: Spread,
    /// This crate's time divided by the C export layer's, round by round.
    pub crate_to_exported: Spread,
    /// C++'s second time in each round divided by its first: 1 except for the measurement's own error.
    pub control: Spread,
}

/// Measures an operation. In each round every caller runs one block; the order changes from round to round.
pub fn measure(kit: &mut Kit, operation: Operation, effort: Effort) -> Result<Row, Box<dyn Error>> {
    kit.prepare(operation)?;
    let iterations = calibrate(kit, operation, effort)?;
    let one = block(kit, Caller::Native, operation, iterations)?;
    let affordable = effort.operation_milliseconds as f64 * 1e3 / (one * iterations as f64 * 4.0);
    // A multiple of the eight orders.
    let rounds = effort.rounds.min(affordable as usize).max(8) / 8 * 8;

    let mut times = Caller::ALL.map(|_| Vec::with_capacity(rounds));
    for round in 0..rounds {
        // Values change from call to call; a new start keeps those of the callers from diverging.
        kit.prepare(operation)?;
        for turn in 0..4 {
            // Each caller runs at each position, and after each of the others.
            let place = if round & 4 == 0 { turn } else { 3 - turn };
            let index = (round + place) % 4;
            let depth = (round * 37 + turn * 11) % STACK_PLACES;
            let mut run = || block(kit, Caller::ALL[index], operation, iterations);
            times[index].push(at_depth(depth, &mut run)?);
        }
    }

    let [native, crate_, exported, control] = times;
    let ratio = |over: &[f64], under: &[f64]| {
        Spread::of(over.iter().zip(under).map(|(a, b)| a / b).collect())
    };
    // C++ ran twice: the ratios to both count.
    let to_native = crate_
        .iter()
        .chain(&crate_)
        .zip(native.iter().chain(&control))
        .map(|(a, b)| a / b)
        .collect();
    Ok(Row {
        poly_modulus_degree: kit.context.parameters().poly_modulus_degree(),
        operation: operation.name().to_owned(),
        is_own: operation.is_own(),
        iterations,
        rounds,
        crate_to_native: Spread::of(to_native),
        crate_to_exported: ratio(&crate_, &exported),
        control: ratio(&control, &native),
        native_us: Spread::of(native),
        crate_us: Spread::of(crate_),
        exported_us: Spread::of(exported),
    })
}

/// Number of stack positions at which blocks run, 64 bytes and a frame apart: together more than a page.
const STACK_PLACES: usize = 64;

/// Calls `run` at another position of the stack. The position of a caller's frames relative to the data decides up to 5
/// % of a call's time; a caller must not be judged by a single position.
#[inline(never)]
fn at_depth<T>(depth: usize, run: &mut dyn FnMut() -> T) -> T {
    let frame = std::hint::black_box([0_u8; 64]);
    let result = if depth == 0 {
        run()
    } else {
        at_depth(depth - 1, run)
    };
    std::hint::black_box(frame);
    result
}

/// Finds the number of calls that fill a block.
fn calibrate(kit: &mut Kit, operation: Operation, effort: Effort) -> Result<u64, Box<dyn Error>> {
    let wanted = Duration::from_micros(effort.block_microseconds);
    let mut iterations = 1;
    loop {
        let start = Instant::now();
        kit.run(Caller::Native, operation, iterations)?;
        let taken = start.elapsed();
        if taken >= wanted {
            return Ok(iterations);
        }
        iterations *= 2;
    }
}

/// Measures the microseconds of a call, after one call that does not count.
fn block(
    kit: &mut Kit,
    caller: Caller,
    operation: Operation,
    iterations: u64,
) -> Result<f64, Box<dyn Error>> {
    kit.run(caller, operation, 1)?;
    let start = Instant::now();
    kit.run(caller, operation, iterations)?;
    Ok(start.elapsed().as_secs_f64() * 1e6 / iterations as f64)
}

/// Computes the geometric mean, as exp of the mean of the logarithms.
pub fn geometric_mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0), |(sum, count), value| {
        (sum + value.ln(), count + 1)
    });
    (sum / f64::from(count)).exp()
}
