//! What the functions of the C export layer return.
//!
//! The values are those of SEAL's `seal/c/defines.h`, on platforms other than Windows: a C `long` that
//! holds the code without a sign, so that an error is any value but [`S_OK`] and [`S_FALSE`].

use std::os::raw::c_long;

/// The type that every function of the C export layer returns.
pub type Hresult = c_long;

/// Success.
pub const S_OK: Hresult = 0;
/// Success, and the answer is "no".
pub const S_FALSE: Hresult = 1;
/// A pointer is null.
pub const E_POINTER: Hresult = 0x8000_4003_u32 as Hresult;
/// An argument is not valid (`std::invalid_argument`).
pub const E_INVALIDARG: Hresult = 0x8007_0057_u32 as Hresult;
/// Not enough memory.
pub const E_OUTOFMEMORY: Hresult = 0x8007_000E_u32 as Hresult;
/// Any other exception.
pub const E_UNEXPECTED: Hresult = 0x8000_FFFF_u32 as Hresult;
/// Reading or writing failed (`std::runtime_error` from a stream).
pub const COR_E_IO: Hresult = 0x8013_1620_u32 as Hresult;
/// The operation is not valid now (`std::logic_error`).
pub const COR_E_INVALIDOPERATION: Hresult = 0x8013_1509_u32 as Hresult;
