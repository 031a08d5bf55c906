//! Compares the committed declarations with the library that was built and with the headers it was built from.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

use seal_sys::limits;

/// Reads the number that SEAL's header of limits gives to a name, directly by `#define name number` or via another
/// name.
fn limit_in_header(name: &str) -> u32 {
    let path = concat!(env!("SEAL_SYS_INCLUDE"), "/seal/util/defines.h");
    let text = std::fs::read_to_string(path).unwrap();
    let start = format!("#define {name} ");
    let values: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix(&start))
        .collect();
    assert_eq!(values.len(), 1, "{name} is defined once in {path}");
    values[0]
        .parse()
        .unwrap_or_else(|_| limit_in_header(values[0]))
}

macro_rules! assert_limits {
    ($($name:ident)*) => {
        $(assert_eq!(limits::$name, limit_in_header(stringify!($name)), stringify!($name));)*
    };
}

#[test]
fn limits_equal_those_in_seals_header() {
    assert_limits! {
        SEAL_MOD_BIT_COUNT_MAX
        SEAL_MOD_BIT_COUNT_MIN
        SEAL_USER_MOD_BIT_COUNT_MAX
        SEAL_USER_MOD_BIT_COUNT_MIN
        SEAL_PLAIN_MOD_BIT_COUNT_MAX
        SEAL_PLAIN_MOD_BIT_COUNT_MIN
        SEAL_COEFF_MOD_COUNT_MAX
        SEAL_COEFF_MOD_COUNT_MIN
        SEAL_POLY_MOD_DEGREE_MAX
        SEAL_POLY_MOD_DEGREE_MIN
        SEAL_CIPHERTEXT_SIZE_MAX
        SEAL_CIPHERTEXT_SIZE_MIN
    }
}

#[cfg(feature = "bindgen")]
#[test]
fn committed_declarations_are_current() {
    let generated = std::fs::read_to_string(env!("SEAL_SYS_GENERATED_BINDINGS")).unwrap();
    let committed = include_str!("../src/bindings.rs");
    let differing = generated
        .lines()
        .zip(committed.lines())
        .position(|(new, old)| new != old);
    assert!(
        generated == committed,
        "src/bindings.rs is out of date (first difference in line {:?}): run \
         `SEAL_SYS_UPDATE_BINDINGS=1 cargo build -p seal-sys --features bindgen`",
        differing.map(|index| index + 1)
    );
}

/// Calls into the C export layer, which an installed SEAL may lack.
#[cfg(seal_c)]
mod calls {
    use std::ffi::c_void;
    use std::ptr::null_mut;

    use seal_sys::bindings::{
        Modulus_Create1, Modulus_Destroy, Modulus_IsPrime, Modulus_Value, Version_Major,
        Version_Minor, Version_Patch,
    };
    use seal_sys::hresult::{E_INVALIDARG, E_POINTER, Hresult, S_OK};

    fn create(value: u64) -> Result<*mut c_void, Hresult> {
        let mut modulus = null_mut();
        // SAFETY: the pointer that is written to is valid for the call.
        let code = unsafe { Modulus_Create1(value, &raw mut modulus) };
        if code == S_OK { Ok(modulus) } else { Err(code) }
    }

    #[test]
    fn version_is_the_one_that_was_built() {
        let mut parts = [0_u8; 3];
        for (part, ask) in parts
            .iter_mut()
            .zip([Version_Major, Version_Minor, Version_Patch])
        {
            // SAFETY: the pointer that is written to is valid for the call.
            assert_eq!(unsafe { ask(&raw mut *part) }, S_OK);
        }
        let [major, minor, patch] = parts;
        assert_eq!(format!("{major}.{minor}.{patch}"), seal_sys::SEAL_VERSION);
    }

    #[test]
    fn modulus_keeps_its_value_and_knows_primes() {
        for (value, prime) in [(65_537_u64, true), (65_536, false), ((1 << 60) - 93, true)] {
            let modulus = create(value).unwrap();
            let (mut kept, mut is_prime) = (0_u64, false);
            // SAFETY: `modulus` was created above and is destroyed once, after its last use.
            unsafe {
                assert_eq!(Modulus_Value(modulus, &raw mut kept), S_OK);
                assert_eq!(Modulus_IsPrime(modulus, &raw mut is_prime), S_OK);
                assert_eq!(Modulus_Destroy(modulus), S_OK);
            }
            assert_eq!((kept, is_prime), (value, prime));
        }
    }

    #[test]
    fn bad_calls_return_the_documented_codes() {
        // This has more than SEAL_MOD_BIT_COUNT_MAX bits.
        assert_eq!(create(u64::MAX), Err(E_INVALIDARG));
        assert_eq!(create(1), Err(E_INVALIDARG));
        // SAFETY: SEAL checks both pointers before using them.
        let code = unsafe { Modulus_Value(null_mut(), null_mut()) };
        assert_eq!(code, E_POINTER);
    }
}
