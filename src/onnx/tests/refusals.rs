//! What is refused, and what is said.

use super::*;
