//! Multiplies matrices that lie in slices, with the kernels that burn's CPU backend uses.

/// A matrix in a slice: element `(r, c)` is at `r * row_stride + c * column_stride`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Matrix<'a> {
    pub data: &'a [f32],
    pub rows: usize,
    pub columns: usize,
    pub row_stride: usize,
    pub column_stride: usize,
}

impl<'a> Matrix<'a> {
    /// Views a slice as a matrix stored row by row, with rows `row_stride` apart.
    pub fn new(data: &'a [f32], rows: usize, columns: usize, row_stride: usize) -> Self {
        Self {
            data,
            rows,
            columns,
            row_stride,
            column_stride: 1,
        }
    }

    /// Returns the same elements with rows and columns exchanged.
    pub fn transposed(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }

    fn fits(&self) -> bool {
        fits(
            self.data.len(),
            self.rows,
            self.columns,
            self.row_stride,
            self.column_stride,
        )
    }
}

fn fits(len: usize, rows: usize, columns: usize, row_stride: usize, column_stride: usize) -> bool {
    rows > 0 && columns > 0 && (rows - 1) * row_stride + (columns - 1) * column_stride < len
}

/// Computes `out += a * b`, where `out` is stored row by row, with rows `row_stride` apart.
///
/// Does nothing if the shapes do not fit each other or the slices; no caller lets that happen.
pub(super) fn add_product(out: &mut [f32], row_stride: usize, a: Matrix<'_>, b: Matrix<'_>) {
    let (rows, columns, inner) = (a.rows, b.columns, a.columns);
    let fit = inner == b.rows
        && row_stride >= columns
        && a.fits()
        && b.fits()
        && fits(out.len(), rows, columns, row_stride, 1);
    debug_assert!(fit, "{rows}x{inner} times {}x{columns}", b.rows);
    if !fit {
        return;
    }
    // SAFETY: all three matrices lie within their slices (checked above). `out` is borrowed mutably, so it does not
    // overlap the others. Its elements are at distinct places (row_stride >= columns). All elements are initialised.
    unsafe {
        gemm::gemm(
            rows,
            columns,
            inner,
            out.as_mut_ptr(),
            1,
            row_stride.cast_signed(),
            true,
            a.data.as_ptr(),
            a.column_stride.cast_signed(),
            a.row_stride.cast_signed(),
            b.data.as_ptr(),
            b.column_stride.cast_signed(),
            b.row_stride.cast_signed(),
            1.0,
            1.0,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_and_transposes_by_hand() {
        let a: Vec<f32> = (1..=6).map(|i| i as f32).collect();
        let b: Vec<f32> = (0..12).map(|i| (i * i % 7) as f32).collect();
        // [2, 3] times [3, 2]; the second has rows 4 apart and the result has rows 3 apart.
        let mut out = vec![10.0; 6];
        add_product(
            &mut out,
            3,
            Matrix::new(&a, 2, 3, 3),
            Matrix::new(&b, 3, 2, 4),
        );
        let expected =
            |r: usize, c: usize| 10.0 + (0..3).map(|k| a[r * 3 + k] * b[k * 4 + c]).sum::<f32>();
        for (r, c) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
            assert!((out[r * 3 + c] - expected(r, c)).abs() < 1e-4);
        }
        assert!((out[2] - 10.0).abs() < 1e-9);
        let mut gram = vec![0.0; 9];
        let a = Matrix::new(&a, 2, 3, 3);
        add_product(&mut gram, 3, a.transposed(), a);
        assert!((gram[1] - (1.0 * 2.0 + 4.0 * 5.0)).abs() < 1e-4);
    }
}
