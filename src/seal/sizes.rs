//! Numbers of polynomials of SEAL's objects.

use seal_sys::limits;
use std::ops::RangeInclusive;

/// Numbers of polynomials that a ciphertext can have in SEAL: 2 to 16.
pub const CIPHERTEXT_SIZES: RangeInclusive<usize> =
    limits::SEAL_CIPHERTEXT_SIZE_MIN as usize..=limits::SEAL_CIPHERTEXT_SIZE_MAX as usize;
/// Numbers of slots that relinearisation keys can have: one slot for each ciphertext size above 2.
pub const RELIN_SLOTS: RangeInclusive<usize> = 1..=limits::SEAL_CIPHERTEXT_SIZE_MAX as usize - 2;
