//! The choice of instructions, and the kernels under each.

use super::program::{Program, Scratch};
use super::simd::{LANES, Lane, Simd};

/// The instructions that kernels use. All backends give the same results, word for word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Backend {
    /// AVX-512 with the 52-bit multiply-add (IFMA).
    Ifma,
    /// AVX2.
    Avx2,
    /// Any processor.
    Portable,
}

/// Runs a kernel with the instructions of a backend, or in portable code if this processor lacks them.
macro_rules! dispatch {
    ($backend:expr, $simd:ident => $kernel:expr) => {{
        #[cfg(target_arch = "x86_64")]
        match $backend {
            Backend::Ifma => {
                if let Some($simd) = $crate::kernels::simd::Ifma::detect() {
                    return $simd.vectorize(
                        #[inline(always)]
                        || $kernel,
                    );
                }
            }
            Backend::Avx2 => {
                if let Some($simd) = $crate::kernels::simd::Avx2::detect() {
                    return $simd.vectorize(
                        #[inline(always)]
                        || $kernel,
                    );
                }
            }
            Backend::Portable => {}
        }
        let $simd = $crate::kernels::simd::Portable;
        $simd.vectorize(|| $kernel)
    }};
}
pub(super) use dispatch;

impl Backend {
    /// Returns the backends that this processor supports, the fastest first.
    pub fn available() -> Vec<Self> {
        [Self::Ifma, Self::Avx2, Self::Portable]
            .into_iter()
            .filter(|backend| backend.is_available())
            .collect()
    }

    /// Returns the fastest backend that this processor supports.
    pub fn detect() -> Self {
        Self::available().first().copied().unwrap_or(Self::Portable)
    }

    /// Returns the name: `ifma`, `avx2` or `portable`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ifma => "ifma",
            Self::Avx2 => "avx2",
            Self::Portable => "portable",
        }
    }

    #[cfg(target_arch = "x86_64")]
    fn is_available(self) -> bool {
        match self {
            Self::Ifma => super::simd::Ifma::detect().is_some(),
            Self::Avx2 => super::simd::Avx2::detect().is_some(),
            Self::Portable => true,
        }
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn is_available(self) -> bool {
        self == Self::Portable
    }

    /// Runs a program on the coefficients from `start` on, as many as a row of `output` holds; this number is a
    /// multiple of eight.
    ///
    /// `rows` holds the polynomials of the inputs one after the other, N residues each. `output` has a row for each
    /// polynomial of the outputs, one after the other. If this processor lacks the backend, [`Backend::Portable`] takes
    /// its place.
    pub fn run(
        self,
        program: &Program,
        rows: &[&[u64]],
        start: usize,
        scratch: &mut Scratch,
        output: &mut [u64],
    ) {
        dispatch!(self, simd => run(simd, program, rows, start, scratch, output));
    }
}

#[inline(always)]
pub(super) fn run<S: Simd>(
    simd: S,
    program: &Program,
    rows: &[&[u64]],
    start: usize,
    scratch: &mut Scratch,
    output: &mut [u64],
) {
    let Some((outputs, size)) = program.shape() else {
        return;
    };
    let width = output.len() / (outputs * size).max(1);
    let chunks = width / LANES;
    let mut tile = std::mem::take(&mut scratch.tile);
    let mut results = std::mem::take(&mut scratch.results);
    gather(rows, start, chunks, &mut tile);
    results.resize(outputs * size, Lane::default());
    for chunk in 0..chunks {
        let input = &tile[chunk * rows.len()..(chunk + 1) * rows.len()];
        program.run_chunk(simd, start / LANES + chunk, input, scratch, &mut results);
        for (row, result) in output.chunks_exact_mut(width.max(1)).zip(&results) {
            row[chunk * LANES..(chunk + 1) * LANES].copy_from_slice(&result.0);
        }
    }
    (scratch.tile, scratch.results) = (tile, results);
}

/// Collects eight coefficients of every row for each chunk in turn. Rows lie far apart, so each is read in one go.
#[inline(always)]
fn gather(rows: &[&[u64]], start: usize, chunks: usize, tile: &mut Vec<Lane>) {
    tile.resize(rows.len() * chunks, Lane::default());
    for (index, row) in rows.iter().enumerate() {
        let row = &row[start..start + chunks * LANES];
        for (chunk, words) in row.as_chunks::<LANES>().0.iter().enumerate() {
            tile[chunk * rows.len() + index].0 = *words;
        }
    }
}
