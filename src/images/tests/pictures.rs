//! Picture files, alone, in numbers and in folders.

use super::*;

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
        events.push(e);
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
