//! Tests what the build refuses: runs the build script's modules on small trees and archives made here.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]
#![allow(dead_code, reason = "a test uses a part of each module")]

#[path = "../build/archive.rs"]
mod archive;
#[path = "../build/failure.rs"]
mod failure;
#[path = "../build/manifest.rs"]
mod manifest;
#[path = "../build/offline.rs"]
mod offline;
#[path = "../build/source.rs"]
mod source;
#[path = "../build/stage.rs"]
mod stage;
#[path = "../build/verify.rs"]
mod verify;

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::time::SystemTime;

use manifest::{Checksums, Manifest, parse_checksums, sha256};

const FILES: [(&str, &[u8]); 3] = [
    ("CMakeLists.txt", b"project(SEAL VERSION 4.0.0)\n"),
    ("native/src/a.cpp", b"int a;\n"),
    ("native/src/b.h", b"int b();\n"),
];

fn manifest() -> Manifest {
    Manifest {
        package: "some_package".into(),
        version: "1.2.3".into(),
        archive_sha256: String::new(),
        seal_version: "4.0.0".into(),
        root: "some_package-1.2.3/SEAL".into(),
        checksums: "SHA256SUMS".into(),
        unpacked: vec!["CMakeLists.txt".into(), "native".into()],
    }
}

fn sums() -> Checksums {
    FILES
        .iter()
        .map(|(path, bytes)| ((*path).to_owned(), sha256(bytes)))
        .collect()
}

/// Builds a gzipped tar archive. Paths are written unchanged, which the tar crate's own functions refuse to do.
fn pack(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (path, bytes) in entries {
        let mut header = tar::Header::new_gnu();
        header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        tar.append(&header, *bytes).unwrap();
    }
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&tar.into_inner().unwrap()).unwrap();
    gzip.finish().unwrap()
}

/// Builds the good archive with additional entries.
fn archive_with(more: &[(&str, &[u8])]) -> Vec<u8> {
    let named: Vec<(String, &[u8])> = FILES
        .iter()
        .map(|(path, bytes)| (format!("some_package-1.2.3/SEAL/{path}"), *bytes))
        .collect();
    let mut entries: Vec<(&str, &[u8])> = named.iter().map(|(p, b)| (p.as_str(), *b)).collect();
    entries.extend_from_slice(more);
    pack(&entries)
}

/// Unpacks the good archive to a folder `SEAL`.
fn good_tree(root: &Path) -> std::path::PathBuf {
    let tree = root.join("SEAL");
    archive::unpack(&archive_with(&[]), &manifest(), &sums(), &tree).unwrap();
    tree
}

#[test]
fn unpacked_tree_passes_and_holds_nothing_else() {
    let root = tempfile::tempdir().unwrap();
    let more: [(&str, &[u8]); 2] = [
        ("some_package-1.2.3/src/lib.rs", b"not ours"),
        ("some_package-1.2.3/SEAL/native/tests/c.cpp", b"not listed"),
    ];
    let tree = root.path().join("SEAL");
    archive::unpack(&archive_with(&more), &manifest(), &sums(), &tree).unwrap();
    let files = verify::verified_files(&tree, &sums()).unwrap();
    let expected: Vec<_> = FILES
        .iter()
        .map(|(path, bytes)| ((*path).to_owned(), bytes.to_vec()))
        .collect();
    assert_eq!(files, expected);
    assert_eq!(
        fs::read_dir(root.path()).unwrap().count(),
        1,
        "nothing temporary is left"
    );
    // The tree must be older than any build, otherwise cargo would run the build script once more.
    let age = fs::metadata(&tree).unwrap().modified().unwrap();
    assert!(age < SystemTime::now() - std::time::Duration::from_hours(24));
}

#[test]
fn tampered_file_is_named() {
    let root = tempfile::tempdir().unwrap();
    let tree = good_tree(root.path());
    fs::write(tree.join("native/src/a.cpp"), b"int a; // changed\n").unwrap();
    let message = verify::verified_files(&tree, &sums())
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("SEAL/native/src/a.cpp differs from its committed SHA-256"),
        "{message}"
    );
}

#[test]
fn missing_file_is_named() {
    let root = tempfile::tempdir().unwrap();
    let tree = good_tree(root.path());
    fs::remove_file(tree.join("native/src/b.h")).unwrap();
    let message = verify::verified_files(&tree, &sums())
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("SEAL/native/src/b.h is missing"),
        "{message}"
    );
}

#[test]
fn extra_file_is_named() {
    let root = tempfile::tempdir().unwrap();
    let tree = good_tree(root.path());
    fs::write(tree.join("native/src/c.cpp"), b"").unwrap();
    let message = verify::verified_files(&tree, &sums())
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("SEAL/native/src/c.cpp is not part of"),
        "{message}"
    );
}

#[cfg(unix)]
#[test]
fn link_to_a_folder_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let tree = good_tree(root.path());
    std::os::unix::fs::symlink("/", tree.join("native/all")).unwrap();
    let message = verify::verified_files(&tree, &sums())
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("SEAL/native/all is not part of"),
        "{message}"
    );
}

#[test]
fn archive_with_another_hash_is_refused() {
    let path = Path::new("cache/some_package-1.2.3.crate");
    let bytes = archive_with(&[]);
    archive::check(path, &bytes, &sha256(&bytes)).unwrap();
    let message = archive::check(path, &bytes, &sha256(b"another"))
        .unwrap_err()
        .to_string();
    assert!(
        message.contains(&sha256(&bytes)) && message.contains(&sha256(b"another")),
        "{message}"
    );
    assert!(message.contains("some_package-1.2.3.crate"), "{message}");
}

#[test]
fn archive_whose_paths_leave_the_folder_is_refused() {
    for path in [
        "some_package-1.2.3/SEAL/../../escaped",
        "../escaped",
        "/tmp/seal-sys-escaped",
    ] {
        let root = tempfile::tempdir().unwrap();
        let tree = root.path().join("inner").join("SEAL");
        let archive = archive_with(&[(path, b"bad")]);
        let message = archive::unpack(&archive, &manifest(), &sums(), &tree)
            .unwrap_err()
            .to_string();
        assert!(
            message.contains(path) && message.contains("leaves its folder"),
            "{message}"
        );
        assert!(!tree.exists() && !root.path().join("escaped").exists());
        let left = fs::read_dir(root.path().join("inner")).unwrap().count();
        assert_eq!(left, 0, "a refused archive leaves nothing behind");
    }
}

#[test]
fn archive_that_alters_or_lacks_a_listed_file_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let tree = root.path().join("SEAL");
    let mut other = sums();
    other.insert("native/src/a.cpp".into(), sha256(b"something else"));
    let message = archive::unpack(&archive_with(&[]), &manifest(), &other, &tree)
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("SEAL/native/src/a.cpp in the archive differs"),
        "{message}"
    );

    let mut other = sums();
    other.insert("native/src/z.cpp".into(), sha256(b""));
    let message = archive::unpack(&archive_with(&[]), &manifest(), &other, &tree)
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("lacks some_package-1.2.3/SEAL/native/src/z.cpp"),
        "{message}"
    );
    assert!(!tree.exists());
}

#[test]
fn second_of_two_builds_keeps_the_first_ones_tree() {
    let root = tempfile::tempdir().unwrap();
    let tree = good_tree(root.path());
    let marked = tree.join("CMakeLists.txt");
    let before = fs::metadata(&marked).unwrap().modified().unwrap();
    archive::unpack(&archive_with(&[]), &manifest(), &sums(), &tree).unwrap();
    assert_eq!(fs::metadata(&marked).unwrap().modified().unwrap(), before);
    assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1);
    verify::verified_files(&tree, &sums()).unwrap();
}

#[test]
fn malformed_lists_name_the_line() {
    let hash = sha256(b"x");
    for (text, expected) in [
        (format!("{hash}  a\nnonsense\n"), "line 2: not a hash"),
        (
            format!("{}  a\n", hash.to_uppercase()),
            "line 1: the hash is not",
        ),
        (format!("{hash}  ../a\n"), "line 1: the path leaves"),
        (format!("{hash}  /a\n"), "line 1: the path leaves"),
        (
            format!("{hash}  a\n{hash}  a\n"),
            "line 2: the path is listed twice",
        ),
        (String::new(), "lists no file"),
    ] {
        let message = parse_checksums(&text).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn staging_touches_only_what_changed() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("source");
    let file = |path: &str, text: &str| (path.to_owned(), text.as_bytes().to_vec());
    stage::stage(&[file("a", "1"), file("b/c", "2"), file("d", "3")], &folder).unwrap();
    let old = SystemTime::UNIX_EPOCH;
    for path in ["a", "b/c"] {
        let opened = fs::File::options()
            .append(true)
            .open(folder.join(path))
            .unwrap();
        opened.set_modified(old).unwrap();
    }
    // A file written by HEXL's CMake files stays; a file of an older source is removed.
    fs::create_dir_all(folder.join("hexl/util")).unwrap();
    fs::write(folder.join("hexl/util/defines.hpp"), "made").unwrap();
    stage::stage(&[file("a", "1"), file("b/c", "changed")], &folder).unwrap();
    let modified = |path: &str| fs::metadata(folder.join(path)).unwrap().modified().unwrap();
    assert_eq!(modified("a"), old);
    assert_ne!(modified("b/c"), old);
    assert_eq!(fs::read(folder.join("b/c")).unwrap(), b"changed");
    assert!(!folder.join("d").exists());
    assert!(folder.join("hexl/util/defines.hpp").exists());
}

#[test]
fn committed_manifest_and_list_agree() {
    let vendor = Path::new(env!("CARGO_MANIFEST_DIR")).join("vendor");
    let (manifest, sums) = Manifest::load(&vendor).unwrap();
    assert_eq!(manifest.archive_name(), "seal_fhe-0.6.0.crate");
    for path in [
        "LICENSE",
        "thirdparty/hexl/LICENSE",
        "thirdparty/zstd/LICENSE",
    ] {
        assert!(sums.contains_key(path), "{path} travels with the source");
    }
}

#[test]
fn a_published_package_and_a_repository_keep_their_source_in_different_folders() {
    let root = tempfile::tempdir().unwrap();
    let crate_dir = root.path().join("seal-sys");
    fs::create_dir_all(crate_dir.join("vendor")).unwrap();
    // This is how cargo unpacks the package: the files are inside, and nothing of ours is beside it.
    assert_eq!(
        source::data_folder(&crate_dir),
        (crate_dir.join("vendor"), false)
    );
    // An unrelated folder of that name beside the package does not make it our repository.
    fs::create_dir_all(root.path().join("vendor")).unwrap();
    assert!(!source::data_folder(&crate_dir).1);
    fs::write(root.path().join("vendor/manifest.json"), "{}").unwrap();
    let (folder, in_repository) = source::data_folder(&crate_dir);
    assert!(in_repository);
    assert_eq!(
        folder,
        fs::canonicalize(root.path().join("vendor")).unwrap()
    );
    // The advice names the folder that the build searches.
    let advice = archive::other_ways(&folder.join("SEAL"));
    assert!(
        advice.contains(&folder.join("SEAL").display().to_string()),
        "{advice}"
    );
}

#[test]
fn a_checkout_needs_only_what_the_features_ask_for() {
    let both = source::Parts {
        hexl: true,
        zstd: true,
    };
    let plain = [("CMakeLists.txt".to_owned(), Vec::new())];
    assert_eq!(both.missing(&plain), ["zstd", "hexl"]);
    let neither = source::Parts {
        hexl: false,
        zstd: false,
    };
    assert!(neither.missing(&plain).is_empty());
    let zstd = source::Parts {
        hexl: false,
        ..both
    };
    assert_eq!(zstd.missing(&plain), ["zstd"]);
    let own = [("thirdparty/hexl-src/a.cpp".to_owned(), Vec::new())];
    assert_eq!(both.missing(&own), ["zstd"]);
}

#[test]
fn offline_is_known_before_cargo_tries_the_network() {
    assert_eq!(
        offline::flag(b"cargo\0build\0--offline\0"),
        Some("--offline")
    );
    assert_eq!(offline::flag(b"cargo\0--frozen\0test\0"), Some("--frozen"));
    assert_eq!(offline::flag(b"cargo\0run\0--\0--offline\0"), None);
    assert_eq!(offline::flag(b"cargo\0test\0offline\0"), None);
    assert_eq!(
        offline::configured("[net]\nretry = 2\noffline = true # a train"),
        Some(true)
    );
    assert_eq!(offline::configured("net.offline = true"), Some(true));
    assert_eq!(offline::configured("[net]\noffline = false"), Some(false));
    assert_eq!(offline::configured("[http]\noffline = true"), None);
    assert_eq!(offline::configured("[net]\n#offline = true"), None);

    let root = tempfile::tempdir().unwrap();
    let out = root.path().join("target/debug/build/seal-sys-0/out");
    fs::create_dir_all(&out).unwrap();
    fs::create_dir(root.path().join(".cargo")).unwrap();
    fs::write(
        root.path().join(".cargo/config.toml"),
        "[net]\noffline = true\n",
    )
    .unwrap();
    assert!(offline::reason(&out).unwrap().contains("net.offline"));
}
