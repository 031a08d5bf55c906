//! Random changes to images, and the order of the images in an epoch. Both depend on the seed and the epoch alone, so
//! an interrupted run continues exactly as if it had not stopped.

use rand::{RngExt as _, SeedableRng as _, seq::SliceRandom as _};
use rand_chacha::ChaCha8Rng;

use super::AugmentConfig;

/// Returns a generator for one purpose: distinct `(seed, epoch, index)` give unrelated streams.
fn generator(seed: u64, epoch: u64, index: u64) -> ChaCha8Rng {
    let mut key = [0_u8; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8..16].copy_from_slice(&epoch.to_le_bytes());
    key[16..24].copy_from_slice(&index.to_le_bytes());
    key[24..].copy_from_slice(b"sealqnt1");
    ChaCha8Rng::from_seed(key)
}

/// Returns the order of `images` images in an epoch (counted from 0).
pub(super) fn order(seed: u64, epoch: usize, images: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..images).collect();
    order.shuffle(&mut generator(seed, epoch as u64, u64::MAX));
    order
}

/// Mirrors the image if `flip`, and then shifts it by whole pixels; pixels from outside the image are 0.
fn moved(
    image: &[u8],
    height: usize,
    width: usize,
    flip: bool,
    [down, right]: [i64; 2],
) -> Vec<u8> {
    let within = |at: usize, by: i64, size: usize| {
        let from = at.cast_signed() as i64 - by;
        usize::try_from(from).ok().filter(|&i| i < size)
    };
    let mut out = Vec::with_capacity(image.len());
    for y in 0..height {
        let row = within(y, down, height);
        for x in 0..width {
            let x = if flip { width - 1 - x } else { x };
            let from = row.zip(within(x, right, width));
            out.push(from.map_or(0, |(row, column)| image[row * width + column]));
        }
    }
    out
}

/// Writes a randomly changed copy of a one-plane image of `height` x `width` to `out`; pixels from outside the image
/// are 0.
#[allow(
    clippy::too_many_arguments,
    reason = "an image, its two sizes, and the three numbers that name a random stream"
)]
pub(super) fn affine(
    image: &[u8],
    height: usize,
    width: usize,
    bounds: AugmentConfig,
    seed: u64,
    epoch: usize,
    index: usize,
    out: &mut [u8],
) {
    let mut rng = generator(seed, epoch as u64, index as u64);
    let mut draw = |bound: f64| {
        if bound > 0.0 {
            rng.random_range(-bound..=bound)
        } else {
            0.0
        }
    };
    let (sin, cos) = draw(bounds.rotation).to_radians().sin_cos();
    let size = 1.0 / (1.0 + draw(bounds.scale));
    let shear = draw(bounds.shear);
    let (dx, dy) = (draw(bounds.shift), draw(bounds.shift));
    let flip = bounds.flip && rng.random::<bool>();
    let mut whole = || {
        let crop = i64::try_from(bounds.crop).unwrap_or(0);
        if crop > 0 {
            rng.random_range(-crop..=crop)
        } else {
            0
        }
    };
    let image = moved(image, height, width, flip, [whole(), whole()]);
    let affine =
        bounds.rotation > 0.0 || bounds.scale > 0.0 || bounds.shift > 0.0 || bounds.shear > 0.0;
    if !affine {
        return out.copy_from_slice(&image);
    }
    let (cx, cy) = ((width as f64 - 1.0) / 2.0, (height as f64 - 1.0) / 2.0);
    // Maps the output's coordinates to the input's.
    let a = [
        size * cos,
        size * (sin + shear * cos),
        -size * sin,
        size * (cos - shear * sin),
    ];
    let pixel = |x: i64, y: i64| -> f64 {
        match (usize::try_from(x), usize::try_from(y)) {
            (Ok(x), Ok(y)) if x < width && y < height => f64::from(image[y * width + x]),
            _ => 0.0,
        }
    };
    for y in 0..height {
        for x in 0..width {
            let (u, v) = (x as f64 - cx - dx, y as f64 - cy - dy);
            let (sx, sy) = (a[0] * u + a[1] * v + cx, a[2] * u + a[3] * v + cy);
            let (fx, fy) = (sx.floor(), sy.floor());
            let (x0, y0) = (fx as i64, fy as i64);
            let (px, py) = (sx - fx, sy - fy);
            let top = pixel(x0, y0) * (1.0 - px) + pixel(x0 + 1, y0) * px;
            let bottom = pixel(x0, y0 + 1) * (1.0 - px) + pixel(x0 + 1, y0 + 1) * px;
            out[y * width + x] = (top * (1.0 - py) + bottom * py).round().clamp(0.0, 255.0) as u8;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: AugmentConfig = AugmentConfig {
        rotation: 0.0,
        scale: 0.0,
        shift: 0.0,
        shear: 0.0,
        flip: false,
        crop: 0,
    };

    #[test]
    fn no_change_is_the_identity_and_the_stream_decides_the_rest() {
        let image: Vec<u8> = (0..35).map(|i| i * 7).collect();
        let run = |bounds, seed, epoch, index| {
            let mut out = vec![1; 35];
            affine(&image, 5, 7, bounds, seed, epoch, index, &mut out);
            out
        };
        assert_eq!(run(NONE, 1, 0, 0), image);
        let some = AugmentConfig {
            rotation: 20.0,
            shift: 1.0,
            ..NONE
        };
        assert_eq!(run(some, 1, 2, 3), run(some, 1, 2, 3));
        assert_ne!(run(some, 1, 2, 3), run(some, 1, 2, 4));
        assert_ne!(run(some, 1, 2, 3), run(some, 1, 3, 3));
    }

    #[test]
    fn flips_and_crops_move_whole_pixels() {
        let image: Vec<u8> = (1..=12).collect();
        let run = |bounds, index| {
            let mut out = vec![99; 12];
            affine(&image, 3, 4, bounds, 1, 0, index, &mut out);
            out
        };
        let flip = AugmentConfig { flip: true, ..NONE };
        let mirrored = [4, 3, 2, 1, 8, 7, 6, 5, 12, 11, 10, 9];
        let found: Vec<Vec<u8>> = (0..40).map(|i| run(flip, i)).collect();
        assert!(found.iter().all(|o| *o == image || *o == mirrored));
        assert!(found.contains(&image) && found.iter().any(|o| *o == mirrored));
        let crop = AugmentConfig { crop: 1, ..NONE };
        let found: Vec<Vec<u8>> = (0..200).map(|i| run(crop, i)).collect();
        for (down, right) in [(0, 0), (1, 0), (-1, 1), (1, -1)] {
            let expected: Vec<u8> = (0..12)
                .map(|i| {
                    let (y, x) = (i / 4 - down, i % 4 - right);
                    if (0..3).contains(&y) && (0..4).contains(&x) {
                        (y * 4 + x + 1) as u8
                    } else {
                        0
                    }
                })
                .collect();
            assert!(found.contains(&expected), "{down} {right}");
        }
    }

    #[test]
    fn an_order_is_a_permutation_that_the_epoch_changes() {
        let mut first = order(5, 0, 100);
        assert_eq!(first, order(5, 0, 100));
        assert_ne!(first, order(5, 1, 100));
        assert_ne!(first, order(6, 0, 100));
        first.sort_unstable();
        assert_eq!(first, (0..100).collect::<Vec<_>>());
    }
}
