//! Files that are damaged, or made to take time and memory.

use super::*;
