//! Tables on standard output, and numbers in them.

use comfy_table::{Attribute, Cell, CellAlignment, ContentArrangement, Table, presets};

use super::output;

/// Tables are not made narrower than this.
const MIN_COLUMNS: usize = 60;

/// Cells too wide for the terminal are wrapped; in a pipe or a file none is.
fn empty() -> Table {
    arranged(output::columns())
}

fn arranged(columns: Option<usize>) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    match columns {
        None => table.set_content_arrangement(ContentArrangement::Disabled),
        Some(columns) => {
            let columns = u16::try_from(columns.max(MIN_COLUMNS)).unwrap_or(u16::MAX);
            table.set_content_arrangement(ContentArrangement::Dynamic);
            table.set_width(columns)
        }
    };
    table
}

/// A table with a header; every column but the first is aligned to the right.
pub(super) fn columns(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> Table {
    let mut table = empty();
    table.set_header(
        header
            .iter()
            .map(|text| Cell::new(text).add_attribute(Attribute::Bold)),
    );
    table.add_rows(rows);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// A table of names and values.
pub(super) fn facts(rows: impl IntoIterator<Item = (String, String)>) -> Table {
    let mut table = empty();
    table.add_rows(rows.into_iter().map(|(name, value)| vec![name, value]));
    table
}

/// A number with its thousands separated: `8,192`.
pub(super) fn thousands(number: impl TryInto<u128>) -> String {
    let digits = number
        .try_into()
        .map_or_else(|_| String::new(), |number| number.to_string());
    let mut out = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Bytes in decimal units, three digits at least: `1.23 GB`.
pub(super) fn bytes(count: u64) -> String {
    let count = count as f64;
    let (unit, name) = match count {
        c if c < 1e3 => return format!("{count} B"),
        c if c < 1e6 => (1e3, "kB"),
        c if c < 1e9 => (1e6, "MB"),
        _ => (1e9, "GB"),
    };
    format!("{:.2} {name}", count / unit)
}

/// A duration in seconds: three digits below 100.
pub(super) fn seconds(seconds: f64) -> String {
    match seconds {
        s if s < 1e-3 => format!("{:.1} µs", s * 1e6),
        s if s < 0.1 => format!("{:.1} ms", s * 1e3),
        s if s < 10.0 => format!("{s:.2} s"),
        s if s < 100.0 => format!("{s:.1} s"),
        s => format!("{s:.0} s"),
    }
}

/// A fraction in percent.
pub(super) fn percent(fraction: f64) -> String {
    format!("{:.2} %", fraction * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_terminal_wraps_cells() {
        let words = "long words ".repeat(40);
        let lines = |columns| {
            let mut table = arranged(columns);
            table.add_row([words.trim(), "1"]);
            let lines: Vec<_> = table.lines().map(|line| line.chars().count()).collect();
            (lines.len(), lines[0])
        };
        assert_eq!(lines(None).0, 3);
        assert!(lines(None).1 > 440);
        let (rows, columns) = lines(Some(70));
        assert!(rows > 5 && columns <= 70, "{rows} {columns}");
        assert!(lines(Some(10)).1 <= MIN_COLUMNS);
    }

    #[test]
    fn numbers_are_readable() {
        assert_eq!(thousands(0_u64), "0");
        assert_eq!(thousands(999_u64), "999");
        assert_eq!(thousands(8192_usize), "8,192");
        assert_eq!(thousands(1_234_567_u64), "1,234,567");
        assert_eq!(bytes(999), "999 B");
        assert_eq!(bytes(1_500), "1.50 kB");
        assert_eq!(bytes(2_340_000_000), "2.34 GB");
        assert_eq!(seconds(0.000_038_52), "38.5 µs");
        assert_eq!(seconds(0.012_34), "12.3 ms");
        assert_eq!(seconds(59.94), "59.9 s");
        assert_eq!(percent(0.9846), "98.46 %");
    }
}
