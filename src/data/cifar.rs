//! Reads CIFAR-10 in its published forms: its own binary files, and PNG files in which each row is an image.

use std::io::{self, Write};

use flate2::write::ZlibDecoder;

/// Maximum number of images in a file (the published files have 10,000).
const MAX_IMAGES: usize = 1 << 20;

/// Reads a PNG file in which each row is an image, its pixels in reading order. Appends the images to `pixels`, channel
/// by channel.
pub(super) fn png_rows(
    bytes: &[u8],
    (channels, height, width): (usize, usize, usize),
    pixels: &mut Vec<u8>,
) -> Result<(), String> {
    let header = Header::read(bytes)?;
    let plane = height * width;
    let (columns, rows) = (header.columns, header.rows);
    if channels != 3 || columns != plane || rows > MAX_IMAGES {
        return Err(format!(
            "{columns}x{rows} pixels, expected {plane} pixels ({height}x{width}) in each of at most {MAX_IMAGES} rows"
        ));
    }
    check_inflated(bytes, header.inflated_bytes())?;
    let image = lodepng::decode24(bytes).map_err(|error| error.to_string())?;
    pixels.reserve(rows * plane * 3);
    for row in image.buffer.chunks_exact(plane) {
        pixels.extend(row.iter().map(|pixel| pixel.r));
        pixels.extend(row.iter().map(|pixel| pixel.g));
        pixels.extend(row.iter().map(|pixel| pixel.b));
    }
    Ok(())
}

/// The properties that a PNG file states before its pixels.
struct Header {
    columns: usize,
    rows: usize,
    bits_per_pixel: usize,
}

impl Header {
    const SIGNATURE: &'static [u8] = b"\x89PNG\r\n\x1a\n";

    fn read(bytes: &[u8]) -> Result<Self, String> {
        let fields = bytes
            .strip_prefix(Self::SIGNATURE)
            .ok_or("no PNG image")?
            .strip_prefix(b"\0\0\0\x0dIHDR")
            .and_then(|rest| rest.first_chunk::<10>())
            .ok_or("a PNG image that ends in its header")?;
        let [a, b, c, d, e, f, g, h, depth, color] = *fields;
        let channels = match color {
            0 | 3 => 1,
            2 => 3,
            4 => 2,
            6 => 4,
            _ => return Err(format!("a PNG image of the unknown colour type {color}")),
        };
        Ok(Self {
            columns: u32::from_be_bytes([a, b, c, d]) as usize,
            rows: u32::from_be_bytes([e, f, g, h]) as usize,
            bits_per_pixel: usize::from(depth.min(16)) * channels,
        })
    }

    /// Maximum number of bytes of the inflated pixels. This also covers interlaced images, whose rows are cut into up
    /// to four pieces, each with a filter byte and one byte that is not full.
    fn inflated_bytes(&self) -> usize {
        self.rows * ((self.columns * self.bits_per_pixel).div_ceil(8) + 8) + 64
    }
}

/// Inflates a PNG file's pixels up to `limit` bytes without keeping them, so that a small file cannot expand to fill
/// the memory. Any other fault is left for the decoder to report.
fn check_inflated(bytes: &[u8], limit: usize) -> Result<(), String> {
    struct Room(Option<usize>);

    impl Write for Room {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 = self.0.and_then(|room| room.checked_sub(bytes.len()));
            match self.0 {
                Some(_) => Ok(bytes.len()),
                None => Err(io::ErrorKind::FileTooLarge.into()),
            }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    let mut inflater = ZlibDecoder::new(Room(Some(limit)));
    let mut rest = &bytes[Header::SIGNATURE.len().min(bytes.len())..];
    while let Some((head, after)) = rest.split_first_chunk::<8>() {
        let length = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let Some(data) = after.get(..length) else {
            break;
        };
        let done = head.ends_with(b"IDAT") && inflater.write_all(data).is_err();
        // Skip the checksum that follows.
        rest = after.get(length.saturating_add(4)..).unwrap_or_default();
        if done {
            break;
        }
    }
    // Ending the stream writes what is still in its buffer.
    let _ = inflater.try_finish();
    match inflater.get_ref().0 {
        Some(_) => Ok(()),
        None => Err(format!(
            "its pixels inflate to more than the {limit} bytes that its size allows"
        )),
    }
}

/// Reads labels: a JSON list of integers.
pub(super) fn json_labels(bytes: &[u8]) -> Result<Vec<u8>, String> {
    serde_json::from_slice(bytes).map_err(|error| format!("no JSON list of labels: {error}"))
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
#[allow(clippy::unwrap_used, reason = "a test may stop at a surprise")]
mod tests {
    use std::{fs, path::Path};

    use super::super::{DataError, Dataset, DatasetName, Source, Split, load};

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
        lodepng::encode24(&data, width, images.len() / SIZE).unwrap()
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
        let mut png = super::Header::SIGNATURE.to_vec();
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

    #[test]
    fn a_png_file_is_not_inflated_beyond_its_dimensions_or_ours() {
        let read = |bytes: &[u8]| {
            let mut pixels = Vec::new();
            super::png_rows(bytes, (3, 32, 32), &mut pixels).map(|()| pixels.len())
        };
        let exact = 2 * (1 + 3072);
        assert_eq!(read(&bomb(1024, 2, exact)), Ok(2 * 3072));
        let refused = |bytes: &[u8]| read(bytes).unwrap_err();
        assert!(refused(&bomb(1024, 2, 64 << 20)).contains("inflate to more than"));
        let wide = refused(&bomb(u32::MAX, u32::MAX, 10));
        assert!(wide.starts_with("4294967295x4294967295 pixels"), "{wide}");
        assert!(refused(&bomb(1024, 1 << 21, 10)).contains("pixels, expected 1024"));
        // The decoder finds that there are too few bytes.
        refused(&bomb(1024, 2, exact - 1));
        let good = bomb(1024, 2, exact);
        for end in 0..good.len() - 12 {
            refused(&good[..end]);
        }
        assert!(refused(b"GIF89a").contains("no PNG image"));
    }

    /// Checks files as pigz, bgzip and cat write them: nothing after the first member is lost.
    #[test]
    fn files_of_several_gzip_members_are_read_whole() {
        use std::io::Write as _;

        let dir = tempfile::tempdir().unwrap();
        let all = images(7);
        let records: Vec<u8> = (0..7_u8)
            .zip(all.chunks_exact(SIZE))
            .flat_map(|(label, image)| [&[label][..], image].concat())
            .collect();
        let mut packed = Vec::new();
        for part in records.chunks(2 * (1 + SIZE)) {
            let mut gz = flate2::write::GzEncoder::new(packed, flate2::Compression::fast());
            gz.write_all(part).unwrap();
            packed = gz.finish().unwrap();
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
