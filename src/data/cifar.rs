//! Reads CIFAR-10 in its published forms: its own binary files, and PNG files in which each row is an image.

use std::io::{Cursor, ErrorKind};

use png::{BitDepth, ColorType, DecodeOptions, Decoder, DecodingError, Transformations};

/// Maximum number of images in a file (the published files have 10,000).
const MAX_IMAGES: usize = 1 << 20;

/// Reads a PNG file in which each row is an image, its pixels in reading order. Appends the images to `pixels`, channel
/// by channel.
///
/// Only one kind of PNG image holds exactly these bytes: 8 bits each of red, green and blue, no transparency. Any other
/// would have to be converted, so it is refused. At most one row is in memory beside the result.
pub(super) fn png_rows(
    bytes: &[u8],
    (channels, height, width): (usize, usize, usize),
    pixels: &mut Vec<u8>,
) -> Result<(), String> {
    if !bytes.starts_with(PNG_SIGNATURE) {
        return Err("no PNG image".to_owned());
    }
    let mut options = DecodeOptions::default();
    // Texts and colour profiles are compressed and of no use here.
    options.set_ignore_text_chunk(true);
    options.set_ignore_iccp_chunk(true);
    options.set_ignore_adler32(false);
    let mut left = Cursor::new(bytes);
    let mut decoder = Decoder::new_with_options(&mut left, options);
    decoder.set_transformations(Transformations::IDENTITY);
    let plane = height * width;
    let header = decoder.read_header_info().map_err(damaged)?;
    let (columns, rows) = (header.width as usize, header.height as usize);
    if channels != 3 || columns != plane || rows > MAX_IMAGES {
        return Err(format!(
            "{columns}x{rows} pixels, expected {plane} pixels ({height}x{width}) in each of at most {MAX_IMAGES} rows"
        ));
    }
    let (color, depth) = (header.color_type, header.bit_depth);
    if (color, depth) != (ColorType::Rgb, BitDepth::Eight) {
        return Err(format!(
            "pixels of {} bits in the colour type {color:?}, expected 8 bits each of red, green and blue",
            depth as u8
        ));
    }
    if header.interlaced {
        return Err("an interlaced image, whose rows are not stored one after another".to_owned());
    }
    let mut reader = decoder.read_info().map_err(damaged)?;
    if reader.info().trns.is_some() {
        return Err("an image with a transparent colour".to_owned());
    }
    for _ in 0..rows {
        let row = reader.next_row().map_err(damaged)?;
        let row = row.ok_or("damaged: its rows end early")?;
        for channel in 0..channels {
            pixels.extend(row.data().iter().skip(channel).step_by(channels));
        }
    }
    reader.finish().map_err(damaged)?;
    drop(reader);
    match bytes.len() as u64 - left.position() {
        0 => Ok(()),
        extra => Err(format!("{extra} bytes follow the end of the PNG image")),
    }
}

/// The first bytes of every PNG file.
const PNG_SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

fn damaged(error: DecodingError) -> String {
    match error {
        DecodingError::IoError(error) if error.kind() == ErrorKind::UnexpectedEof => {
            "damaged: the PNG image ends early".to_owned()
        }
        error => {
            let words = error.to_string();
            // What follows describes the decoder's state.
            let words = words.split(" while decoding").next().unwrap_or_default();
            format!("damaged: {words}")
        }
    }
}

/// Reads labels: a JSON list of integers.
pub(super) fn json_labels(bytes: &[u8]) -> Result<Vec<u8>, String> {
    serde_json::from_slice(bytes).map_err(|error| {
        let words = error.to_string();
        format!(
            "no JSON list of labels: {}",
            words.replace("expected u8", "expected an integer from 0 to 255")
        )
    })
}

/// Reads records, each a label byte and the pixels' bytes, channel by channel. Appends to both lists.
pub(super) fn binary(
    bytes: &[u8],
    (channels, height, width): (usize, usize, usize),
    classes: usize,
    pixels: &mut Vec<u8>,
    labels: &mut Vec<u8>,
) -> Result<(), String> {
    let record = 1 + channels * height * width;
    if bytes.is_empty() || !bytes.len().is_multiple_of(record) {
        return Err(format!(
            "{} bytes, expected a multiple of {record}: a label and {} pixels an image",
            bytes.len(),
            record - 1
        ));
    }
    for (index, record) in bytes.chunks_exact(record).enumerate() {
        if let Some((&label, image)) = record.split_first() {
            if usize::from(label) >= classes {
                return Err(format!(
                    "label {label} of image {index} has no class: there are {classes}"
                ));
            }
            labels.push(label);
            pixels.extend_from_slice(image);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::super::{DataError, Dataset, DatasetName, Source, Split, load, read::tests::member};

    const SIZE: usize = 3 * 32 * 32;

    /// Generates images, channel-major, in which every byte is known.
    fn images(count: usize) -> Vec<u8> {
        (0..count * SIZE)
            .map(|i| (i * 31 % 251 + i / SIZE) as u8)
            .collect()
    }

    fn png_file(images: &[u8], width: usize) -> Vec<u8> {
        let mut data = Vec::new();
        for image in images.chunks_exact(SIZE) {
            for pixel in 0..width {
                data.extend([image[pixel], image[1024 + pixel], image[2048 + pixel]]);
            }
        }
        encoded(&data, width, images.len() / SIZE, |_| ())
    }

    /// Encodes an image of 8 bits each of red, green and blue, unless `change` sets other properties.
    fn encoded(
        data: &[u8],
        width: usize,
        rows: usize,
        change: impl FnOnce(&mut png::Encoder<'_, &mut Vec<u8>>),
    ) -> Vec<u8> {
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, width as u32, rows as u32);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        change(&mut encoder);
        let mut writer = encoder.write_header().unwrap();
        writer.write_image_data(data).unwrap();
        writer.finish().unwrap();
        file
    }

    fn read(dir: &Path, split: Split) -> Result<Dataset, DataError> {
        let source = Source {
            data_dir: Some(dir.to_owned()),
        };
        load(DatasetName::Cifar10, split, &source, &mut |_| ())
    }

    #[test]
    fn both_forms_give_the_same_images() {
        let top = tempfile::tempdir().unwrap();
        let (png_dir, binary_dir) = (top.path().join("png"), top.path().join("bin"));
        fs::create_dir_all(png_dir.join("cifar10")).unwrap();
        fs::create_dir_all(&binary_dir).unwrap();
        let all = images(10);
        let labels: Vec<u8> = (0..10).map(|i| i * 7 % 10).collect();
        for batch in 0..5 {
            let part = &all[batch * 2 * SIZE..(batch + 1) * 2 * SIZE];
            let name = format!("data_batch_{}", batch + 1);
            let path = png_dir.join("cifar10").join(format!("{name}.png"));
            fs::write(path, png_file(part, 1024)).unwrap();
            let mut binary = Vec::new();
            for (image, label) in part.chunks_exact(SIZE).zip(&labels[batch * 2..]) {
                binary.push(*label);
                binary.extend(image);
            }
            fs::write(binary_dir.join(format!("{name}.bin")), binary).unwrap();
        }
        let text = serde_json::to_vec(&labels).unwrap();
        fs::write(png_dir.join("cifar10/train_lables.json"), text).unwrap();
        let from_png = read(&png_dir, Split::Train).unwrap();
        let from_binary = read(&binary_dir, Split::Train).unwrap();
        for data in [&from_png, &from_binary] {
            assert_eq!((data.len(), data.shape()), (10, (3, 32, 32)));
            assert_eq!(data.labels(), labels);
            assert!(data.images().flatten().eq(&all));
            assert!(data.files().iter().all(|f| !f.published));
        }
        assert_eq!((from_png.files().len(), from_binary.files().len()), (6, 5));
    }

    /// Builds a PNG file of these dimensions whose pixels inflate to this many zeros.
    fn bomb(columns: u32, rows: u32, inflated: usize) -> Vec<u8> {
        let mut png = super::PNG_SIGNATURE.to_vec();
        let mut chunk = |kind: &[u8; 4], data: &[u8]| {
            let mut crc = flate2::Crc::new();
            crc.update(kind);
            crc.update(data);
            png.extend((data.len() as u32).to_be_bytes());
            png.extend(kind);
            png.extend(data);
            png.extend(crc.sum().to_be_bytes());
        };
        let size = [columns.to_be_bytes(), rows.to_be_bytes()].concat();
        chunk(b"IHDR", &[&size[..], &[8, 2, 0, 0, 0]].concat());
        let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
        std::io::Write::write_all(&mut zlib, &vec![0; inflated]).unwrap();
        for data in zlib.finish().unwrap().chunks(1000) {
            chunk(b"IDAT", data);
        }
        chunk(b"IEND", &[]);
        png
    }

    fn rows(bytes: &[u8]) -> Result<usize, String> {
        let mut pixels = Vec::new();
        super::png_rows(bytes, (3, 32, 32), &mut pixels).map(|()| pixels.len())
    }

    #[test]
    fn a_png_file_is_not_inflated_beyond_its_dimensions_or_ours() {
        let exact = 2 * (1 + 3072);
        assert_eq!(rows(&bomb(1024, 2, exact)), Ok(2 * 3072));
        let refused = |bytes: &[u8]| rows(bytes).unwrap_err();
        let wide = refused(&bomb(u32::MAX, u32::MAX, 10));
        assert!(wide.starts_with("4294967295x4294967295 pixels"), "{wide}");
        assert!(refused(&bomb(1024, 1 << 21, 10)).contains("pixels, expected 1024"));
        let short = refused(&bomb(1024, 2, exact - 1));
        assert!(short.starts_with("damaged"), "{short}");
        let good = bomb(1024, 2, exact);
        for end in 0..good.len() {
            let cut = refused(&good[..end]);
            assert!(
                cut.contains("damaged") || cut == "no PNG image",
                "{end}: {cut}"
            );
        }
        assert_eq!(refused(b"GIF89a"), "no PNG image");
    }

    #[test]
    fn only_images_that_hold_the_very_bytes_are_read() {
        use png::{BitDepth, ColorType};

        let refused = |file: &[u8]| rows(file).unwrap_err();
        for (color, depth, bytes) in [
            (ColorType::Grayscale, BitDepth::Eight, 1024),
            (ColorType::GrayscaleAlpha, BitDepth::Eight, 2048),
            (ColorType::Rgba, BitDepth::Eight, 4096),
            (ColorType::Rgb, BitDepth::Sixteen, 6144),
        ] {
            let file = encoded(&vec![7; bytes], 1024, 1, |encoder| {
                encoder.set_color(color);
                encoder.set_depth(depth);
            });
            let said = refused(&file);
            assert!(said.contains("expected 8 bits each of red"), "{said}");
        }
        let palette = encoded(&[0; 1024], 1024, 1, |encoder| {
            encoder.set_color(ColorType::Indexed);
            encoder.set_palette(vec![0; 768]);
        });
        assert!(refused(&palette).contains("Indexed"));
        let transparent = encoded(&[7; 3072], 1024, 1, |encoder| {
            encoder.set_trns(vec![0, 7, 0, 7, 0, 7]);
        });
        assert!(refused(&transparent).contains("transparent"));
        let good = encoded(&[7; 3072], 1024, 1, |_| ());
        assert_eq!(rows(&good), Ok(3072));
        let mut interlaced = good.clone();
        interlaced[28] = 1;
        let mut crc = flate2::Crc::new();
        crc.update(&interlaced[12..29]);
        interlaced[29..33].copy_from_slice(&crc.sum().to_be_bytes());
        assert!(refused(&interlaced).contains("interlaced"));
        let longer = [&good[..], b"more"].concat();
        assert_eq!(refused(&longer), "4 bytes follow the end of the PNG image");
        for at in 8..good.len() {
            let mut flipped = good.clone();
            flipped[at] ^= 1;
            refused(&flipped);
        }
    }

    /// Checks files as pigz, bgzip and cat write them: nothing after the first member is lost.
    #[test]
    fn files_of_several_gzip_members_are_read_whole() {
        let dir = tempfile::tempdir().unwrap();
        let all = images(7);
        let records: Vec<u8> = (0..7_u8)
            .zip(all.chunks_exact(SIZE))
            .flat_map(|(label, image)| [&[label][..], image].concat())
            .collect();
        let mut packed = Vec::new();
        for part in records.chunks(2 * (1 + SIZE)) {
            packed.extend(member(part));
        }
        fs::write(dir.path().join("test_batch.bin.gz"), packed).unwrap();
        let data = read(dir.path(), Split::Test).unwrap();
        assert_eq!(data.labels(), [0, 1, 2, 3, 4, 5, 6]);
        assert!(data.images().flatten().eq(&all));
    }

    #[test]
    fn defects_name_the_file_and_the_reason() {
        let dir = tempfile::tempdir().unwrap();
        let message = || read(dir.path(), Split::Test).unwrap_err().to_string();
        assert!(message().contains("test_batch.png"));
        let write = |name: &str, bytes: &[u8]| fs::write(dir.path().join(name), bytes).unwrap();
        write("test_batch.bin", &[0; 3072]);
        assert!(message().contains("multiple of 3073"));
        write("test_batch.bin", &[10; 3073]);
        assert!(message().contains("label 10 of image 0"));
        write("test_lables.json", b"[1, 2]");
        write("test_batch.png", &png_file(&images(1), 1024));
        assert!(message().contains("2 labels"));
        write("test_lables.json", b"[300]");
        assert!(message().contains("no JSON list"));
        write("test_lables.json", b"[3]");
        assert_eq!(read(dir.path(), Split::Test).unwrap().labels(), [3]);
        let good = png_file(&images(1), 1024);
        write("test_batch.png", &good[..good.len() / 2]);
        assert!(message().contains("test_batch.png"));
        write("test_batch.png", &png_file(&images(1), 512));
        assert!(message().contains("512x1 pixels"));
    }
}
