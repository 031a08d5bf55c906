//! NumPy arrays and archives.

use super::*;

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
    for (i, &value) in values.iter().enumerate() {
        let (n, y, x) = (i / 12, i / 3 % 4, i % 3);
        data[n + 2 * y + 8 * x] = value;
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
