//! IDX and CSV files, labels, datasets.

use super::*;

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
}

#[test]
fn tables_that_are_not_clear_are_refused() {
    let dir = folder();
    let shape = Shape::new(1, 2, 3);
    let none = ReadOptions::default();
    let column = |column: &str| ReadOptions {
        label_column: Some(column.to_owned()),
        ..ReadOptions::default()
    };
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
