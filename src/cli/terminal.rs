//! The terminal that standard output is.

use console::Term;

/// Returns the width limit of lines on standard output, in columns: the variable `COLUMNS`, else the width of the
/// terminal. `None` in a pipe or a file, where lines are as long as they need to be.
pub(super) fn columns() -> Option<usize> {
    let given = std::env::var("COLUMNS").ok();
    let given = given.and_then(|columns| columns.parse().ok());
    given.filter(|&columns| columns > 0).or_else(|| {
        let size = Term::stdout().size_checked();
        size.map(|(_, columns)| usize::from(columns))
    })
}
