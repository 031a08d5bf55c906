//! CSV files: an image in each line, or the labels of images.

use std::path::Path;

use csv::{ByteRecord, ReaderBuilder};

use super::{ImagesError, Inversion, Read, Reading, places};

/// Names of a column with labels.
const LABEL_NAMES: [&str; 5] = ["label", "labels", "class", "target", "y"];

/// A table in memory. Commas, semicolons and tabs separate its columns.
pub(super) struct Table<'a> {
    bytes: &'a [u8],
    delimiter: u8,
}

impl<'a> Table<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let line = bytes.split(|&b| b == b'\n').next().unwrap_or_default();
        let count = |&delimiter: &u8| line.split(|&b| b == delimiter).count();
        // The first of equals is the last that `max_by_key` sees.
        let delimiter = [b'\t', b';', b','].into_iter().max_by_key(count);
        Self {
            bytes,
            delimiter: delimiter.unwrap_or(b','),
        }
    }

    /// Calls `each` with every record and the number of its line.
    pub(super) fn records(
        &self,
        mut each: impl FnMut(&ByteRecord, u64) -> Result<(), String>,
    ) -> Result<(), String> {
        let mut reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(self.delimiter)
            .from_reader(self.bytes);
        let mut record = ByteRecord::new();
        while reader
            .read_byte_record(&mut record)
            .map_err(|error| error.to_string())?
        {
            let line = record.position().map_or(0, csv::Position::line);
            each(&record, line)?;
        }
        Ok(())
    }

    /// Returns the first record's fields and the number of records.
    pub(super) fn survey(&self) -> Result<(Vec<String>, usize), String> {
        let (mut first, mut count) = (Vec::new(), 0);
        self.records(|record, _| {
            if count == 0 {
                first = record.iter().map(text).collect();
            }
            count += 1;
            Ok(())
        })?;
        Ok((first, count))
    }
}

/// Returns a field as text, without blanks around it.
pub(super) fn text(field: &[u8]) -> String {
    String::from_utf8_lossy(field.trim_ascii()).into_owned()
}

/// Finds the column with labels in the first record. The record is a header if it has a name of such a column.
pub(super) fn label_column(first: &[String], given: Option<&str>) -> Result<Option<usize>, String> {
    let Some(given) = given else {
        let named = |name: &String| LABEL_NAMES.contains(&name.to_ascii_lowercase().as_str());
        let mut found = (0..first.len()).filter(|&column| named(&first[column]));
        return match (found.next(), found.next()) {
            (column, None) => Ok(column),
            (Some(one), Some(two)) => Err(format!(
                "columns {} and {} could both be the labels; name the label column",
                one + 1,
                two + 1
            )),
            (None, Some(_)) => Ok(None),
        };
    };
    if let Some(column) = first.iter().position(|name| name == given) {
        // A header may have numbers for names, but such a number is rather meant as the column's.
        if given.parse::<usize>().is_err() {
            return Ok(Some(column));
        }
    }
    match given.parse::<usize>() {
        Ok(number) if (1..=first.len()).contains(&number) => Ok(Some(number - 1)),
        Ok(_) => Err(format!(
            "there is no column {given}: it has {} columns, counted from 1",
            first.len()
        )),
        Err(_) => Err(format!(
            "the first line has no column named `{}`; give its name or its number from 1",
            given.escape_debug()
        )),
    }
}

/// Tells whether the first record is a header: it has a name of a label column, or no number beside the label, or
/// numbers that only count.
fn is_header(first: &[String], label: Option<usize>, given: Option<&str>) -> bool {
    let by_name = label.is_some_and(|column| {
        let name = first[column].as_str();
        LABEL_NAMES.contains(&name.to_ascii_lowercase().as_str())
            || given == Some(name) && name.parse::<f64>().is_err()
    });
    let others = || {
        (0..first.len())
            .filter(|&c| Some(c) != label)
            .map(|c| first[c].as_str())
    };
    let no_number = others().all(|field| field.parse::<f64>().is_err());
    let counts = |from: usize| {
        others()
            .enumerate()
            .all(|(i, field)| field.parse() == Ok(i + from))
    };
    by_name || no_number || first.len() > 4 && (counts(0) || counts(1))
}

/// Reads a table of pixels.
pub(super) fn read(reading: &Reading<'_>, path: &Path, bytes: &[u8]) -> Result<Read, ImagesError> {
    let refused = |reason: String| ImagesError::refused(path, reason);
    let size = reading.shape.len();
    let table = Table::new(bytes);
    let (first, records) = table.survey().map_err(refused)?;
    // With a file of labels, the named column is that file's.
    let options = reading.options;
    let given = options
        .label_column
        .as_deref()
        .filter(|_| options.labels.is_none());
    let label = label_column(&first, given).map_err(refused)?;
    let columns = size + usize::from(label.is_some());
    if first.len() != columns {
        return Err(refused(wrong_columns(first.len(), size, label, reading)));
    }
    let header = usize::from(is_header(&first, label, given));
    let total = records - header;
    let range = reading.select(path, total)?;
    let mut pixels = Vec::with_capacity(range.len() * size);
    let mut labels = label.map(|_| Vec::with_capacity(range.len()));
    let mut number = 0;
    let read = table.records(|record, line| {
        let image = (number >= header).then(|| number - header);
        number += 1;
        if !image.is_some_and(|image| range.contains(&image)) {
            return Ok(());
        }
        if record.len() != columns {
            return Err(format!(
                "line {line} has {} columns, the first line has {columns}; it may be cut off",
                record.len()
            ));
        }
        for (column, field) in record.iter().enumerate() {
            if Some(column) == label {
                labels.get_or_insert_default().push(text(field));
                continue;
            }
            let value = pixel(field).ok_or_else(|| {
                format!(
                    "line {line}, column {}: `{}` is no whole number from 0 to 255; undo any normalisation",
                    column + 1,
                    text(field).chars().take(20).collect::<String>().escape_debug()
                )
            })?;
            pixels.push(value);
        }
        Ok(())
    });
    read.map_err(refused)?;
    Ok(Read {
        kind: Inversion::Plain,
        pixels,
        names: places(path, &range)?,
        labels,
        skipped: 0,
        total,
        range,
    })
}

fn wrong_columns(found: usize, size: usize, label: Option<usize>, reading: &Reading<'_>) -> String {
    let shape = reading.shape;
    match label {
        None if found == size + 1 => format!(
            "it has {found} columns, one more than an image of {shape} has pixels; name the label column, by its name \
             in the first line or by its number (often 1)"
        ),
        None => format!(
            "it has {found} columns, expected {size}, the pixels of an image of {shape}, and perhaps one of labels"
        ),
        Some(column) => format!(
            "beside the labels in column {} it has {} columns, expected {size}, the pixels of an image of {shape}; a \
             column of row numbers must be left out (pandas: index=False)",
            column + 1,
            found - 1
        ),
    }
}

fn pixel(field: &[u8]) -> Option<u8> {
    let field = std::str::from_utf8(field.trim_ascii()).ok()?;
    if let Ok(value) = field.parse() {
        return Some(value);
    }
    let value: f64 = field.parse().ok()?;
    (value.fract() == 0.0 && (0.0..=255.0).contains(&value)).then_some(value as u8)
}
