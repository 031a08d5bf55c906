//! Return codes of the C export layer's functions.
//!
//! The values are those of SEAL's `seal/c/defines.h` on platforms other than Windows: a C `long` that holds the code as
//! an unsigned number, so every value except [`S_OK`] and [`S_FALSE`] is an error.

use std::os::raw::c_long;

/// The return type of every function in the C export layer.
pub type Hresult = c_long;

/// Success.
pub const S_OK: Hresult = 0;
/// Success, with the answer "no".
pub const S_FALSE: Hresult = 1;
/// A pointer is null.
pub const E_POINTER: Hresult = 0x8000_4003_u32 as Hresult;
/// An argument is not valid (`std::invalid_argument`).
pub const E_INVALIDARG: Hresult = 0x8007_0057_u32 as Hresult;
/// Memory is exhausted.
pub const E_OUTOFMEMORY: Hresult = 0x8007_000E_u32 as Hresult;
/// Any other exception.
pub const E_UNEXPECTED: Hresult = 0x8000_FFFF_u32 as Hresult;
/// Reading or writing failed (`std::runtime_error` from a stream).
pub const COR_E_IO: Hresult = 0x8013_1620_u32 as Hresult;
/// The operation is not valid now (`std::logic_error`).
pub const COR_E_INVALIDOPERATION: Hresult = 0x8013_1509_u32 as Hresult;
