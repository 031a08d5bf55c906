//! NumPy's format of an array (.npy, versions 1 to 3).
//!
//! A file is a magic number, the length of a text, the text, and the elements. The text is a Python dictionary with three
//! known keys. It is parsed here, strictly and without recursion: the crates for this format parse any Python literal, by
//! a recursive parser, into a buffer of the length that the file states.

use std::path::Path;

use super::{
    ImagesError, Read, Reading,
    array::{self, Array, ArrayHeader, Element},
};

/// Longest text of a header that is read. NumPy itself refuses more than 10,000 bytes.
pub(super) const MAX_HEADER: usize = 1 << 16;

const MAGIC: &[u8] = b"\x93NUMPY";

/// Reads an array as images.
pub(super) fn read(reading: &Reading<'_>, path: &Path, bytes: &[u8]) -> Result<Read, ImagesError> {
    let array = parse(bytes).map_err(|reason| ImagesError::refused(path, reason))?;
    array::read(reading, path, &array)
}

/// Parses a file, whose length must be exactly what its header states.
pub(super) fn parse(bytes: &[u8]) -> Result<Array<'_>, String> {
    let (header, data) = split_header(bytes)?;
    let expected = header.data_bytes();
    match expected {
        Some(expected) if expected == data.len() as u64 => Ok(Array { header, data }),
        Some(expected) if expected > data.len() as u64 => Err(format!(
            "the array ends too early: {} bytes of {expected}; copy or save it again",
            data.len()
        )),
        Some(expected) => Err(format!(
            "{} bytes follow the array; save one array in a file",
            data.len() as u64 - expected
        )),
        None => Err("the array states an impossible size".to_owned()),
    }
}

/// Number of bytes before the text of the header, and of the text, from the first bytes of a file.
pub(super) fn header_lengths(start: &[u8]) -> Result<(usize, usize), String> {
    let early = || "the array's header ends too early".to_owned();
    let rest = start
        .strip_prefix(MAGIC)
        .ok_or("no NumPy array: the magic number is missing")?;
    let (before, length) = match *rest {
        [1, _, low, high, ..] => (10, usize::from(u16::from_le_bytes([low, high]))),
        [2 | 3, _, a, b, c, d, ..] => (12, u32::from_le_bytes([a, b, c, d]) as usize),
        [1..=3, ..] | [] => return Err(early()),
        [version, ..] => {
            return Err(format!(
                "a NumPy array of version {version}, expected 1 to 3"
            ));
        }
    };
    if length > MAX_HEADER {
        return Err(format!(
            "the array's header has {length} bytes, more than {MAX_HEADER}; save the array as uint8"
        ));
    }
    Ok((before, length))
}

/// Splits a file into its header and what follows.
pub(super) fn split_header(bytes: &[u8]) -> Result<(ArrayHeader, &[u8]), String> {
    let (before, length) = header_lengths(bytes)?;
    let text = bytes
        .get(before..before + length)
        .ok_or("the array's header ends too early")?;
    // Only names of fields, which are refused, may be other than ASCII.
    let text = std::str::from_utf8(text).map_err(|_| "the array's header is no text".to_owned())?;
    Ok((header(text)?, &bytes[before + length..]))
}

/// Parses the text of a header, like `{'descr': '|u1', 'fortran_order': False, 'shape': (2, 28, 28), }`.
fn header(text: &str) -> Result<ArrayHeader, String> {
    let (mut descr, mut fortran, mut dims) = (None, None, None);
    let mut rest = Rest(text);
    rest.expect('{')?;
    while !rest.eat('}') {
        let key = rest.string()?;
        rest.expect(':')?;
        let is_new = match key {
            "descr" => descr.replace(rest.descr()?).is_none(),
            "fortran_order" => fortran.replace(rest.boolean()?).is_none(),
            "shape" => dims.replace(rest.tuple()?).is_none(),
            _ => false,
        };
        if !is_new {
            return Err("the array's header has an unknown key, or one twice".to_owned());
        }
        if !rest.eat(',') {
            rest.expect('}')?;
            break;
        }
    }
    if !rest.0.trim_ascii().is_empty() {
        return Err("text follows the array's header".to_owned());
    }
    let (Some(descr), Some(fortran), Some(dims)) = (descr, fortran, dims) else {
        return Err("the array's header lacks descr, fortran_order or shape".to_owned());
    };
    let (element, big_endian) = element(descr)?;
    Ok(ArrayHeader {
        element,
        big_endian,
        fortran,
        dims,
    })
}

/// Parses a type like `<f4`: the order of bytes, the kind, the size.
fn element(descr: &str) -> Result<(Element, bool), String> {
    let refused = |what: &str| {
        Err(format!(
            "an array of {what} (`{}`); save the pixels as uint8",
            descr.escape_default()
        ))
    };
    let big_endian = descr.starts_with('>');
    let kind = descr.strip_prefix(['<', '>', '|', '=']).unwrap_or(descr);
    let split = kind.char_indices().nth(1).map_or(kind.len(), |(at, _)| at);
    let (kind, size) = kind.split_at(split);
    let element = match (kind, size.parse::<usize>()) {
        ("u", Ok(bytes @ (1 | 2 | 4 | 8))) => Element::Unsigned(bytes),
        ("i", Ok(bytes @ (1 | 2 | 4 | 8))) => Element::Signed(bytes),
        ("f", Ok(bytes @ (4 | 8))) => Element::Float(bytes),
        ("U", Ok(characters @ 1..=1024)) => Element::Text(characters),
        ("b", _) => return refused("truth values"),
        ("O", _) => return refused("Python objects, which only Python can read"),
        ("V", _) => return refused("records"),
        ("f", _) => return refused("floating-point numbers of this size"),
        ("c", _) => return refused("complex numbers"),
        _ => return refused("other things than numbers"),
    };
    Ok((element, big_endian))
}

/// The text that is not parsed yet.
struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    fn eat(&mut self, c: char) -> bool {
        match self.0.trim_ascii_start().strip_prefix(c) {
            Some(rest) => {
                self.0 = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, c: char) -> Result<(), String> {
        if self.eat(c) {
            return Ok(());
        }
        Err(format!("the array's header is malformed: `{c}` is missing"))
    }

    fn string(&mut self) -> Result<&'a str, String> {
        let start = self.0.trim_ascii_start();
        let quote = start.chars().next().filter(|c| ['\'', '"'].contains(c));
        let parts = quote.and_then(|quote| start[1..].split_once(quote));
        let (string, rest) = parts.ok_or("the array's header is malformed: a string is missing")?;
        self.0 = rest;
        Ok(string)
    }

    fn descr(&mut self) -> Result<&'a str, String> {
        if self.0.trim_ascii_start().starts_with('[') {
            return Err("an array of records; save the pixels as uint8".to_owned());
        }
        self.string()
    }

    fn boolean(&mut self) -> Result<bool, String> {
        let start = self.0.trim_ascii_start();
        for (word, value) in [("True", true), ("False", false)] {
            if let Some(rest) = start.strip_prefix(word) {
                self.0 = rest;
                return Ok(value);
            }
        }
        Err("the array's header is malformed: True or False is missing".to_owned())
    }

    fn tuple(&mut self) -> Result<Vec<usize>, String> {
        let mut numbers = Vec::new();
        self.expect('(')?;
        while !self.eat(')') {
            let start = self.0.trim_ascii_start();
            let end = start
                .find(|c: char| !c.is_ascii_digit())
                .unwrap_or(start.len());
            let number = start[..end].parse();
            numbers.push(number.map_err(|_| "the array's shape is malformed".to_owned())?);
            // Python 2 wrote an L behind long integers.
            self.0 = start[end..].trim_start_matches('L');
            if !self.eat(',') {
                self.expect(')')?;
                break;
            }
        }
        // NumPy allows 64 axes.
        if numbers.len() > 64 {
            return Err("the array has more than 64 axes".to_owned());
        }
        Ok(numbers)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at a surprise")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn headers_are_read_as_numpy_writes_them() {
        let expected = ArrayHeader {
            element: Element::Unsigned(1),
            big_endian: false,
            fortran: false,
            dims: vec![2, 28, 28],
        };
        for text in [
            "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 28, 28), }          \n",
            "{'shape':(2L,28L,28L),'descr':\"|u1\",'fortran_order':False}",
        ] {
            assert_eq!(header(text).unwrap(), expected);
        }
        let other = header("{'descr': '>f8', 'fortran_order': True, 'shape': (5,), }\n").unwrap();
        assert_eq!((other.element, other.big_endian), (Element::Float(8), true));
        assert_eq!((other.fortran, other.dims), (true, vec![5]));
        let scalar = header("{'descr': '<i4', 'fortran_order': False, 'shape': (), }").unwrap();
        assert_eq!(scalar.data_bytes(), Some(4));
    }

    #[test]
    fn headers_of_other_things_are_refused_in_words() {
        let with = |descr: &str, shape: &str| {
            header(&format!(
                "{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}"
            ))
            .unwrap_err()
        };
        for (descr, says) in [
            ("'|b1'", "truth values"),
            ("'|O'", "Python objects"),
            ("'<f2'", "floating-point numbers of this size"),
            ("'<c16'", "complex"),
            ("'|V3'", "records"),
            ("[('a', '<f4')]", "records"),
            ("'<M8[ns]'", "other things"),
            ("'<u3'", "other things"),
            ("''", "other things"),
            ("'é9'", "other things"),
            ("7", "a string is missing"),
        ] {
            let error = with(descr, "(2,)");
            assert!(error.contains(says), "{descr}: {error}");
        }
        for shape in [
            "(-1,)",
            "(2.5,)",
            "5",
            "(99999999999999999999,)",
            "(2",
            "(2 3)",
            "((((2",
        ] {
            assert!(
                with("'|u1'", shape).contains("header is malformed")
                    || with("'|u1'", shape).contains("shape is"),
                "{shape}"
            );
        }
        for text in [
            "",
            "{",
            "{}",
            "{'descr': '|u1'}",
            "{'x': 1}",
            "{'descr': '|u1', 'descr': '|u1'}",
        ] {
            assert!(header(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_a_header_promises_is_checked_before_it_is_believed() {
        let file = |version: u8, length: u32, text: &str| {
            let mut bytes = [MAGIC, &[version, 0]].concat();
            match version {
                1 => bytes.extend((length as u16).to_le_bytes()),
                _ => bytes.extend(length.to_le_bytes()),
            }
            bytes.extend(text.as_bytes());
            bytes
        };
        assert!(
            parse(&file(2, u32::MAX, "{"))
                .unwrap_err()
                .contains("more than 65536")
        );
        assert!(parse(&file(1, 500, "{")).unwrap_err().contains("too early"));
        assert!(parse(&file(9, 1, "{")).unwrap_err().contains("version 9"));
        assert!(parse(b"\x93NUMPY").unwrap_err().contains("too early"));
        assert!(parse(b"NUMPY").unwrap_err().contains("magic"));
        let huge = "{'descr': '<f8', 'fortran_order': False, 'shape': (4294967296, 4294967296), }";
        let error = parse(&file(1, huge.len() as u32, huge)).unwrap_err();
        assert!(error.contains("impossible size"), "{error}");
        let nested = "(".repeat(60_000);
        assert!(parse(&file(2, 60_000, &nested)).is_err());
        let two = "{'descr': '|u1', 'fortran_order': False, 'shape': (2,), }";
        let array = |data: &str| file(1, two.len() as u32, &format!("{two}{data}"));
        assert_eq!(parse(&array("ab")).unwrap().data, b"ab");
        assert!(parse(&array("a")).unwrap_err().contains("1 bytes of 2"));
        assert!(parse(&array("abc")).unwrap_err().contains("1 bytes follow"));
    }

    proptest! {
        #[test]
        fn any_header_is_parsed_or_refused(text in "[{}()':,a-z0-9<>| ]{0,80}") {
            let _ = header(&text);
        }

        #[test]
        fn any_bytes_are_parsed_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = parse(&[MAGIC, &bytes].concat());
        }
    }
}
