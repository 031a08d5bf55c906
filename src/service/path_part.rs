//! Parts of a call's path.

use axum::{
    extract::{Path, rejection::PathRejection},
    http::StatusCode,
};

use super::{key_hash::KeyHash, problem::Problem};

/// A part of a path, which may be no text.
pub(super) type PathPart = Result<Path<String>, PathRejection>;

/// Refuses a path that is no text.
pub(super) fn no_text(error: PathRejection) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "no-call", error)
}

/// Reads a part that names keys.
pub(super) fn key_hash(part: PathPart) -> Result<KeyHash, Problem> {
    let Path(text) = part.map_err(no_text)?;
    text.parse()
        .map_err(|error| Problem::new(StatusCode::NOT_FOUND, "no-hash", error))
}
