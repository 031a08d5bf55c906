//! Residual sums: two branches become one chain of layers, whose channels stand side by side.
//!
//! Between squares all is linear, so that a sum of branches is one convolution of both. A branch with fewer squares gets
//! more: `x = ((x + 1)^2 - (x - 1)^2) / 4`.

use super::{
    OnnxError,
    affine::{RealAffine, WeightGrid, Window},
    chain::{GraphStep, GraphSteps, PlacedStep, StepId},
    lower::multiples,
    per::Per,
    settle::refused,
    tensor::MAX_VALUES,
};
use crate::network::Shape;

/// Most pairs of layers of two branches that are compared.
const MAX_PAIRS: usize = 1 << 16;

/// Replaces all sums by layers. The last step stays what it was; its new place is returned.
///
/// # Errors
/// [`OnnxError::Node`] for branches that cannot be joined.
pub(super) fn join(steps: GraphSteps, last: StepId) -> Result<(GraphSteps, StepId), OnnxError> {
    if !steps
        .list
        .iter()
        .any(|placed| matches!(placed.step, GraphStep::Sum))
    {
        return Ok((steps, last));
    }
    let mut joined = GraphSteps::new(steps.shape(0));
    let mut places: Vec<StepId> = vec![0];
    let mut weights = 0usize;
    for placed in steps.list.iter().skip(1) {
        let from: Vec<StepId> = placed.from.iter().map(|&id| places[id]).collect();
        let place = match (&placed.step, from.as_slice()) {
            (GraphStep::Sum, &[a, b]) => {
                let (start, left, right) = branches(&joined, a, b);
                let mut at = start;
                for layer in merged(placed, joined.shape(start), &left, &right)? {
                    let (step, shape) = match layer {
                        None => (GraphStep::Square, joined.shape(at)),
                        Some(affine) => {
                            weights = weights.saturating_add(affine.grid.len());
                            let shape = affine.output;
                            (GraphStep::Affine(Box::new(affine)), shape)
                        }
                    };
                    if weights > MAX_VALUES {
                        return Err(refused(
                            placed,
                            "needs too many weights to join its branches",
                        ));
                    }
                    at = joined.push(step, &[at], shape, &placed.node);
                }
                at
            }
            _ => joined.push(placed.step.clone(), &from, placed.shape, &placed.node),
        };
        places.push(place);
    }
    Ok((joined, places[last]))
}

/// Returns the step from which both results come, and the steps from there to each.
fn branches(
    steps: &GraphSteps,
    a: StepId,
    b: StepId,
) -> (StepId, Vec<PlacedStep>, Vec<PlacedStep>) {
    let path = |mut at: StepId| {
        let mut path = vec![at];
        while let Some(&from) = steps.list[at].from.first() {
            at = from;
            path.push(at);
        }
        path.reverse();
        path
    };
    let (a, b) = (path(a), path(b));
    let shared = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
    let own = |path: &[StepId]| {
        path[shared..]
            .iter()
            .map(|&id| steps.list[id].clone())
            .collect()
    };
    (a[shared - 1], own(&a), own(&b))
}

/// The layers of a branch between two squares.
type BranchLayers = Vec<RealAffine>;

/// Makes the layers of the sum of two branches; `None` is a square.
fn merged(
    sum: &PlacedStep,
    start: Shape,
    left: &[PlacedStep],
    right: &[PlacedStep],
) -> Result<Vec<Option<RealAffine>>, OnnxError> {
    let (mut left, mut right) = (runs(sum, start, left)?, runs(sum, start, right)?);
    while left.len() < right.len() {
        add_square(sum, start, &mut left)?;
    }
    while right.len() < left.len() {
        add_square(sum, start, &mut right)?;
    }
    let mut layers = Vec::new();
    let mut shared = true;
    let count = left.len();
    let (mut shape_a, mut shape_b) = (start, start);
    for (at, (a, b)) in left.into_iter().zip(right).enumerate() {
        let is_last = at + 1 == count;
        let (after_a, after_b) = (end(&a, shape_a), end(&b, shape_b));
        let pairs = aligned(sum, &a, &b, shape_a, shape_b)?;
        let pair_count = pairs.len();
        for (index, (a, b)) in pairs.into_iter().enumerate() {
            let added = is_last && index + 1 == pair_count;
            layers.push(Some(beside(sum, &a, &b, shared, added)?));
            shared = false;
        }
        (shape_a, shape_b) = (after_a, after_b);
        if !is_last {
            layers.push(None);
        }
    }
    Ok(layers)
}

fn end(run: &[RealAffine], start: Shape) -> Shape {
    run.last().map_or(start, |layer| layer.output)
}

/// Writes a branch as convolutions between squares.
fn runs(
    sum: &PlacedStep,
    start: Shape,
    branch: &[PlacedStep],
) -> Result<Vec<BranchLayers>, OnnxError> {
    let mut runs = vec![BranchLayers::new()];
    let mut shape = start;
    for placed in branch {
        let too_many = || {
            refused(
                placed,
                "has too many channels for a layer beside another branch",
            )
        };
        let by_position = || {
            refused(
                placed,
                "has different factors or shifts by position in a branch; use the same for a channel",
            )
        };
        let layer = match &placed.step {
            GraphStep::Square => {
                runs.push(BranchLayers::new());
                continue;
            }
            GraphStep::Scale { factor, shift } => {
                let factor = factor.channels(shape).ok_or_else(by_position)?;
                let shift = shift.channels(shape).ok_or_else(by_position)?;
                if let Some(before) = runs.last_mut().and_then(|run| run.last_mut()) {
                    before.follow(&factor, &shift);
                    continue;
                }
                let mut made =
                    RealAffine::diagonal(shape, &factor, &placed.node).ok_or_else(too_many)?;
                made.bias = shift;
                made
            }
            GraphStep::Pool { kernel, stride } => {
                let window = Window {
                    kernel: *kernel,
                    stride: *stride,
                    padding: [0, 0],
                };
                let ones = vec![1.0; shape.channels];
                let made = RealAffine::diagonal(shape, &ones, &placed.node).ok_or_else(too_many)?;
                let (channels, area) = (shape.channels, window.area());
                let length = channels * channels * area;
                if length > MAX_VALUES {
                    return Err(too_many());
                }
                let grid = made
                    .grid
                    .placed(length, (0..length).map(|at| (at, at / area)));
                RealAffine {
                    window: Some(window),
                    output: placed.shape,
                    grid,
                    ..made
                }
            }
            GraphStep::Affine(affine) => convolution(placed, RealAffine::clone(affine))?,
            GraphStep::Input | GraphStep::Sum => {
                return Err(refused(sum, "adds the input to itself"));
            }
        };
        shape = layer.output;
        if let Some(run) = runs.last_mut() {
            run.push(layer);
        }
    }
    Ok(runs)
}

/// Writes a linear layer on a vector as a convolution.
fn convolution(placed: &PlacedStep, affine: RealAffine) -> Result<RealAffine, OnnxError> {
    if affine.window.is_some() {
        return Ok(affine);
    }
    if affine.input != Shape::vector(affine.input.len()) {
        return Err(refused(
            placed,
            "flattens an image in a branch; add the branches before or behind it",
        ));
    }
    Ok(RealAffine {
        window: Some(Window::POINT),
        columns: match affine.columns {
            Per::Value(values) => Per::Channel(values),
            other => other,
        },
        ..affine
    })
}

/// Adds a square to the end of a branch without changing its result.
fn add_square(
    sum: &PlacedStep,
    start: Shape,
    runs: &mut Vec<BranchLayers>,
) -> Result<(), OnnxError> {
    let shape = runs
        .iter()
        .rev()
        .find_map(|run| run.last())
        .map_or(start, |layer| layer.output);
    let channels = shape.channels;
    let double = Shape::new(2 * channels, shape.height, shape.width);
    let length = 2 * channels * channels;
    if length > MAX_VALUES {
        return Err(refused(
            sum,
            "has too many channels to pass a branch by a square",
        ));
    }
    let (mut split, mut combine) = (vec![0; length], vec![0; length]);
    for channel in 0..channels {
        split[channel * channels + channel] = 1;
        split[(channels + channel) * channels + channel] = 1;
        combine[channel * 2 * channels + channel] = 1;
        combine[channel * 2 * channels + channels + channel] = -1;
    }
    let layer = |input, output: Shape, grid, rows, bias| RealAffine {
        window: Some(Window::POINT),
        input,
        output,
        grid: WeightGrid::Whole(grid),
        rows,
        columns: Per::ONE,
        bias,
        border: Vec::new(),
        constant: false,
        node: sum.node.clone(),
    };
    let shifts = [vec![1.0; channels], vec![-1.0; channels]].concat();
    if let Some(run) = runs.last_mut() {
        run.push(layer(shape, double, split, Per::ONE, shifts));
    }
    runs.push(vec![layer(
        double,
        shape,
        combine,
        Per::One(0.25),
        vec![0.0; channels],
    )]);
    Ok(())
}

fn identity(sum: &PlacedStep, shape: Shape) -> Result<RealAffine, OnnxError> {
    let ones = vec![1.0; shape.channels];
    RealAffine::diagonal(shape, &ones, &sum.node).ok_or_else(|| {
        refused(
            sum,
            "has too many channels for a layer beside another branch",
        )
    })
}

/// Pairs the layers of two runs, with identities where one has nothing, so that sizes stay equal.
fn aligned(
    sum: &PlacedStep,
    a: &BranchLayers,
    b: &BranchLayers,
    start_a: Shape,
    start_b: Shape,
) -> Result<Vec<(RealAffine, RealAffine)>, OnnxError> {
    let misfit = || {
        refused(
            sum,
            "adds branches whose strides or paddings do not match layer by layer",
        )
    };
    let shapes = |run: &[RealAffine], start: Shape| {
        let outputs = run.iter().map(|layer| layer.output);
        std::iter::once(start)
            .chain(outputs)
            .collect::<Vec<Shape>>()
    };
    let (shapes_a, shapes_b) = (shapes(a, start_a), shapes(b, start_b));
    let same = |i: usize, j: usize| {
        let (a, b) = (shapes_a[i], shapes_b[j]);
        (a.height, a.width) == (b.height, b.width)
    };
    let (rows, columns) = (a.len() + 1, b.len() + 1);
    if rows * columns > MAX_PAIRS {
        return Err(refused(sum, "adds branches with too many layers"));
    }
    // The fewest pairs by which each state is reached, and the state before.
    let mut best: Vec<Option<(usize, (usize, usize))>> = vec![None; rows * columns];
    best[0] = Some((0, (0, 0)));
    for i in 0..rows {
        for j in 0..columns {
            if !same(i, j) || (i, j) == (0, 0) {
                continue;
            }
            let before = [(1, 1), (1, 0), (0, 1)].into_iter().filter_map(|(di, dj)| {
                let (pi, pj) = (i.checked_sub(di)?, j.checked_sub(dj)?);
                best[pi * columns + pj].map(|(count, _)| (count + 1, (pi, pj)))
            });
            best[i * columns + j] = before.min_by_key(|(count, _)| *count);
        }
    }
    let mut at = (a.len(), b.len());
    let mut pairs = Vec::new();
    while at != (0, 0) {
        let (_, before) = best[at.0 * columns + at.1].ok_or_else(misfit)?;
        let layer = |run: &[RealAffine], shapes: &[Shape], from: usize, to: usize| {
            if to > from {
                Ok(run[from].clone())
            } else {
                identity(sum, shapes[from])
            }
        };
        pairs.push((
            layer(a, &shapes_a, before.0, at.0)?,
            layer(b, &shapes_b, before.1, at.1)?,
        ));
        at = before;
    }
    if pairs.is_empty() {
        pairs.push((identity(sum, start_a)?, identity(sum, start_b)?));
    }
    pairs.reverse();
    Ok(pairs)
}

/// Makes one layer of two: they read the same input if `shared`, else inputs side by side; their results are `added`, or
/// stand side by side.
fn beside(
    sum: &PlacedStep,
    a: &RealAffine,
    b: &RealAffine,
    shared: bool,
    added: bool,
) -> Result<RealAffine, OnnxError> {
    let misfit = || {
        refused(
            sum,
            "adds branches whose strides or paddings do not match layer by layer",
        )
    };
    let (Some(window_a), Some(window_b)) = (a.window, b.window) else {
        return Err(misfit());
    };
    let sizes = (
        [a.input.height, a.input.width],
        [a.output.height, a.output.width],
    );
    let (window, offsets) = common_window(window_a, window_b, sizes).ok_or_else(misfit)?;
    let (inputs_a, inputs_b) = (a.input.channels, b.input.channels);
    let (outputs_a, outputs_b) = (a.outputs(), b.outputs());
    let inputs = if shared {
        inputs_a
    } else {
        inputs_a + inputs_b
    };
    let outputs = if added {
        outputs_a
    } else {
        outputs_a + outputs_b
    };
    if shared && inputs_a != inputs_b || added && outputs_a != outputs_b {
        return Err(misfit());
    }
    let length = [outputs, inputs, window.area()]
        .iter()
        .try_fold(1usize, |product, &n| product.checked_mul(n))
        .filter(|&length| length <= MAX_VALUES)
        .ok_or_else(|| refused(sum, "needs too many weights to join its branches"))?;
    let place = |first: bool, at: usize| {
        let (affine, own, offset) = if first {
            (a, window_a, offsets[0])
        } else {
            (b, window_b, offsets[1])
        };
        let (output, rest) = (at / affine.row_len(), at % affine.row_len());
        let (input, tap) = (rest / own.area(), rest % own.area());
        let output = if first || added {
            output
        } else {
            outputs_a + output
        };
        let input = if first || shared {
            input
        } else {
            inputs_a + input
        };
        let (row, column) = (
            tap / own.kernel[1] + offset[0],
            tap % own.kernel[1] + offset[1],
        );
        ((output * inputs + input) * window.kernel[0] + row) * window.kernel[1] + column
    };
    let bias = if added {
        a.bias.iter().zip(&b.bias).map(|(a, b)| a + b).collect()
    } else {
        [a.bias.as_slice(), &b.bias].concat()
    };
    let made = |grid, rows, columns| RealAffine {
        window: Some(window),
        input: Shape::new(inputs, a.input.height, a.input.width),
        output: Shape::new(outputs, a.output.height, a.output.width),
        grid,
        rows,
        columns,
        bias,
        border: Vec::new(),
        constant: false,
        node: sum.node.clone(),
    };
    if let Some((grid, rows, columns)) = whole(a, b, shared, added, length, &place) {
        return Ok(made(grid, rows, columns));
    }
    let mut grid = vec![0.0f32; length];
    for (affine, first) in [(a, true), (b, false)] {
        for at in 0..affine.grid.len() {
            grid[place(first, at)] +=
                affine.weight(at / affine.row_len(), at % affine.row_len()) as f32;
        }
    }
    Ok(made(WeightGrid::Real(grid), Per::ONE, Per::ONE))
}

/// Joins integer grids with their factors, if that is possible without rounding.
fn whole(
    a: &RealAffine,
    b: &RealAffine,
    shared: bool,
    added: bool,
    length: usize,
    place: &dyn Fn(bool, usize) -> usize,
) -> Option<(WeightGrid, Per, Per)> {
    let (WeightGrid::Whole(grid_a), WeightGrid::Whole(grid_b)) = (&a.grid, &b.grid) else {
        return None;
    };
    let per = |values: Vec<f64>| {
        let shape = Shape::vector(values.len());
        Per::new(values, shape)
    };
    let both = |a: &[f64], b: &[f64]| per([a, b].concat());
    let rows = |of: &RealAffine| of.rows.channels(Shape::vector(of.outputs()));
    let columns = |of: &RealAffine| of.columns.channels(Shape::vector(of.input.channels));
    let one = |of: &RealAffine| Some(of.rows.one()? * of.columns.one()?);
    let scaled =
        |values: Vec<f64>, by: f64| values.into_iter().map(|v| v * by).collect::<Vec<f64>>();
    let (times, rows, columns) = match (shared, added) {
        (false, false) => (
            (1, 1),
            both(&rows(a)?, &rows(b)?),
            both(&columns(a)?, &columns(b)?),
        ),
        (true, false) => {
            let (by_a, by_b) = (a.columns.one()?, b.columns.one()?);
            (
                (1, 1),
                both(&scaled(rows(a)?, by_a), &scaled(rows(b)?, by_b)),
                Per::ONE,
            )
        }
        (false, true) => {
            let (by_a, by_b) = (a.rows.one()?, b.rows.one()?);
            (
                (1, 1),
                Per::ONE,
                both(&scaled(columns(a)?, by_a), &scaled(columns(b)?, by_b)),
            )
        }
        (true, true) => {
            let pair = Per::Channel(vec![one(a)?, one(b)?]);
            let (times, unit) = multiples(&pair)?;
            let at = |index| times.at(index, Shape::vector(2)) as i32;
            ((at(0), at(1)), Per::One(unit), Per::ONE)
        }
    };
    let mut grid = vec![0i32; length];
    for (codes, first, times) in [(grid_a, true, times.0), (grid_b, false, times.1)] {
        for (at, &code) in codes.iter().enumerate() {
            let sum = &mut grid[place(first, at)];
            *sum = sum.checked_add(code.checked_mul(times)?)?;
        }
    }
    Some((WeightGrid::Whole(grid), rows, columns))
}

/// Finds a window in which two windows fit that give the same number of results, and where in it each lies.
fn common_window(
    a: Window,
    b: Window,
    (input, output): ([usize; 2], [usize; 2]),
) -> Option<(Window, [[usize; 2]; 2])> {
    let mut common = a;
    let mut offsets = [[0; 2]; 2];
    for axis in 0..2 {
        // A single result has no stride.
        let stride = a.stride[axis].max(b.stride[axis]);
        if output[axis] > 1 && a.stride[axis] != b.stride[axis] {
            return None;
        }
        let padding = a.padding[axis].max(b.padding[axis]);
        let offset = |window: &Window| padding - window.padding[axis];
        let least = (offset(&a) + a.kernel[axis]).max(offset(&b) + b.kernel[axis]);
        let fitting =
            (input[axis] + 2 * padding).checked_sub((output[axis] - 1).checked_mul(stride)?)?;
        let count =
            |kernel: usize| Some((input[axis] + 2 * padding).checked_sub(kernel)? / stride + 1);
        let kernel = [least, fitting.max(least)]
            .into_iter()
            .find(|&kernel| count(kernel) == Some(output[axis]))?;
        if padding >= kernel {
            return None;
        }
        common.kernel[axis] = kernel;
        common.stride[axis] = stride;
        common.padding[axis] = padding;
        offsets[0][axis] = offset(&a);
        offsets[1][axis] = offset(&b);
    }
    Some((common, offsets))
}
