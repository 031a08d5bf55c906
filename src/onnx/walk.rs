//! Walks over tensors: which position of one tensor each value of another comes from.

/// Visits positions of a tensor in the row-major order of `dims`, a step of each dimension being worth its stride.
pub(super) struct Walk {
    dims: Vec<usize>,
    strides: Vec<isize>,
    at: Vec<usize>,
    position: isize,
    left: usize,
}

impl Walk {
    /// Begins at `start`. There are as many strides as dimensions, and every position lies in the tensor.
    pub fn new(dims: Vec<usize>, strides: Vec<isize>, start: usize) -> Self {
        let left = dims.iter().product();
        Self {
            at: vec![0; dims.len()],
            position: start.cast_signed(),
            dims,
            strides,
            left,
        }
    }

    /// Visits a tensor of shape `from` broadcast to `to`; `None` if that is not possible.
    pub fn broadcast(from: &[usize], to: &[usize]) -> Option<Self> {
        let missing = to.len().checked_sub(from.len())?;
        let steps = row_major(from);
        let mut strides = vec![0; missing];
        for (axis, &dim) in from.iter().enumerate() {
            if dim == to[missing + axis] {
                strides.push(steps[axis]);
            } else if dim == 1 {
                strides.push(0);
            } else {
                return None;
            }
        }
        Some(Self::new(to.to_vec(), strides, 0))
    }

    /// Visits a tensor of shape `from` with its axes in the order `axes`, which names each once.
    pub fn transposed(from: &[usize], axes: &[usize]) -> Self {
        let steps = row_major(from);
        Self::new(
            axes.iter().map(|&axis| from[axis]).collect(),
            axes.iter().map(|&axis| steps[axis]).collect(),
            0,
        )
    }
}

/// Returns the strides of a tensor in row-major order.
pub(super) fn row_major(dims: &[usize]) -> Vec<isize> {
    let mut strides = vec![1isize; dims.len()];
    for axis in (1..dims.len()).rev() {
        strides[axis - 1] = strides[axis].saturating_mul(dims[axis].cast_signed());
    }
    strides
}

/// Returns the shape to which two shapes are broadcast; `None` if they do not fit.
pub(super) fn broadcast_shape(a: &[usize], b: &[usize]) -> Option<Vec<usize>> {
    let rank = a.len().max(b.len());
    let dim =
        |of: &[usize], axis: usize| (axis + of.len()).checked_sub(rank).map_or(1, |at| of[at]);
    (0..rank)
        .map(|axis| match (dim(a, axis), dim(b, axis)) {
            (1, other) | (other, 1) => Some(other),
            (x, y) => (x == y).then_some(x),
        })
        .collect()
}

impl Iterator for Walk {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        self.left = self.left.checked_sub(1)?;
        let here = self.position.cast_unsigned();
        for axis in (0..self.dims.len()).rev() {
            self.at[axis] += 1;
            self.position += self.strides[axis];
            if self.at[axis] < self.dims[axis] {
                break;
            }
            self.position -= self.strides[axis] * self.dims[axis].cast_signed();
            self.at[axis] = 0;
        }
        Some(here)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at a surprise")]
mod tests {
    use super::*;

    #[test]
    fn walks_follow_numpy() {
        let all: Vec<usize> = Walk::transposed(&[2, 3], &[1, 0]).collect();
        assert_eq!(all, [0, 3, 1, 4, 2, 5]);
        let all: Vec<usize> = Walk::broadcast(&[2, 1], &[2, 2, 3]).unwrap().collect();
        assert_eq!(all, [0, 0, 0, 1, 1, 1, 0, 0, 0, 1, 1, 1]);
        assert!(Walk::broadcast(&[2], &[3]).is_none());
        assert_eq!(broadcast_shape(&[3, 1], &[2]), Some(vec![3, 2]));
        assert_eq!(broadcast_shape(&[3], &[2]), None);
        assert_eq!(Walk::new(vec![], vec![], 4).collect::<Vec<_>>(), [4]);
        assert_eq!(Walk::new(vec![2, 0], vec![1, 1], 0).count(), 0);
        // Backwards, as `Slice` with step -1.
        assert_eq!(
            Walk::new(vec![3], vec![-1], 2).collect::<Vec<_>>(),
            [2, 1, 0]
        );
    }
}
