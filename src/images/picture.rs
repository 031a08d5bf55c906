//! Decodes PNG and JPEG files and converts them to a network's pixels, as the parent module describes.

use std::{
    io::Cursor,
    path::{Path, PathBuf},
};

use image::{
    ColorType, DynamicImage, GrayImage, ImageDecoder as _, ImageFormat, ImageReader, Limits,
    RgbImage,
    imageops::{self, FilterType},
    metadata::Orientation,
};

use super::{
    ImagesError, ImagesEvent, Inversion, Read, Reading,
    folder::{self, PictureList},
    input, jpeg, utf8,
};
use crate::network::Shape;

/// Most bytes of a picture file.
const MAX_FILE_BYTES: u64 = 1 << 29;
/// Most pixels of a picture.
const MAX_PIXELS: u64 = 1 << 26;
/// Longest side of a picture.
const MAX_SIDE: u32 = 1 << 16;
/// Most bytes that a decoder may take.
const MAX_DECODER_BYTES: u64 = 1 << 29;

/// Reads files one after another.
pub(super) fn read_files(
    reading: &Reading<'_>,
    files: Vec<PathBuf>,
    progress: &mut dyn FnMut(ImagesEvent),
) -> Result<Read, ImagesError> {
    let names = files
        .iter()
        .map(|path| utf8(path, path).map(str::to_owned))
        .collect::<Result<_, _>>()?;
    let listed = PictureList {
        files,
        names,
        labels: None,
        skipped: 0,
    };
    read_listed(reading, listed, progress)
}

/// Reads the pictures of a folder.
pub(super) fn read_folder(
    reading: &Reading<'_>,
    folder: &Path,
    progress: &mut dyn FnMut(ImagesEvent),
) -> Result<Read, ImagesError> {
    read_listed(reading, folder::list(folder)?, progress)
}

fn read_listed(
    reading: &Reading<'_>,
    mut listed: PictureList,
    progress: &mut dyn FnMut(ImagesEvent),
) -> Result<Read, ImagesError> {
    let shape = reading.shape;
    let total = listed.files.len();
    let path = listed.files.first().map_or(Path::new(""), PathBuf::as_path);
    if ![1, 3].contains(&shape.channels) || shape.height * shape.width == 1 {
        return Err(ImagesError::refused(
            path,
            format!(
                "a picture cannot become {shape}, which the network reads (1 or 3 channels are needed); give the \
                 network's values as an array (.npy) or as CSV"
            ),
        ));
    }
    let range = reading.select(path, total)?;
    let mut pixels = Vec::with_capacity(range.len() * shape.len());
    for (done, path) in listed.files[range.clone()].iter().enumerate() {
        let bytes = input::read_plain(path, MAX_FILE_BYTES)?;
        let image = convert(&bytes, shape, reading.options.invert)
            .map_err(|reason| ImagesError::refused(path, reason))?;
        pixels.extend(image);
        progress(ImagesEvent::Picture {
            done: done + 1,
            total: range.len(),
        });
    }
    Ok(Read {
        kind: Inversion::Decoded,
        pixels,
        names: listed.names.drain(range.clone()).collect(),
        labels: listed.labels.map(|labels| labels[range.clone()].to_vec()),
        skipped: listed.skipped,
        total,
        range,
    })
}

/// Decodes a picture file and converts it to an image of `shape`, which has one channel or three.
fn convert(bytes: &[u8], shape: Shape, invert: bool) -> Result<Vec<u8>, String> {
    let (decoded, orientation) = decode(bytes, shape.channels == 1, invert)?;
    let (width, height) = (shape.width as u32, shape.height as u32);
    let turned = matches!(
        orientation,
        Orientation::Rotate90
            | Orientation::Rotate270
            | Orientation::Rotate90FlipH
            | Orientation::Rotate270FlipH
    );
    let room = if turned {
        (height, width)
    } else {
        (width, height)
    };
    let mut scaled = scale(decoded, room);
    scaled.apply_orientation(orientation);
    Ok(centre(&scaled, shape))
}

/// Decodes a picture to grey or RGB, without transparency.
fn decode(bytes: &[u8], grey: bool, invert: bool) -> Result<(DynamicImage, Orientation), String> {
    let damaged = |error: image::ImageError| match error {
        image::ImageError::Limits(_) => too_large(),
        error => format!("the picture is damaged or of an unusual kind: {error}; save it again"),
    };
    if !input::is_picture(bytes) {
        let kind = input::describe(bytes);
        let kind = kind.unwrap_or_else(|| "a file of no known kind".to_owned());
        return Err(format!("no PNG or JPEG picture: this is {kind}"));
    }
    let format = if bytes.starts_with(b"\xff") {
        if !jpeg::is_complete(bytes) {
            return Err("the JPEG picture ends too early; copy or download it again".to_owned());
        }
        ImageFormat::Jpeg
    } else {
        ImageFormat::Png
    };
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_DECODER_BYTES);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(damaged)?;
    let (width, height) = decoder.dimensions();
    let raw_bytes = decoder.total_bytes();
    if u64::from(width) * u64::from(height) > MAX_PIXELS || raw_bytes > MAX_DECODER_BYTES {
        return Err(too_large());
    }
    let orientation = decoder.orientation().map_err(damaged)?;
    let color = decoder.color_type();
    let mut raw = vec![0; raw_bytes as usize];
    decoder.read_image(&mut raw).map_err(damaged)?;
    let samples = samples(&raw, color, grey, invert)?;
    let image = if grey {
        GrayImage::from_raw(width, height, samples).map(DynamicImage::from)
    } else {
        RgbImage::from_raw(width, height, samples).map(DynamicImage::from)
    };
    let image = image.ok_or("the decoder gave another number of pixels than the picture has")?;
    Ok((image, orientation))
}

fn too_large() -> String {
    format!(
        "the picture is too large: at most {} million pixels, {MAX_SIDE} on a side, are read; scale it down",
        MAX_PIXELS / 1_000_000
    )
}

/// Converts decoded pixels to 8 bits of grey, or of red, green and blue.
fn samples(raw: &[u8], color: ColorType, grey: bool, invert: bool) -> Result<Vec<u8>, String> {
    let (wide, channels) = match color {
        ColorType::L8 => (false, 1),
        ColorType::La8 => (false, 2),
        ColorType::Rgb8 => (false, 3),
        ColorType::Rgba8 => (false, 4),
        ColorType::L16 => (true, 1),
        ColorType::La16 => (true, 2),
        ColorType::Rgb16 => (true, 3),
        ColorType::Rgba16 => (true, 4),
        other => {
            return Err(format!(
                "pixels of the kind {other:?}; save it with 8 bits a channel"
            ));
        }
    };
    let bytes = if wide { 2 } else { 1 };
    let background = if invert { 255 } else { 0 };
    let pixels = raw.len() / (channels * bytes);
    let mut out = Vec::with_capacity(pixels * if grey { 1 } else { 3 });
    for pixel in raw.chunks_exact(channels * bytes) {
        let mut values = [0_u32; 4];
        for (value, sample) in values.iter_mut().zip(pixel.chunks_exact(bytes)) {
            *value = match sample {
                [low, high] => (u32::from(u16::from_ne_bytes([*low, *high])) + 128) / 257,
                one => u32::from(one[0]),
            };
        }
        let [a, b, c, d] = values;
        let (rgb, alpha) = match channels {
            1 => ([a; 3], 255),
            2 => ([a; 3], b),
            3 => ([a, b, c], 255),
            _ => ([a, b, c], d),
        };
        let finish = |value: u32| {
            let value = value as u8;
            if invert { 255 - value } else { value }
        };
        let [r, g, b] = rgb.map(|v| (v * alpha + background * (255 - alpha) + 127) / 255);
        if grey {
            out.push(finish((19595 * r + 38470 * g + 7471 * b + 32768) >> 16));
        } else {
            out.extend([r, g, b].map(finish));
        }
    }
    Ok(out)
}

/// Scales a picture so that it just fits into `room`, its width and height.
fn scale(image: DynamicImage, room: (u32, u32)) -> DynamicImage {
    let (width, height) = (image.width(), image.height());
    let (w, h) = fit((width, height), room);
    if (w, h) == (width, height) {
        return image;
    }
    match image {
        DynamicImage::ImageLuma8(grey) => {
            imageops::resize(&grey, w, h, FilterType::Triangle).into()
        }
        other => imageops::resize(&other.into_rgb8(), w, h, FilterType::Triangle).into(),
    }
}

/// Returns the largest size that fits into `room` in the proportions of `size`, with rounding to whole pixels.
fn fit(size: (u32, u32), room: (u32, u32)) -> (u32, u32) {
    let [w, h, room_w, room_h] = [size.0, size.1, room.0, room.1].map(u64::from);
    // a * b / c to the nearest, at least 1.
    let scaled = |a: u64, b: u64, c: u64| ((2 * a * b + c) / (2 * c)).max(1) as u32;
    if w * room_h >= h * room_w {
        (room.0, scaled(h, room_w, w).min(room.1))
    } else {
        (scaled(w, room_h, h).min(room.0), room.1)
    }
}

/// Puts a picture that fits into the middle of an image of zeros, channel by channel.
fn centre(image: &DynamicImage, shape: Shape) -> Vec<u8> {
    let (width, height) = (image.width() as usize, image.height() as usize);
    let (left, top) = (
        shape.width.saturating_sub(width) / 2,
        shape.height.saturating_sub(height) / 2,
    );
    let mut out = vec![0; shape.len()];
    let rows = image.as_bytes().chunks_exact(width * shape.channels);
    for (y, row) in rows.take(shape.height).enumerate() {
        for (x, pixel) in row
            .chunks_exact(shape.channels)
            .take(shape.width)
            .enumerate()
        {
            for (c, &value) in pixel.iter().enumerate() {
                out[shape.index(c, top + y, left + x)] = value;
            }
        }
    }
    out
}
