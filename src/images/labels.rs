//! Files of labels: IDX, a NumPy array, CSV, or a label in each line.

use std::path::Path;

use super::{
    ImagesError,
    input::{self, read_file},
    npy,
    table::{self, Table},
};
use crate::data::idx;

/// Most bytes of a file of labels.
const MAX_BYTES: u64 = 1 << 28;

/// Reads the labels of `images` images.
pub(super) fn read(
    path: &Path,
    column: Option<&str>,
    images: usize,
) -> Result<Vec<String>, ImagesError> {
    let refused = |reason: String| ImagesError::refused(path, reason);
    let bytes = read_file(path, MAX_BYTES)?;
    let labels = if bytes.starts_with(b"\0\0") {
        let file = idx::parse(&bytes, 1)
            .map_err(|reason| refused(format!("no IDX file of labels: {reason}")))?;
        file.data.iter().map(u8::to_string).collect()
    } else if bytes.starts_with(b"\x93NUMPY") {
        let array = npy::parse(&bytes).map_err(refused)?;
        array.labels().map_err(refused)?
    } else {
        of_text(&bytes, column, images).map_err(|reason| match input::describe(&bytes) {
            Some(kind) if bytes.contains(&0) || std::str::from_utf8(&bytes).is_err() => {
                refused(format!("no file of labels: this is {kind}"))
            }
            _ => refused(reason),
        })?
    };
    if labels.len() != images {
        return Err(refused(format!(
            "{} labels for {images} images; give one for each image of the input, in the same order (also for those \
             that a range leaves out)",
            labels.len()
        )));
    }
    Ok(labels)
}

fn of_text(bytes: &[u8], column: Option<&str>, images: usize) -> Result<Vec<String>, String> {
    let words = "labels are read from IDX, a NumPy array, CSV, or text with a label in each line";
    let text = std::str::from_utf8(bytes).map_err(|_| format!("no text in UTF-8; {words}"))?;
    let text = text
        .strip_prefix('\u{feff}')
        .unwrap_or(text)
        .trim_ascii_end();
    if text.is_empty() {
        return Err(format!("it holds no label; {words}"));
    }
    if text.contains('\0') {
        return Err(format!("no text; {words}"));
    }
    let first = text.lines().next().unwrap_or_default();
    if column.is_none() && !first.contains([',', ';', '\t']) {
        let mut labels = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let label = line.trim_ascii();
            if label.is_empty() {
                return Err(format!("line {} has no label", number + 1));
            }
            labels.push(label.to_owned());
        }
        let is_header =
            |first: &String| table::label_column(std::slice::from_ref(first), None) == Ok(Some(0));
        if labels.len() == images + 1 && labels.first().is_some_and(is_header) {
            labels.remove(0);
        }
        return Ok(labels);
    }
    let table = Table::new(text.as_bytes());
    let (first, records) = table.survey()?;
    let found = table::label_column(&first, column)?;
    let at = match found {
        Some(at) => at,
        None if first.len() == 1 => 0,
        None => {
            return Err(format!(
                "which of the {} columns has the labels is not clear; name it, by its name in the first line or by its \
                 number from 1",
                first.len()
            ));
        }
    };
    // A column found by its name has a header, one given by its number may have one.
    let by_name = column.is_none_or(|column| column.parse::<usize>().is_err());
    let header = by_name && found.is_some() || records == images + 1;
    let mut labels = Vec::new();
    let mut number = 0;
    table.records(|record, line| {
        number += 1;
        if header && number == 1 {
            return Ok(());
        }
        let label = record.get(at).map(table::text).unwrap_or_default();
        if label.is_empty() {
            return Err(format!("line {line} has no label in column {}", at + 1));
        }
        labels.push(label);
        Ok(())
    })?;
    Ok(labels)
}
