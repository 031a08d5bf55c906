//! Every form of input and every error, with files made here.
#![allow(clippy::unwrap_used, reason = "a test may stop at a surprise")]

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

#[test]
fn a_picture_of_the_right_size_keeps_its_pixels() {
    let dir = folder();
    let path = write(&dir, "a.png", png(grey(3, 4, &ramp())));
    let pictures = read_one(&path, GREY);
    assert_eq!(pictures.image(0), ramp());
    assert_eq!(pictures.names(), [path.to_str().unwrap()]);
    assert_eq!(
        (pictures.len(), pictures.labels(), pictures.skipped()),
        (1, None, 0)
    );
    assert_eq!(pictures.image(1), [0_u8; 0]);
    assert_eq!(pictures.image(usize::MAX), [0_u8; 0]);
    let other: Vec<u8> = ramp().iter().map(|v| 255 - v).collect();
    assert_eq!(read_all(&path, GREY, &inverted()).unwrap().image(0), other);

    // The name does not matter where the user names the file.
    let path = write(
        &dir,
        "a.data",
        png(RgbImage::from_fn(3, 2, |x, y| Rgb([x as u8, y as u8, 7]))),
    );
    let expected = [0, 1, 2, 0, 1, 2, 0, 0, 0, 1, 1, 1, 7, 7, 7, 7, 7, 7];
    assert_eq!(read_one(&path, COLOUR).image(0), expected);
}

#[test]
fn colours_depths_and_transparency_are_converted_as_documented() {
    let dir = folder();
    let one = Shape::new(1, 1, 2);
    let three = Shape::new(3, 1, 2);
    let convert = |image: DynamicImage, shape, invert| {
        let path = write(&dir, "p.png", png(image));
        let options = if invert {
            inverted()
        } else {
            ReadOptions::default()
        };
        read_all(&path, shape, &options).unwrap().image(0).to_vec()
    };
    let rgb: DynamicImage = RgbImage::from_raw(2, 1, vec![255, 0, 0, 10, 200, 30])
        .unwrap()
        .into();
    // Pillow: Image.convert("L").
    assert_eq!(convert(rgb.clone(), one, false), [76, 124]);
    assert_eq!(convert(rgb, three, true), [0, 245, 255, 55, 255, 225]);
    let luma: DynamicImage = grey(2, 1, &[9, 8]).into();
    assert_eq!(convert(luma, three, false), [9, 8, 9, 8, 9, 8]);
    let wide = image::ImageBuffer::<image::Luma<u16>, _>::from_raw(
        2,
        1,
        vec![257 * 9 + 128, 257 * 9 + 129],
    );
    assert_eq!(convert(wide.unwrap().into(), one, false), [9, 10]);
    // Transparent, and half transparent.
    let clear: DynamicImage = RgbaImage::from_raw(2, 1, vec![200, 200, 200, 0, 200, 200, 200, 128])
        .unwrap()
        .into();
    assert_eq!(convert(clear.clone(), one, false), [0, 100]);
    assert_eq!(convert(clear, one, true), [0, 28]);
}

#[test]
fn a_picture_of_another_size_is_scaled_in_its_proportions_and_centred() {
    let dir = folder();
    let shape = Shape::new(1, 6, 6);
    let white = |w, h| png(grey(w, h, &vec![255; (w * h) as usize]));
    let rows = |pictures: &Pictures| -> Vec<String> {
        let image = pictures.image(0);
        image
            .chunks(6)
            .map(|row| {
                row.iter()
                    .map(|&v| {
                        if v == 255 {
                            '#'
                        } else if v == 0 {
                            '.'
                        } else {
                            '?'
                        }
                    })
                    .collect()
            })
            .collect()
    };
    let wide = read_one(&write(&dir, "wide.png", white(300, 100)), shape);
    assert_eq!(
        rows(&wide),
        ["......", "......", "######", "######", "......", "......"]
    );
    let tall = read_one(&write(&dir, "tall.png", white(2, 6)), shape);
    assert_eq!(rows(&tall), ["..##.."; 6]);
    let small = read_one(&write(&dir, "small.png", white(1, 1)), shape);
    assert_eq!(rows(&small), ["######"; 6]);
    // The thinnest picture keeps one row; the ground is black after the inversion.
    let thin = write(&dir, "thin.png", png(grey(3000, 1, &[0; 3000])));
    let thin = read_all(&thin, shape, &inverted()).unwrap();
    assert_eq!(
        rows(&thin),
        ["......", "......", "######", "......", "......", "......"]
    );
    // A fine chequered pattern becomes grey: no pixel is skipped.
    let fine = RgbImage::from_fn(600, 600, |x, y| {
        Rgb([if (x + y) % 2 == 0 { 255 } else { 0 }; 3])
    });
    let fine = read_one(&write(&dir, "fine.png", png(fine)), shape);
    assert!(
        fine.image(0).iter().all(|v| v.abs_diff(127) < 4),
        "{:?}",
        fine.image(0)
    );
}

#[test]
fn jpeg_is_read_and_turned_as_its_exif_data_say() {
    let dir = folder();
    // Left half light, right half dark.
    let picture = GrayImage::from_fn(64, 32, |x, _| image::Luma([if x < 32 { 250 } else { 5 }]));
    let encode = |orientation: Option<u8>| {
        let mut bytes = Vec::new();
        let mut encoder = JpegEncoder::new_with_quality(&mut bytes, 95);
        if let Some(orientation) = orientation {
            let mut exif = b"MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
            exif.extend([orientation, 0, 0, 0, 0, 0, 0]);
            encoder.set_exif_metadata(exif).unwrap();
        }
        encoder
            .write_image(picture.as_raw(), 64, 32, image::ExtendedColorType::L8)
            .unwrap();
        bytes
    };
    let light = |orientation, shape: Shape| -> Vec<bool> {
        let path = write(&dir, "a.jpg", encode(orientation));
        read_one(&path, shape)
            .image(0)
            .iter()
            .map(|&v| v > 127)
            .collect()
    };
    let flat = Shape::new(1, 2, 4);
    let left = [true, true, false, false, true, true, false, false];
    assert_eq!(light(None, flat), left);
    assert_eq!(light(Some(1), flat), left);
    assert_eq!(light(Some(3), flat), left.map(|v| !v));
    // Turned by a quarter, it stands upright and fits other shapes.
    let tall = Shape::new(1, 4, 2);
    assert_eq!(
        light(Some(6), tall),
        [true, true, true, true, false, false, false, false]
    );
    assert_eq!(
        light(Some(8), tall),
        [false, false, false, false, true, true, true, true]
    );

    let whole = encode(None);
    for end in [3, 20, 200, whole.len() - 2] {
        let path = write(&dir, "cut.jpg", &whole[..end]);
        has(&refusal(&path, flat), &["ends too early"]);
    }
    let mut progress = whole.clone();
    progress[2] = 0;
    let path = write(&dir, "odd.jpg", progress);
    refusal(&path, flat);
}

#[test]
fn damaged_and_hostile_pictures_are_refused() {
    let dir = folder();
    let whole = png(grey(3, 4, &ramp()));
    for end in [4, 8, 20, 33, whole.len() - 14] {
        let path = write(&dir, "cut.png", &whole[..end]);
        has(&refusal(&path, GREY), &["damaged"]);
    }
    for at in 8..whole.len() {
        let mut changed = whole.clone();
        changed[at] ^= 0x11;
        // Some bytes do not matter; none may stop the program.
        let _ = read_all(
            &write(&dir, "x.png", changed),
            GREY,
            &ReadOptions::default(),
        );
    }
    // A few bytes that promise 60,000 x 60,000 pixels, and more pixels on a side than allowed.
    for (width, height) in [(60_000_u32, 60_000_u32), (u32::MAX >> 1, 1)] {
        let mut huge = whole.clone();
        huge[16..20].copy_from_slice(&width.to_be_bytes());
        huge[20..24].copy_from_slice(&height.to_be_bytes());
        let crc = {
            let mut crc = flate2::Crc::new();
            crc.update(&huge[12..29]);
            crc.sum()
        };
        huge[29..33].copy_from_slice(&crc.to_be_bytes());
        let path = write(&dir, "huge.png", huge);
        has(&refusal(&path, GREY), &["too large", "scale it down"]);
    }
    // A JPEG header of 65,535 x 65,535 pixels.
    let mut jpeg = Vec::new();
    JpegEncoder::new(&mut jpeg)
        .write_image(&[7; 64], 8, 8, image::ExtendedColorType::L8)
        .unwrap();
    let frame = jpeg
        .windows(2)
        .position(|pair| pair == [0xff, 0xc0])
        .unwrap();
    jpeg[frame + 5..frame + 9].fill(0xff);
    let path = write(&dir, "huge.jpg", jpeg);
    has(&refusal(&path, GREY), &["too large"]);
    // A text of a PNG file that unpacks to a gigabyte is not unpacked into memory without limit.
    let mut text = Vec::new();
    let mut encoder = PngEncoder::new(&mut text);
    encoder.set_icc_profile(vec![0; 8 << 20]).unwrap();
    encoder
        .write_image(&ramp(), 3, 4, image::ExtendedColorType::L8)
        .unwrap();
    assert!(text.len() < 100_000);
    let path = write(&dir, "icc.png", text);
    assert_eq!(read_one(&path, GREY).image(0), ramp());
    // A network without channels of colour.
    let path = write(&dir, "a.png", whole);
    for shape in [Shape::new(2, 4, 3), Shape::vector(12), Shape::vector(3)] {
        has(&refusal(&path, shape), &["a picture cannot become", "CSV"]);
    }
}

#[test]
fn files_of_other_kinds_are_told_apart() {
    let dir = folder();
    let cases: [(&str, &[u8], &str); 12] = [
        ("empty.png", b"", "an empty file"),
        ("page.png", b"<!DOCTYPE html><html>", "an HTML page"),
        (
            "a.webp",
            b"RIFF\x10\0\0\0WEBPVP8 ",
            "a WebP picture; save it as PNG or JPEG",
        ),
        ("a.heic", b"\0\0\0\x18ftypheic", "HEIC"),
        ("a.gif", b"GIF89a\x01\0", "a GIF picture; save it"),
        ("a.bmp", b"BM\x46\0\0\0\0\0\0\0\x36\0", "a BMP picture"),
        ("a.tif", b"II*\0\x08\0\0\0", "a TIFF picture"),
        ("a.pdf", b"%PDF-1.7", "a PDF document"),
        (
            "a.png",
            b"version https://git-lfs.github.com/spec/v1",
            "git lfs pull",
        ),
        (
            "weights.bin",
            b"\x40\0\0\0\0\0\0\0{\"a\":1}",
            "this is a safetensors file; expected",
        ),
        ("zeros", &[0; 64], "zero bytes"),
        ("noise", b"\x99\x01\x02", "of no known kind"),
    ];
    for (name, bytes, says) in cases {
        let path = write(&dir, name, bytes);
        has(&refusal(&path, GREY), &[says]);
    }
    has(
        &refusal(&dir.path().join("misspelt.png"), GREY),
        &["no such file", "mnist"],
    );
    let labels = write(&dir, "labels-idx1-ubyte", idx_file(&[2], &[1, 2]));
    has(&refusal(&labels, GREY), &["these are labels"]);
    let packed = write(&dir, "a.png.gz", gzip(&png(grey(3, 4, &ramp()))));
    has(&refusal(&packed, GREY), &["unpack it"]);
    let cut = write(&dir, "cut.gz", &gzip(&ramp())[..15]);
    has(&refusal(&cut, GREY), &["damaged"]);
}

#[cfg(unix)]
#[test]
fn devices_pipes_and_names_that_are_no_text_are_refused() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt as _};
    for device in ["/dev/zero", "/dev/null"] {
        has(&refusal(Path::new(device), GREY), &["a device or a pipe"]);
    }
    let dir = folder();
    let path = dir.path().join(OsStr::from_bytes(b"caf\xe9.png"));
    if fs::write(&path, png(grey(3, 4, &ramp()))).is_ok() {
        for what in [path.as_path(), dir.path()] {
            let error = read_all(what, GREY, &ReadOptions::default()).unwrap_err();
            has(&error.to_string(), &["caf", "not UTF-8", "rename"]);
        }
    }
    let labels = write(&dir, "a.npy", npy("|u1", false, &[4, 3], &ramp()));
    let options = with_labels(Path::new("/dev/zero"));
    let error = read_all(&labels, GREY, &options).unwrap_err().to_string();
    has(&error, &["/dev/zero", "a device or a pipe"]);
}

#[test]
fn many_files_are_read_in_order_with_progress_and_kinds_are_not_mixed() {
    let dir = folder();
    let files: Vec<PathBuf> = [3, 1, 2]
        .map(|i| write(&dir, &format!("{i}.png"), png(grey(3, 4, &[i; 12]))))
        .to_vec();
    let mut events = Vec::new();
    let pictures = read(&files, GREY, &ReadOptions::default(), &mut |e| {
        events.push(e)
    })
    .unwrap();
    let firsts: Vec<u8> = pictures.images().map(|image| image[0]).collect();
    assert_eq!(firsts, [3, 1, 2]);
    assert_eq!(events.len(), 3);
    assert_eq!(events[2], ImagesEvent::Picture { done: 3, total: 3 });

    let options = |range| ReadOptions {
        range: Some(range),
        ..ReadOptions::default()
    };
    let part = read(&files, GREY, &options(1..9), &mut |_| ()).unwrap();
    assert_eq!((part.len(), part.image(0)[0]), (2, 1));
    assert!(part.names()[0].ends_with("1.png"));
    let none = read(&files, GREY, &options(3..9), &mut |_| ()).unwrap_err();
    has(&none.to_string(), &["images 3..9 of 3", "below 3"]);

    let error = |what: &[PathBuf]| {
        read(what, GREY, &ReadOptions::default(), &mut |_| ())
            .unwrap_err()
            .to_string()
    };
    has(&error(&[]), &["no images are named"]);
    let array = write(&dir, "a.npy", npy("|u1", false, &[4, 3], &ramp()));
    has(
        &error(&[files[0].clone(), array.clone()]),
        &["1.png".replace('1', "3").as_str(), "a picture", "a.npy"],
    );
    has(&error(&[array.clone(), array]), &["one other input"]);
    has(
        &error(&[files[0].clone(), "mnist".into()]),
        &["mnist is a dataset's name"],
    );
    has(
        &error(&[dir.path().to_owned(), files[0].clone()]),
        &["a folder"],
    );
    // The largest network reads too many pixels for a thousand pictures of them.
    let large = Shape::new(1, 32_768, 32_768);
    has(
        &error_of(&files, large),
        &["3 images", "1073741824 bytes", "range"],
    );
}

fn error_of(what: &[PathBuf], shape: Shape) -> String {
    read(what, shape, &ReadOptions::default(), &mut |_| ())
        .unwrap_err()
        .to_string()
}

#[test]
fn folders_and_class_folders_are_read_in_order() {
    let dir = folder();
    let picture = |i: u8| png(grey(3, 4, &[i; 12]));
    has(&refusal(dir.path(), GREY), &["no picture"]);
    write(&dir, ".DS_Store", "x");
    write(&dir, "read me.txt", "x");
    has(&refusal(dir.path(), GREY), &["only 2 hidden or text files"]);
    write(&dir, "b.PNG", picture(2));
    write(&dir, "a.jpeg", picture(1));
    let plain = read_one(dir.path(), GREY);
    assert_eq!(plain.names(), ["a.jpeg", "b.PNG"]);
    assert_eq!(
        (plain.image(1)[0], plain.labels(), plain.skipped()),
        (2, None, 2)
    );
    let other = write(&dir, "labels.csv", "1");
    let error = read_all(dir.path(), GREY, &ReadOptions::default())
        .unwrap_err()
        .to_string();
    has(&error, &["labels.csv", "neither PNG nor JPEG"]);
    fs::remove_file(other).unwrap();
    write(&dir, "broken.png", "no picture");
    let error = read_all(dir.path(), GREY, &ReadOptions::default())
        .unwrap_err()
        .to_string();
    has(
        &error,
        &["broken.png", "no PNG or JPEG picture", "no known kind"],
    );

    let dir = folder();
    write(&dir, "two/1.png", picture(21));
    write(&dir, "one/2.png", picture(12));
    write(&dir, "one/10.png", picture(10));
    write(&dir, "one/notes.txt", "x");
    write(&dir, "empty/.keep", "");
    write(&dir, ".git/config", "x");
    let classes = read_one(dir.path(), GREY);
    assert_eq!(classes.names(), ["one/10.png", "one/2.png", "two/1.png"]);
    assert_eq!(classes.labels().unwrap(), ["one", "one", "two"]);
    assert_eq!(classes.skipped(), 3);
    let options = ReadOptions {
        range: Some(2..3),
        ..ReadOptions::default()
    };
    let last = read_all(dir.path(), GREY, &options).unwrap();
    assert_eq!(
        (last.labels().unwrap(), last.image(0)[0]),
        (&["two".to_owned()][..], 21)
    );
    write(&dir, "one/deep/3.png", picture(3));
    let error = read_all(dir.path(), GREY, &ReadOptions::default())
        .unwrap_err()
        .to_string();
    has(&error, &["deep", "one level"]);
    fs::remove_dir_all(dir.path().join("one/deep")).unwrap();
    write(&dir, "loose.png", picture(3));
    has(
        &refusal(dir.path(), GREY),
        &["loose.png", "every picture into a class folder"],
    );
}

/// Writes a pixel as an element of an array.
type Encode = fn(u8) -> Vec<u8>;

#[test]
fn arrays_are_read_in_every_type_order_and_shape() {
    let dir = folder();
    let values: Vec<u8> = (0..24).map(|i| i * 10).collect();
    let read = |descr: &str, fortran, dims: &[usize], data: &[u8], shape| {
        let path = write(&dir, "a.npy", npy(descr, fortran, dims, data));
        read_one(&path, shape)
    };
    let types: [(&str, Encode); 9] = [
        ("|u1", |v| vec![v]),
        ("<u2", |v| u16::from(v).to_le_bytes().to_vec()),
        (">u4", |v| u32::from(v).to_be_bytes().to_vec()),
        ("<i2", |v| i16::from(v).to_le_bytes().to_vec()),
        ("<i8", |v| i64::from(v).to_le_bytes().to_vec()),
        (">i8", |v| i64::from(v).to_be_bytes().to_vec()),
        ("<f4", |v| f32::from(v).to_le_bytes().to_vec()),
        ("<f8", |v| f64::from(v).to_le_bytes().to_vec()),
        (">f8", |v| f64::from(v).to_be_bytes().to_vec()),
    ];
    for (descr, encode) in types {
        let data: Vec<u8> = values.iter().flat_map(|&v| encode(v)).collect();
        let pictures = read(descr, false, &[2, 4, 3], &data, GREY);
        assert_eq!(
            pictures.images().flatten().copied().collect::<Vec<_>>(),
            values,
            "{descr}"
        );
        assert_eq!(pictures.names(), ["a.npy[0]", "a.npy[1]"]);
    }
    // Fortran's order: the first axis runs fastest.
    let mut data = vec![0; 24];
    for i in 0..24 {
        let (n, y, x) = (i / 12, i / 3 % 4, i % 3);
        data[n + 2 * y + 8 * x] = values[i];
    }
    let pictures = read("|u1", true, &[2, 4, 3], &data, GREY);
    assert_eq!(pictures.image(1), &values[12..]);
    // Channels last, one picture and one packed.
    let interleaved: Vec<u8> = (0..6).flat_map(|p| [p, 50 + p, 100 + p]).collect();
    let planar: Vec<u8> = [0, 50, 100]
        .into_iter()
        .flat_map(|c| (0..6).map(move |p| c + p))
        .collect();
    assert_eq!(
        read("|u1", false, &[1, 2, 3, 3], &interleaved, COLOUR).image(0),
        planar
    );
    assert_eq!(
        read("|u1", false, &[2, 3, 3], &interleaved, COLOUR).image(0),
        planar
    );
    assert_eq!(
        read("|u1", false, &[3, 2, 3], &planar, COLOUR).image(0),
        planar
    );
    let path = write(
        &dir,
        "a.npy.gz",
        gzip(&npy("|u1", false, &[1, 18], &planar)),
    );
    let options = inverted();
    let turned = read_all(&path, COLOUR, &options).unwrap();
    assert_eq!(turned.image(0)[..2], [255, 254]);
    // A network of vectors.
    assert_eq!(
        read("|u1", false, &[2, 12], &values, Shape::vector(12)).len(),
        2
    );
}

#[test]
fn numbers_that_are_no_pixels_are_refused_with_their_place() {
    let dir = folder();
    let f4 =
        |values: [f32; 12]| -> Vec<u8> { values.iter().flat_map(|v| v.to_le_bytes()).collect() };
    let message = |descr: &str, data: &[u8]| {
        let path = write(&dir, "a.npy", npy(descr, false, &[4, 3], data));
        refusal(&path, GREY)
    };
    let mut values = [3.0; 12];
    values[7] = 0.5;
    has(&message("<f4", &f4(values)), &["(2, 1) is 0.5", "* 255"]);
    for bad in [f32::NAN, f32::INFINITY, -1.0, 256.0, 1.5] {
        values[7] = bad;
        has(
            &message("<f4", &f4(values)),
            &["(2, 1)", "no whole number from 0 to 255"],
        );
    }
    // A normalised drawing of black and white.
    has(&message("<f4", &f4([1.0; 12])), &["0 or 1", "* 255"]);
    let path = write(
        &dir,
        "black.npy",
        npy("<f4", false, &[4, 3], &f4([0.0; 12])),
    );
    assert_eq!(read_one(&path, GREY).image(0), [0; 12]);
    let negative: Vec<u8> = [-1_i16; 12].iter().flat_map(|v| v.to_le_bytes()).collect();
    has(&message("<i2", &negative), &["(0, 0) is -1"]);
    has(&message("|b1", &[1; 12]), &["truth values", "uint8"]);
    has(&message("|O", &[1; 12]), &["Python objects"]);
    has(&message("<U1", &[0; 48]), &["an array of text"]);
    has(&message("|u1", &[1; 11]), &["too early"]);
    has(&message("|u1", &[1; 13]), &["1 bytes follow"]);
    let path = write(&dir, "a.npy", npy("|u1", false, &[3, 3, 3], &[0; 27]));
    has(
        &refusal(&path, Shape::new(3, 3, 3)),
        &["two ways", "(n, 27)"],
    );
    let path = write(&dir, "a.npy", npy("|u1", false, &[0, 4, 3], &[]));
    has(&refusal(&path, GREY), &["no image"]);
    let path = write(&dir, "a.npy", npy("|u1", false, &[2, 5, 3], &[0; 30]));
    has(&refusal(&path, GREY), &["(2, 5, 3)", "(n, 4, 3)"]);
}

#[test]
fn archives_are_read_by_the_names_of_their_arrays() {
    let dir = folder();
    let images = |n: usize, v: u8| npy("|u1", false, &[n, 4, 3], &vec![v; n * 12]);
    let labels = |labels: &[i64]| {
        let data: Vec<u8> = labels.iter().flat_map(|l| l.to_le_bytes()).collect();
        npy("<i8", false, &[labels.len()], &data)
    };
    let text = |labels: &[&str]| {
        let data: Vec<u8> = labels
            .iter()
            .flat_map(|l| {
                format!("{l:\0<4}")
                    .chars()
                    .flat_map(|c| u32::from(c).to_le_bytes())
                    .collect::<Vec<_>>()
            })
            .collect();
        npy("<U4", false, &[labels.len(), 1], &data)
    };
    for method in [CompressionMethod::Stored, CompressionMethod::Deflated] {
        let arrays = [("y.npy", labels(&[7, -1])), ("x.npy", images(2, 5))];
        let path = write(&dir, "a.npz", npz(&arrays, method));
        let pictures = read_one(&path, GREY);
        assert_eq!((pictures.len(), pictures.image(1)[0]), (2, 5));
        assert_eq!(pictures.labels().unwrap(), ["7", "-1"]);
        assert_eq!(pictures.names(), ["a.npz[0]", "a.npz[1]"]);
    }
    let write_arrays =
        |arrays: &[(&str, Vec<u8>)]| write(&dir, "a.npz", npz(arrays, CompressionMethod::Deflated));
    // As Keras and MedMNIST name them.
    let path = write_arrays(&[
        ("x_train.npy", images(3, 1)),
        ("y_train.npy", labels(&[1, 1, 1])),
        ("x_test.npy", images(2, 2)),
        ("test_labels.npy", text(&["cat", "dög"])),
    ]);
    let test = read_one(&path, GREY);
    assert_eq!(
        (test.image(0)[0], test.labels().unwrap()),
        (2, &["cat".to_owned(), "dög".to_owned()][..])
    );
    let train = ReadOptions {
        split: Split::Train,
        ..ReadOptions::default()
    };
    assert_eq!(read_all(&path, GREY, &train).unwrap().len(), 3);
    // The only one that fits.
    let path = write_arrays(&[
        ("arr_0.npy", images(2, 3)),
        ("weights.npy", npy("|u1", false, &[5], &[0; 5])),
    ]);
    assert_eq!(
        (read_one(&path, GREY).len(), read_one(&path, GREY).labels()),
        (2, None)
    );
    let path = write_arrays(&[("a.npy", images(2, 3)), ("b.npy", images(2, 3))]);
    has(
        &refusal(&path, GREY),
        &["several", "a (2, 4, 3), b (2, 4, 3)", "`images`"],
    );
    let path = write_arrays(&[("a.npy", images(2, 3)), ("b.npy", images(2, 3))]);
    has(&refusal(&path, COLOUR), &["none of its arrays"]);
    let path = write_arrays(&[("x.npy", images(2, 3)), ("y.npy", labels(&[1]))]);
    has(
        &error_of(&[path], GREY),
        &["a.npz/y", "1 labels for 2 images"],
    );
    let path = write_arrays(&[
        ("x.npy", images(2, 3)),
        ("y.npy", npy("<f4", false, &[2, 2], &[0; 16])),
    ]);
    has(&error_of(&[path], GREY), &["argmax"]);
    let path = write_arrays(&[("readme", b"hello".to_vec())]);
    has(&refusal(&path, GREY), &["without arrays"]);
}

#[test]
fn hostile_archives_are_refused() {
    let dir = folder();
    let good = npz(
        &[("x.npy", npy("|u1", false, &[2, 4, 3], &[9; 24]))],
        CompressionMethod::Deflated,
    );
    for end in [4, 10, good.len() / 2, good.len() - 1] {
        has(
            &refusal(&write(&dir, "cut.npz", &good[..end]), GREY),
            &["damaged"],
        );
    }
    for at in 0..good.len() {
        let mut changed = good.clone();
        changed[at] ^= 0x21;
        let _ = read_all(
            &write(&dir, "x.npz", changed),
            GREY,
            &ReadOptions::default(),
        );
    }
    // 64 MiB behind a header of 24 bytes of data: no more is unpacked than the header states.
    let mut bomb = npy("|u1", false, &[2, 4, 3], &[9; 24]);
    bomb.resize(64 << 20, 0);
    let bomb = npz(&[("x.npy", bomb)], CompressionMethod::Deflated);
    has(
        &error_of(&[write(&dir, "bomb.npz", bomb)], GREY),
        &["bomb.npz/x", "more data than"],
    );
    // A header that promises 16 TiB.
    let huge = npz(
        &[("x.npy", npy("|u1", false, &[1 << 40, 4, 3], &[]))],
        CompressionMethod::Stored,
    );
    has(
        &error_of(&[write(&dir, "huge.npz", huge)], GREY),
        &["huge.npz/x", "the most that is read"],
    );
    let many: Vec<(String, Vec<u8>)> = (0..300).map(|i| (format!("{i}.npy"), Vec::new())).collect();
    let many: Vec<(&str, Vec<u8>)> = many.iter().map(|(n, b)| (n.as_str(), b.clone())).collect();
    has(
        &refusal(
            &write(&dir, "many.npz", npz(&many, CompressionMethod::Stored)),
            GREY,
        ),
        &["300 files"],
    );
}

#[test]
fn idx_files_are_read_with_labels_of_every_form() {
    let dir = folder();
    let pixels: Vec<u8> = (0..24).collect();
    let plain = idx_file(&[2, 4, 3], &pixels);
    let path = write(&dir, "images-idx3-ubyte", &plain);
    assert_eq!(read_one(&path, GREY).image(1), &pixels[12..]);
    let path = write(&dir, "images-idx3-ubyte.gz", gzip(&plain));
    assert_eq!(read_one(&path, GREY).names()[1], "images-idx3-ubyte.gz[1]");
    let forms: [(&str, Vec<u8>); 9] = [
        ("idx", idx_file(&[2], &[7, 3])),
        ("idx.gz", gzip(&idx_file(&[2], &[7, 3]))),
        ("npy", npy("|u1", false, &[2], &[7, 3])),
        ("txt", b"7\r\n 3 \n\n".to_vec()),
        ("head.txt", b"label\n7\n3\n".to_vec()),
        ("csv", b"\xef\xbb\xbfname,label\na,7\nb,3\n".to_vec()),
        ("semicolon.csv", b"class;name\n7;a\n3;b\n".to_vec()),
        (
            "quoted.csv",
            b"\"label\",\"name\"\n\"7\",\"x, y\"\n\"3\",\"z\"".to_vec(),
        ),
        ("tsv", b"label\tname\n7\ta\n3\tb\n".to_vec()),
    ];
    for (name, bytes) in forms {
        let labels = write(&dir, &format!("labels.{name}"), bytes);
        let pictures = read_all(&path, GREY, &with_labels(&labels)).unwrap();
        assert_eq!(pictures.labels().unwrap(), ["7", "3"], "{name}");
    }
    // A column by its name or number, with a header or without; a range takes part of the labels.
    for (text, column) in [
        ("a,cat\nb,dog\n", "2"),
        ("id,k\na,cat\nb,dog\n", "2"),
        ("id,k\na,cat\nb,dog\n", "k"),
    ] {
        let labels = write(&dir, "labels.csv", text);
        let options = ReadOptions {
            label_column: Some(column.to_owned()),
            range: Some(1..2),
            ..with_labels(&labels)
        };
        assert_eq!(
            read_all(&path, GREY, &options).unwrap().labels().unwrap(),
            ["dog"]
        );
    }
    let bad: [(&str, &[u8], &str); 8] = [
        ("one.txt", b"7\n", "1 labels for 2 images"),
        ("gap.txt", b"7\n\n3\n", "line 2 has no label"),
        ("unclear.csv", b"a,7\nb,3\n", "which of the 2 columns"),
        ("short.csv", b"name,label\na\nb,3\n", "line 2 has no label"),
        ("empty.txt", b"\n\n", "no label"),
        ("images", &plain, "no IDX file of labels"),
        ("a.png", &png(grey(3, 4, &ramp())), "a PNG image"),
        ("both.csv", b"label,class\n1,2\n3,4\n", "columns 1 and 2"),
    ];
    for (name, bytes, says) in bad {
        let labels = write(&dir, name, bytes);
        let error = read_all(&path, GREY, &with_labels(&labels))
            .unwrap_err()
            .to_string();
        has(&error, &[name, says]);
    }
    let bad: [(&[u8], &str); 5] = [
        (&plain[..20], "truncated"),
        (&[&plain[..], b"x"].concat(), "trailing"),
        (&idx_file(&[u32::MAX; 3], &[]), "overflow"),
        (&[0, 0, 0x0d, 3, 0, 0, 0, 0], "unsigned bytes"),
        (&idx_file(&[2, 5, 3], &[0; 30]), "(2, 5, 3)"),
    ];
    for (bytes, says) in bad {
        has(
            &refusal(&write(&dir, "bad-idx3-ubyte", bytes), GREY),
            &[says],
        );
    }
}

#[test]
fn tables_are_read_with_and_without_headers_and_labels() {
    let dir = folder();
    let shape = Shape::new(1, 2, 3);
    let column = |column: &str| ReadOptions {
        label_column: Some(column.to_owned()),
        ..ReadOptions::default()
    };
    let check = |text: &str, options: &ReadOptions, labels: Option<&[&str]>| {
        let path = write(&dir, "t.csv", text);
        let pictures = read_all(&path, shape, options).unwrap();
        assert_eq!(pictures.len(), 2, "{text}");
        assert_eq!(pictures.image(0), [1, 2, 3, 4, 5, 60], "{text}");
        assert_eq!(pictures.image(1), [255, 0, 0, 0, 0, 9], "{text}");
        assert_eq!(
            pictures.labels().map(<[String]>::to_vec),
            labels.map(|l| l.iter().map(|&s| s.to_owned()).collect())
        );
    };
    let none = ReadOptions::default();
    check("1,2,3,4,5,60\n255,0,0,0,0,9\n", &none, None);
    check("a,b,c,d,e,f\r\n1,2,3,4,5,60\r\n255,0,0,0,0,9", &none, None);
    check("0,1,2,3,4,5\n1,2,3,4,5,60\n255,0,0,0,0,9", &none, None);
    check("1, 2.0 ,3,4,5,60\n255,0,0,0,0,9", &none, None);
    check("1\t2\t3\t4\t5\t60\n255\t0\t0\t0\t0\t9\n", &none, None);
    let labels = Some(&["cat", "dog"][..]);
    check(
        "label,p,p,p,p,p,p\ncat,1,2,3,4,5,60\ndog,255,0,0,0,0,9\n",
        &none,
        labels,
    );
    check(
        "label,0,1,2,3,4,5\ncat,1,2,3,4,5,60\ndog,255,0,0,0,0,9\n",
        &none,
        labels,
    );
    check(
        "cat,1,2,3,4,5,60\ndog,255,0,0,0,0,9\n",
        &column("1"),
        labels,
    );
    check(
        "p,p,p,p,p,p,what\n1,2,3,4,5,60,cat\n255,0,0,0,0,9,dog\n",
        &column("what"),
        labels,
    );
    check(
        "k,1,2,3,4,5,6\ncat,1,2,3,4,5,60\ndog,255,0,0,0,0,9\n",
        &column("1"),
        labels,
    );
    let packed = write(&dir, "t.csv.gz", gzip(b"1,2,3,4,5,60\n"));
    assert_eq!(read_one(&packed, shape).names(), ["t.csv.gz[0]"]);

    let refused = |text: &str, options: &ReadOptions, says: &[&str]| {
        let path = write(&dir, "bad.csv", text);
        has(&refusal_with(&path, shape, options), says);
    };
    refused(
        "7,1,2,3,4,5,60\n",
        &none,
        &["one more than", "name the label column"],
    );
    refused("1,2,3\n", &none, &["3 columns, expected 6"]);
    refused(
        ",label,0,1,2,3,4,5\n0,7,1,2,3,4,5,6\n",
        &none,
        &["index=False"],
    );
    refused(
        "1,2,3,4,5,60\n1,2,3\n",
        &none,
        &["line 2 has 3 columns", "cut off"],
    );
    refused(
        "1,2,3,4,5,60\n1,2,300,4,5,6\n",
        &none,
        &["line 2, column 3: `300`"],
    );
    refused(
        "1,2,3,4,5,60\n1,2,0.5,4,5,6\n",
        &none,
        &["`0.5`", "normalisation"],
    );
    refused("1,2,3,4,5,60\n1,2,nan,4,5,6\n", &none, &["`nan`"]);
    refused("1,2,3,4,5,60\n1,2,,4,5,6\n", &none, &["column 3: ``"]);
    refused("a,b,c,d,e,f\n", &none, &["no image"]);
    refused(
        "1,2,3,4,5,60\n",
        &column("8"),
        &["no column 8", "6 columns"],
    );
    refused(
        "1,2,3,4,5,60\n",
        &column("what"),
        &["no column named `what`"],
    );
    refused(
        "label,class,0,1,2,3,4\n1,2,3,4,5,6,7\n",
        &none,
        &["columns 1 and 2"],
    );
    // No table, but a column is named.
    let path = write(&dir, "a.npy", npy("|u1", false, &[2, 3], &[0; 6]));
    let error = read_all(&path, shape, &column("label")).unwrap_err();
    assert!(matches!(error, ImagesError::NoTable(_)), "{error}");
}

#[test]
fn datasets_are_read_by_name() {
    let dir = folder();
    let pixels: Vec<u8> = (0..3 * 784).map(|i| (i % 251) as u8).collect();
    write(
        &dir,
        "t10k-images-idx3-ubyte",
        idx_file(&[3, 28, 28], &pixels),
    );
    write(&dir, "t10k-labels-idx1-ubyte", idx_file(&[3], &[7, 2, 9]));
    let options = ReadOptions {
        source: Source {
            data_dir: Some(dir.path().to_owned()),
        },
        range: Some(1..3),
        ..ReadOptions::default()
    };
    let shape = Shape::new(1, 28, 28);
    let mut events = Vec::new();
    let name = [PathBuf::from("mnist")];
    let pictures = read(&name, shape, &options, &mut |event| events.push(event)).unwrap();
    assert_eq!(pictures.names(), ["mnist-test[1]", "mnist-test[2]"]);
    assert_eq!(pictures.labels().unwrap(), ["2", "9"]);
    assert_eq!(pictures.image(1), &pixels[2 * 784..]);
    assert!(matches!(
        events.as_slice(),
        [ImagesEvent::Data(DataEvent::Loaded { images: 3, .. })]
    ));
    let error = |name: &str, shape| {
        read(&[name.into()], shape, &options, &mut |_| ())
            .unwrap_err()
            .to_string()
    };
    has(
        &error("cifar-10", shape),
        &["CIFAR-10 are 3x32x32", "1x28x28"],
    );
    has(
        &error("fashion-mnist", GREY),
        &["Fashion-MNIST are 1x28x28"],
    );
    has(&error("cifar10", Shape::new(3, 32, 32)), &["test_batch"]);
}
