//! Slots for the values between layers.

use super::DiagonalError;
use crate::network::{Layer, LoweredLayer, LoweredOperation, Network, Shape, WeightedSums};
use crate::packing::index::Index;

/// Consecutive linear layers between squares, as the network has them.
#[derive(Default)]
pub(super) struct LinearRun {
    pub names: Vec<String>,
    pub layers: Vec<WeightedSums>,
    /// True if all of them are convolutions or pools.
    pub spatial: bool,
    /// Stride of all of them together.
    pub stride: [usize; 2],
    /// Kernel of the first layer, if that is a pool without overlap.
    pub pool: Option<[usize; 2]>,
}

/// A tensor that is squared: its shape, and the square's name.
pub(super) struct Tensor {
    pub shape: Shape,
    pub square: String,
}

/// Splits the network, which was lowered, at its squares into runs of linear layers, and returns the tensors between them.
pub(super) fn cut(network: &Network, lowered: Vec<LoweredLayer>) -> (Vec<LinearRun>, Vec<Tensor>) {
    let fresh = || LinearRun {
        spatial: true,
        stride: [1, 1],
        ..LinearRun::default()
    };
    let (mut runs, mut tensors, mut run) = (Vec::new(), Vec::new(), fresh());
    let mut lowered = lowered.into_iter();
    let mut shape = network.input().shape;
    for (named, shapes) in network.layers().iter().zip(network.shapes().windows(2)) {
        if named.layer == Layer::Flatten {
            continue;
        }
        let Some(next) = lowered.next() else { break };
        let LoweredOperation::Sums(sums) = next.operation else {
            tensors.push(Tensor {
                shape,
                square: named.name.clone(),
            });
            runs.push(std::mem::replace(&mut run, fresh()));
            continue;
        };
        let stride = match &named.layer {
            Layer::Conv2d { stride, .. } => Some(*stride),
            Layer::SumPool { kernel, stride } => {
                if run.layers.is_empty() && kernel == stride && shape == shapes[0] {
                    run.pool = Some(*kernel);
                }
                Some(*stride)
            }
            _ => None,
        };
        match stride {
            Some(stride) if shape == shapes[0] => {
                // A stride beyond the tensor is never used.
                run.stride = [
                    run.stride[0].saturating_mul(stride[0]),
                    run.stride[1].saturating_mul(stride[1]),
                ];
            }
            _ => run.spatial = false,
        }
        run.names.push(named.name.clone());
        run.layers.push(sums);
        shape = shapes[1];
    }
    runs.push(run);
    (runs, tensors)
}

/// Largest number of ciphertexts for the first tensor; with more, the layout is not worth it.
const FIRST_MAX: usize = 1024;

/// The slots of values that repeat with a period.
#[derive(Clone, Default)]
pub(super) struct Slots {
    /// Slot of each value within the period, if it has one.
    pub of: Vec<Option<Index>>,
    pub period: usize,
}

/// The placement of a tensor in blocks, one per channel and phase, with one slot per position.
#[derive(Default)]
pub(super) struct Place {
    /// Slots of the values that are squared.
    pub values: Slots,
    /// Slots of their sums after a pool's rotate-and-sum; without a pool, the same as `values`.
    pub pooled: Slots,
    /// Number of slots in a block, and of positions in a row of the grid.
    pub block: usize,
    pub width: usize,
    /// Number of slots of a channel: a block for each phase.
    pub plane: usize,
    /// Rows and columns between the values of neighbouring positions.
    pub phases: [usize; 2],
}

/// The grid that the tensors of a chain of convolutions share.
pub(super) struct Grid {
    /// Number of positions in a row.
    pub width: usize,
    /// Number of slots in a block.
    pub block: usize,
}

/// Computes the rows and columns of positions that a tensor's needed values span.
fn extent(shape: Shape, needed: &[bool], phases: [usize; 2]) -> [usize; 2] {
    let mut extent = [1, 1];
    for (index, _) in needed.iter().enumerate().filter(|(_, needed)| **needed) {
        let (y, x) = (index / shape.width % shape.height, index % shape.width);
        extent[0] = extent[0].max(y / phases[0] + 1);
        extent[1] = extent[1].max(x / phases[1] + 1);
    }
    extent
}

/// Places all tensors. With `skip_first` it leaves out the first, which is placed by other means.
///
/// # Errors
/// [`DiagonalError`] if one of them does not fit the slots.
pub(super) fn places(
    runs: &[LinearRun],
    tensors: &[Tensor],
    needed: &[Vec<bool>],
    slots: usize,
    skip_first: bool,
) -> Result<Vec<Place>, DiagonalError> {
    let count = tensors.len();
    // The tensors up to this one share one grid; a linear layer or the last run follows it.
    let end = (1..=count)
        .find(|&l| l == count || !runs[l].spatial)
        .unwrap_or(count);
    let pool = |l: usize| {
        if l < count && l <= end {
            runs[l].pool.unwrap_or([1, 1])
        } else {
            [1, 1]
        }
    };
    let mut phases = vec![[1, 1]; count + 1];
    phases[end] = pool(end);
    for l in (1..end).rev() {
        let (stride, after) = (runs[l].stride, phases[l + 1]);
        phases[l] = [
            stride[0].saturating_mul(after[0]),
            stride[1].saturating_mul(after[1]),
        ];
    }
    let mut size = [1, 1];
    for l in 1 + usize::from(skip_first)..=end {
        let extent = extent(tensors[l - 1].shape, &needed[l - 1], phases[l]);
        size = [size[0].max(extent[0]), size[1].max(extent[1])];
    }
    let grid = Grid {
        width: size[1],
        block: (size[0] * size[1]).next_power_of_two(),
    };
    let vector = Grid { width: 1, block: 1 };
    (1..=count)
        .map(|l| {
            let grid = if l <= end { &grid } else { &vector };
            let tensor = &tensors[l - 1];
            if l == 1 && skip_first {
                return Ok(Place {
                    phases: phases[l],
                    ..Place::default()
                });
            }
            let (shape, phases, pool) = if l <= end {
                (tensor.shape, phases[l], pool(l))
            } else {
                (Shape::vector(tensor.shape.len()), [1, 1], [1, 1])
            };
            // Refuse a tensor that is certainly too large before placing it.
            let least = (shape.channels)
                .saturating_mul(phases[0] / pool[0])
                .saturating_mul(phases[1] / pool[1])
                .saturating_mul(grid.block);
            if least > slots {
                return Err(DiagonalError {
                    reason: format!(
                        "what {} squares takes at least {least} slots, a ciphertext has {slots}",
                        tensor.square
                    ),
                });
            }
            let place = place(shape, &needed[l - 1], phases, pool, grid);
            if place.values.period > FIRST_MAX * slots {
                return Err(DiagonalError {
                    reason: format!(
                        "what {} squares takes {} slots, more than those of {FIRST_MAX} ciphertexts",
                        tensor.square, place.values.period
                    ),
                });
            }
            // Only the first tensor may take several ciphertexts, which are summed after squaring.
            let size = if l == 1 && l < count {
                place.pooled.period
            } else {
                place.values.period
            };
            if size > slots {
                return Err(DiagonalError {
                    reason: format!(
                        "what {} squares takes {size} slots, a ciphertext has {slots}",
                        tensor.square
                    ),
                });
            }
            Ok(place)
        })
        .collect()
}

fn place(
    shape: Shape,
    needed: &[bool],
    phases: [usize; 2],
    pool: [usize; 2],
    grid: &Grid,
) -> Place {
    let after = [phases[0] / pool[0], phases[1] / pool[1]];
    let blocks = (shape.channels * after[0] * after[1]).next_power_of_two();
    let copies = (pool[0] * pool[1]).next_power_of_two();
    let [height, width] = [shape.height / pool[0], shape.width / pool[1]];
    let mut values = vec![None; shape.len()];
    let mut pooled = vec![None; shape.channels * height * width];
    for (index, _) in needed.iter().enumerate().filter(|(_, needed)| **needed) {
        let channel = index / (shape.height * shape.width);
        let (y, x) = (index / shape.width % shape.height, index % shape.width);
        let (v, u) = (y / pool[0], x / pool[1]);
        let block = (channel * after[0] + v % after[0]) * after[1] + u % after[1];
        let position = v / after[0] * grid.width + u / after[1];
        let slot = block * grid.block + position;
        let copy = y % pool[0] * pool[1] + x % pool[1];
        values[index] = Some(Index::new(copy * blocks * grid.block + slot));
        if v < height && u < width {
            pooled[(channel * height + v) * width + u] = Some(Index::new(slot));
        }
    }
    Place {
        values: Slots {
            of: values,
            period: copies * blocks * grid.block,
        },
        pooled: Slots {
            of: pooled,
            period: blocks * grid.block,
        },
        block: grid.block,
        plane: after[0] * after[1] * grid.block,
        width: grid.width,
        phases,
    }
}
