//! Every form of input and every error, with files made here.
#![allow(clippy::unwrap_used, reason = "a test may stop at a surprise")]

mod arrays;
mod pictures;
mod tables;

use std::{
    fs,
    io::{Cursor, Write as _},
    path::{Path, PathBuf},
};

use flate2::{Compression, write::GzEncoder};
use image::{
    DynamicImage, GrayImage, ImageEncoder as _, ImageFormat, Rgb, RgbImage, RgbaImage,
    codecs::{jpeg::JpegEncoder, png::PngEncoder},
};
use tempfile::TempDir;
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use super::*;

const GREY: Shape = Shape::new(1, 4, 3);
const COLOUR: Shape = Shape::new(3, 2, 3);

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn write(folder: &TempDir, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.path().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, bytes).unwrap();
    path
}

fn read_all(path: &Path, shape: Shape, options: &ReadOptions) -> Result<Pictures, ImagesError> {
    read(&[path.to_owned()], shape, options, &mut |_| ())
}

fn read_one(path: &Path, shape: Shape) -> Pictures {
    read_all(path, shape, &ReadOptions::default()).unwrap()
}

/// Returns the words of an error, which must name the file and be one line.
fn refusal(path: &Path, shape: Shape) -> String {
    refusal_with(path, shape, &ReadOptions::default())
}

fn refusal_with(path: &Path, shape: Shape, options: &ReadOptions) -> String {
    let error = read_all(path, shape, options).unwrap_err().to_string();
    let name = path.file_name().unwrap().to_str().unwrap();
    assert!(error.contains(name), "{name} is not named: {error}");
    assert!(!error.contains('\n') && error.len() < 600, "{error}");
    error
}

fn has(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is missing in: {text}");
    }
}

fn inverted() -> ReadOptions {
    ReadOptions {
        invert: true,
        ..ReadOptions::default()
    }
}

fn with_labels(path: &Path) -> ReadOptions {
    ReadOptions {
        labels: Some(path.to_owned()),
        ..ReadOptions::default()
    }
}

fn png(image: impl Into<DynamicImage>) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    let image: DynamicImage = image.into();
    image.write_to(&mut bytes, ImageFormat::Png).unwrap();
    bytes.into_inner()
}

fn grey(width: u32, height: u32, pixels: &[u8]) -> GrayImage {
    GrayImage::from_raw(width, height, pixels.to_vec()).unwrap()
}

/// Twelve pixels, which are an image of [`GREY`].
fn ramp() -> Vec<u8> {
    (0..12).map(|i| i * 20).collect()
}

fn npy(descr: &str, fortran: bool, dims: &[usize], data: &[u8]) -> Vec<u8> {
    let order = if fortran { "True" } else { "False" };
    let dims: Vec<String> = dims.iter().map(|dim| format!("{dim}, ")).collect();
    let dims = dims.concat();
    let text = format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': ({dims}), }}");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    let length = (text.len() + 11).next_multiple_of(64) - 10;
    bytes.extend((length as u16).to_le_bytes());
    bytes.extend(format!("{text:<width$}\n", width = length - 1).bytes());
    bytes.extend(data);
    bytes
}

fn npz(arrays: &[(&str, Vec<u8>)], method: CompressionMethod) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(method);
    for (name, bytes) in arrays {
        zip.start_file(*name, options).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn idx_file(dims: &[u32], data: &[u8]) -> Vec<u8> {
    let mut out = vec![0, 0, 8, u8::try_from(dims.len()).unwrap()];
    out.extend(dims.iter().flat_map(|d| d.to_be_bytes()));
    out.extend(data);
    out
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gz = GzEncoder::new(Vec::new(), Compression::fast());
    gz.write_all(bytes).unwrap();
    gz.finish().unwrap()
}

fn error_of(what: &[PathBuf], shape: Shape) -> String {
    read(what, shape, &ReadOptions::default(), &mut |_| ())
        .unwrap_err()
        .to_string()
}
