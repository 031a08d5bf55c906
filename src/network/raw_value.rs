//! Values of network files, as they are written there: bounded lists, and numbers as text.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{SeqAccess, Visitor},
};

use super::error::NetworkError;

/// Parses a double that is written as a string, because a JSON number may lose its last bits.
pub(super) fn double(text: &str, field: &str) -> Result<f64, NetworkError> {
    text.parse().map_err(|_| {
        let start: String = text.chars().take(64).collect();
        NetworkError::new(field, format!("{start:?} is not a decimal number"))
    })
}

/// A list of at most `LIMIT` values; a longer one is refused before it fills the memory.
pub(super) struct AtMost<T, const LIMIT: usize>(pub Vec<T>);

impl<T: Serialize, const LIMIT: usize> Serialize for AtMost<T, LIMIT> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>, const LIMIT: usize> Deserialize<'de> for AtMost<T, LIMIT> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        at_most::<LIMIT, T, D>(deserializer).map(Self)
    }
}

/// Reads a list of at most `LIMIT` values.
pub(super) fn at_most<'de, const LIMIT: usize, T, D>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    struct List<T, const LIMIT: usize>(std::marker::PhantomData<T>);

    impl<'de, T: Deserialize<'de>, const LIMIT: usize> Visitor<'de> for List<T, LIMIT> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "a list of at most {LIMIT} values")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
            let mut values = Vec::new();
            while let Some(value) = list.next_element()? {
                if values.len() == LIMIT {
                    return Err(serde::de::Error::invalid_length(LIMIT + 1, &self));
                }
                values.push(value);
            }
            Ok(values)
        }
    }

    deserializer.deserialize_seq(List::<T, LIMIT>(std::marker::PhantomData))
}
