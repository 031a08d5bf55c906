//! Tables on standard output, and the numbers in them.
//!
//! A table fits the terminal. Cells are wrapped between words, and numbers stay with their units. Columns for which
//! there is no room form a second table below, with the first column repeated. In a pipe or a file nothing is wrapped.

use comfy_table::{
    Attribute, Cell, CellAlignment, ColumnConstraint, ContentArrangement, Table, Width, presets,
};
use console::measure_text_width;
use indicatif::HumanCount;

/// Smallest width of a table, in columns.
const MIN_COLUMNS: usize = 40;
/// A space at which a line is not broken. It is printed as an ordinary space.
const NO_BREAK: char = '\u{a0}';

/// Builds a table with a header; every column but the first is aligned to the right. Empty columns are left out.
pub(super) fn columns(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let rows = rows.into_iter().collect();
    TableGrid::new(header, rows, str::is_empty).fitted(super::terminal::columns())
}

/// Builds a table like [`columns`], for counts: columns that count nothing are left out, too.
pub(super) fn counts(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let rows = rows.into_iter().collect();
    TableGrid::new(header, rows, nothing).fitted(super::terminal::columns())
}

/// Tells whether a cell counts nothing.
fn nothing(cell: &str) -> bool {
    cell.is_empty() || cell == "0"
}

/// Builds a table of names and values.
pub(super) fn facts<N: Into<String>>(rows: impl IntoIterator<Item = (N, String)>) -> String {
    let rows = rows
        .into_iter()
        .map(|(name, value)| vec![name.into(), value]);
    TableGrid {
        header: Vec::new(),
        rows: rows.collect(),
    }
    .fitted(super::terminal::columns())
}

/// Cells in rows, with a header or without.
struct TableGrid {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl TableGrid {
    /// Drops the columns in which all cells say nothing, except the first column.
    fn new(header: &[&str], mut rows: Vec<Vec<String>>, silent: impl Fn(&str) -> bool) -> Self {
        let speaks = |column: usize| {
            let mut cells = rows.iter().filter_map(|row| row.get(column));
            column == 0 || rows.is_empty() || cells.any(|cell| !silent(cell))
        };
        let kept: Vec<usize> = (0..header.len()).filter(|&column| speaks(column)).collect();
        let cell = |row: &[String], column: usize| row.get(column).cloned().unwrap_or_default();
        for row in &mut rows {
            *row = kept.iter().map(|&column| cell(row, column)).collect();
        }
        let header = kept.iter().filter_map(|&column| header.get(column));
        Self {
            header: header.map(|&text| text.to_owned()).collect(),
            rows,
        }
    }

    fn lines(&self) -> impl Iterator<Item = &Vec<String>> {
        std::iter::once(&self.header).chain(&self.rows)
    }

    /// Returns the width of each column's widest cell by this measure.
    fn widths(&self, measure: impl Fn(&str) -> usize) -> Vec<usize> {
        let columns = self.lines().map(Vec::len).max().unwrap_or(0);
        let widest = |column: usize| {
            let cells = self.lines().filter_map(|line| line.get(column));
            cells.map(|cell| measure(cell)).max().unwrap_or(0)
        };
        (0..columns).map(widest).collect()
    }

    fn fitted(mut self, columns: Option<usize>) -> String {
        let Some(columns) = columns else {
            let widths = self.widths(measure_text_width);
            return self.part(&(0..widths.len()).collect::<Vec<_>>(), &widths);
        };
        let columns = columns.max(MIN_COLUMNS);
        let has_header = !self.header.is_empty();
        if has_header {
            // A number and its unit stay together; names of layers may be wrapped.
            for row in &mut self.rows {
                for cell in row.iter_mut().skip(1) {
                    *cell = cell.replace(' ', &NO_BREAK.to_string());
                }
            }
        }
        let natural = self.widths(measure_text_width);
        let least = self.widths(longest_word);
        // Put as many columns into each part as fit, in order; the columns of a table without a header stay together.
        let mut parts: Vec<Vec<usize>> = Vec::new();
        for column in 0..least.len() {
            let room = |part: &[usize]| {
                let cells: usize = part.iter().chain([&column]).map(|&c| least[c]).sum();
                cells + frame(part.len() + 1) <= columns
            };
            match parts.last_mut() {
                Some(part) if part.len() < 2 || !has_header || room(part) => part.push(column),
                Some(_) => parts.push(vec![0, column]),
                None => parts.push(vec![column]),
            }
        }
        let tables: Vec<String> = parts
            .iter()
            .map(|part| {
                let widths = share(part, &natural, &least, columns);
                self.part(part, &widths).replace(NO_BREAK, " ")
            })
            .collect();
        tables.join("\n")
    }

    /// Formats some of the columns with these widths.
    fn part(&self, part: &[usize], widths: &[usize]) -> String {
        let mut table = Table::new();
        table.load_style(presets::UTF8_FULL_CONDENSED);
        table.set_content_arrangement(ContentArrangement::Dynamic);
        let pick = |line: &[String]| -> Vec<String> {
            part.iter()
                .map(|&column| line.get(column).cloned().unwrap_or_default())
                .collect()
        };
        if !self.header.is_empty() {
            let cells = pick(&self.header).into_iter();
            table.set_header(cells.map(|text| Cell::new(text).add_attribute(Attribute::Bold)));
        }
        table.add_rows(self.rows.iter().map(|row| pick(row)));
        for (index, (column, &width)) in table.column_iter_mut().zip(widths).enumerate() {
            // A space on each side.
            let width = u16::try_from(width + 2).unwrap_or(u16::MAX);
            column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(width)));
            if index > 0 && !self.header.is_empty() {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        table.to_string()
    }
}

/// Returns the width of everything around the cells of so many columns: a space on each side, and lines between and
/// around them.
const fn frame(columns: usize) -> usize {
    3 * columns + 1
}

/// Computes the widths of a part's columns. They are as wide as their cells if there is room; otherwise the widest
/// columns shrink, but never so far that a word would be broken.
fn share(part: &[usize], natural: &[usize], least: &[usize], columns: usize) -> Vec<usize> {
    let mut widths: Vec<usize> = part.iter().map(|&column| natural[column]).collect();
    let available = columns.saturating_sub(frame(part.len()));
    while widths.iter().sum::<usize>() > available {
        let wide = widths.iter_mut().zip(part);
        let wide = wide.filter(|(width, column)| **width > least[**column]);
        match wide.max_by_key(|(width, _)| **width) {
            Some((width, _)) => *width -= 1,
            None => break,
        }
    }
    widths
}

/// Returns the width of the longest word, below which a line cannot shrink.
fn longest_word(text: &str) -> usize {
    text.split([' ', '\n'])
        .map(measure_text_width)
        .max()
        .unwrap_or(0)
}

/// Breaks text between words into lines of at most `columns` columns; returns it unchanged if there is no limit.
pub(super) fn paragraph(text: &str, columns: Option<usize>) -> String {
    let Some(columns) = columns.map(|columns| columns.max(MIN_COLUMNS)) else {
        return text.to_owned();
    };
    let mut out = String::with_capacity(text.len());
    let mut used = 0;
    for word in text.split(' ') {
        let width = measure_text_width(word);
        if used > 0 && used + 1 + width > columns {
            out.push('\n');
            used = 0;
        } else if used > 0 {
            out.push(' ');
            used += 1;
        }
        out.push_str(word);
        used += width;
    }
    out
}

/// Formats a number with a thousands separator: `8,192`.
pub(super) fn thousands(number: impl TryInto<u64>) -> String {
    let count = number.try_into().map(HumanCount);
    count.map_or_else(|_| String::new(), |count| count.to_string())
}

/// Formats bytes in decimal units with at least three digits: `1.23 GB`.
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

/// Formats a duration given in seconds: with three digits below 100.
pub(super) fn seconds(seconds: f64) -> String {
    match seconds {
        s if s < 1e-3 => format!("{:.1} µs", s * 1e6),
        s if s < 0.1 => format!("{:.1} ms", s * 1e3),
        s if s < 10.0 => format!("{s:.2} s"),
        s if s < 100.0 => format!("{s:.1} s"),
        s => format!("{s:.0} s"),
    }
}

/// Formats a fraction in percent.
pub(super) fn percent(fraction: f64) -> String {
    format!("{:.2} %", fraction * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes rows of cells that `|` separates.
    fn rows(rows: &[&str]) -> Vec<Vec<String>> {
        let row = |row: &&str| row.split('|').map(str::to_owned).collect();
        rows.iter().map(row).collect()
    }

    /// A table as a large network has it: names of joined layers, wide numbers.
    fn large() -> TableGrid {
        let header = [
            "layer",
            "ciphertexts",
            "polynomials",
            "additions",
            "products",
            "squares",
            "noise budget left, bits",
            "predicted time",
        ];
        let rows = rows(&[
            "conv1 + square1 + pool1|7,200|3|123,456,789|1,234,567|28,800|145.3|1.23 s",
            "linear1 + linear2|10|9|9,876,543|0|0|12.0|123 ms",
        ]);
        TableGrid::new(&header, rows, str::is_empty)
    }

    /// Fits a table to so many columns; checks that it keeps to them and that no word is broken.
    fn fit(grid: TableGrid, columns: usize) -> String {
        let cells: Vec<String> = grid.lines().flatten().cloned().collect();
        let text = grid.fitted(Some(columns));
        for line in text.lines() {
            assert!(measure_text_width(line) <= columns, "{columns}:\n{text}");
        }
        let shown = words(&text);
        for word in cells.iter().flat_map(|cell| cell.split(' ')) {
            let whole = shown.contains(&word);
            assert!(whole, "{word} is broken at {columns}:\n{text}");
        }
        text
    }

    /// Returns all words in the cells of `text`.
    fn words(text: &str) -> Vec<&str> {
        text.split(|c: char| c.is_whitespace() || "│┆╞╡═╪┌┐└┘─┬┴├┤┼╌".contains(c))
            .filter(|word| !word.is_empty())
            .collect()
    }

    #[test]
    fn tables_fit_and_no_word_or_number_is_broken() {
        for columns in [60, 80, 120] {
            let text = fit(large(), columns);
            // A number stands beside its unit.
            assert!(text.contains("1.23 s") && text.contains("123 ms"), "{text}");
        }
    }

    #[test]
    fn facts_fit_where_words_do() {
        for columns in [60, 80, 120] {
            let rows = rows(&[
                "machine|AMD EPYC 9B45, 2 threads, SEAL 4.0.0 with HEXL and some more words to wrap",
                "parameters|N = 8192, log2 q = 214 (46 + 46 + 46 + 46 + 30), t = 65537 * 114689",
            ]);
            let header = Vec::new();
            fit(TableGrid { header, rows }, columns);
        }
    }

    #[test]
    fn only_a_terminal_wraps_cells() {
        let text = large().fitted(None);
        assert_eq!(text.lines().count(), 3 + 2 + 1, "{text}");
        let narrow = large().fitted(Some(10));
        let widths = narrow.lines().map(measure_text_width);
        assert!(widths.max() <= Some(MIN_COLUMNS), "{narrow}");
    }

    #[test]
    fn columns_that_count_nothing_are_left_out() {
        let rows = rows(&["a|0|1|", "b|0|0|"]);
        let header = ["layer", "squares", "additions", "time"];
        let text = TableGrid::new(&header, rows.clone(), nothing).fitted(None);
        let has = |word: &str| text.contains(word);
        assert!(has("additions") && has("layer"), "{text}");
        assert!(!has("squares") && !has("time"), "{text}");
        // A zero that is a result stays.
        let text = TableGrid::new(&header, rows, str::is_empty).fitted(None);
        assert!(text.contains("squares") && !text.contains("time"), "{text}");
    }

    #[test]
    fn paragraphs_are_broken_between_words() {
        let text = "one two three four five six seven eight nine ten eleven";
        assert_eq!(paragraph(text, None), text);
        let broken = paragraph(text, Some(40));
        assert!(broken.lines().all(|line| line.len() <= 40) && broken.lines().count() == 2);
        assert_eq!(broken.replace('\n', " "), text);
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
