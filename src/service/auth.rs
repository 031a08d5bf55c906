//! Bearer tokens.

use std::path::Path;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};

use super::{error::ServiceError, problem::Problem};
use crate::file::read_at_most;

/// Size of the largest file of tokens, in bytes.
const MAX_BYTES: u64 = 1 << 20;
/// Length of the shortest token.
const MIN_LENGTH: usize = 16;

/// The tokens that open the service, by their hashes; without any, it is open to all.
#[derive(Debug, Default)]
pub(super) struct Tokens(Vec<blake3::Hash>);

impl Tokens {
    /// Reads a file with a token in each line. Empty lines and those that start with `#` do not count.
    pub fn load(path: &Path) -> Result<Self, ServiceError> {
        let problem = |problem: String| ServiceError::File {
            path: path.to_owned(),
            problem,
        };
        let file = std::fs::File::open(path).map_err(|error| problem(error.to_string()))?;
        let bytes = read_at_most(file, MAX_BYTES).map_err(|error| problem(error.to_string()))?;
        let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
        let text = text.ok_or_else(|| problem("must be a text of at most 1 MiB".to_owned()))?;
        let lines = text.lines().map(str::trim);
        let tokens: Vec<&str> = lines
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .collect();
        if tokens.is_empty() {
            return Err(problem("holds no token: write one in each line".to_owned()));
        }
        if tokens.iter().any(|token| token.len() < MIN_LENGTH) {
            let words = format!("a token has fewer than {MIN_LENGTH} characters: use random ones");
            return Err(problem(words));
        }
        let hashes = tokens.iter().map(|token| blake3::hash(token.as_bytes()));
        Ok(Self(hashes.collect()))
    }

    /// Refuses a call without one of the tokens. Hashes are compared, in the same time wherever they differ.
    pub fn check(&self, headers: &HeaderMap) -> Result<(), Problem> {
        if self.0.is_empty() {
            return Ok(());
        }
        let given = headers
            .get(header::AUTHORIZATION)
            .map(HeaderValue::as_bytes);
        let token = given.and_then(|value| {
            let (scheme, token) = value.split_at_checked(b"Bearer ".len())?;
            scheme.eq_ignore_ascii_case(b"Bearer ").then_some(token)
        });
        let hash = token.map(blake3::hash);
        // All are compared, so that the time does not tell which one it is.
        let equal = self.0.iter().filter(|of| Some(**of) == hash).count();
        if equal > 0 {
            return Ok(());
        }
        let detail = "this service needs a token: send it as Authorization: Bearer TOKEN";
        Err(Problem::new(StatusCode::UNAUTHORIZED, "token", detail))
    }
}
