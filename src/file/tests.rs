use super::*;

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_file_is_replaced_whole_and_directories_are_made() {
    let top = tempfile::tempdir().unwrap();
    let path = top.path().join("runs/today/record.json");
    write_atomically(&path, b"first, and longer").unwrap();
    write_atomically(&path, b"second").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"second");
    assert_eq!(names(path.parent().unwrap()), ["record.json"]);
}

#[test]
fn json_ends_with_a_line() {
    let top = tempfile::tempdir().unwrap();
    let path = top.path().join("record.json");
    write_json(&path, &[1, 2]).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.ends_with("]\n"), "{text}");
    assert_eq!(serde_json::from_str::<Vec<u64>>(&text).unwrap(), [1, 2]);
}

#[test]
fn a_refusal_leaves_nothing_behind() {
    let top = tempfile::tempdir().unwrap();
    let path = top.path().join("taken");
    fs::create_dir_all(path.join("inside")).unwrap();
    write_atomically(&path, b"a directory is in the way").unwrap_err();
    assert_eq!(names(top.path()), ["taken"]);
    let file = top.path().join("file");
    write_atomically(&file, b"old").unwrap();
    let refused = replace(&file, |file| {
        file.write_all(b"half of the new").unwrap();
        Err::<(), _>("no more")
    });
    assert_eq!(refused.unwrap().unwrap_err(), "no more");
    assert_eq!(fs::read(&file).unwrap(), b"old");
    assert_eq!(names(top.path()), ["file", "taken"]);
}

/// Checks that impossible outputs are reported before the work as well as after it, and that checking creates nothing.
#[test]
fn impossible_outputs_are_known_beforehand() {
    let top = tempfile::tempdir().unwrap();
    let at = |name: &str| top.path().join(name);
    fs::write(at("file"), b"old").unwrap();
    fs::create_dir(at("directory")).unwrap();
    for (name, says) in [
        ("directory", "it is a directory"),
        ("directory/", "it names a directory"),
        ("new/", "it names a directory"),
        ("new/..", "it names a directory"),
        ("file/record.json", "is not a directory"),
        ("file/runs/record.json", "is not a directory"),
    ] {
        let error = check_output(&at(name)).unwrap_err().to_string();
        assert!(error.contains(says), "{name}: {error}");
        write_atomically(&at(name), b"new").unwrap_err();
    }
    check_output(Path::new("")).unwrap_err();
    for name in ["file", "new", "new/deep/record.json"] {
        check_output(&at(name)).unwrap();
    }
    assert_eq!(names(top.path()), ["directory", "file"]);
    assert_eq!(fs::read(at("file")).unwrap(), b"old");

    let mut permissions = fs::metadata(at("file")).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(at("file"), permissions).unwrap();
    let file = at("file");
    for refused in [check_output(&file), write_atomically(&file, b"new")] {
        assert!(refused.unwrap_err().to_string().contains("read-only"));
    }
    assert_eq!(fs::read(at("file")).unwrap(), b"old");
}

/// A result replaces an older one and nothing else, whatever the user names by mistake.
#[test]
fn results_replace_only_results_of_their_kind() {
    let top = tempfile::tempdir().unwrap();
    let at = |name: &str| top.path().join(name);
    fs::create_dir(at("model")).unwrap();
    fs::create_dir(at("out")).unwrap();
    let record = r#"{"git_commit": "abc", "command": "x", "twin_mismatches": 0}"#;
    for (name, text) in [
        ("record.json", record),
        ("empty", ""),
        ("model/network.json.gz", "a network"),
        ("model/notes.json", record),
        ("config.json", r#"{"name": "x", "epochs": 3}"#),
        ("other.json", r#"{"git_commit": "abc", "time": "today"}"#),
        ("drawing.svg", "<svg width=\"3\"><circle/></svg>"),
        ("notes.md", "# My notes"),
        ("half.json", r#"{"git_commit": "abc", "time": "#),
        ("list.json", r#"["git_commit", "time"]"#),
        ("images-idx3-ubyte", "\0\0\u{8}\u{3}"),
        (
            "curves.svg",
            "<svg width=\"3\" height=\"2\">\n<rect x=\"0\" y=\"0\" width=\"3\"/>",
        ),
        (
            "scaling.md",
            "# Scaling\n\nWritten by `sealquant reproduce scaling`.",
        ),
    ] {
        fs::write(at(name), text).unwrap();
    }
    let check = |name: &str, kind| check_result(&at(name), kind, Some(&at("out")));
    for allowed in [
        "record.json",
        "empty",
        "new/record.json",
        "model/notes.json",
        "model/new.json",
        "out/new.json",
    ] {
        check(allowed, ResultKind::Record).unwrap();
    }
    for (name, says) in [
        ("model/network.json.gz", "belongs to the model"),
        ("model/network.json", "belongs to the model"),
        ("model/record.json", "belongs to the model"),
        ("out/config.json", "belongs to the model"),
        ("out/../out/record.json", "belongs to the model"),
        ("new/.model-ready", "belongs to the model"),
        ("other.json", "not a record"),
        ("config.json", "not a record"),
        ("half.json", "not a record"),
        ("list.json", "not a record"),
        ("images-idx3-ubyte", "not a record"),
        ("curves.svg", "not a record"),
    ] {
        let error = check(name, ResultKind::Record).unwrap_err().to_string();
        assert!(error.contains(says), "{name}: {error}");
    }
    #[cfg(feature = "cli")]
    {
        use crate::file_kind::Own;

        for allowed in ["curves.svg", "empty", "new.svg", "out/curves.svg"] {
            check(allowed, ResultKind::Plot).unwrap();
        }
        let refused = "record.json config.json out/record.json drawing.svg";
        for refused in refused.split(' ') {
            check(refused, ResultKind::Plot).unwrap_err();
        }
        check("scaling.md", ResultKind::Document).unwrap();
        check("notes.md", ResultKind::Document).unwrap_err();
        check("record.json", ResultKind::Only(Own::RunRecord)).unwrap();
        check("record.json", ResultKind::Only(Own::TimingRecord)).unwrap_err();
    }
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("model/network.json.gz", at("link")).unwrap();
        check("link", ResultKind::Record).unwrap_err();
    }
    let network = fs::read(at("model/network.json.gz")).unwrap();
    assert_eq!(network, b"a network");
}

#[test]
fn what_a_killed_process_left_is_removed_and_what_is_in_use_stays() {
    let top = tempfile::tempdir().unwrap();
    let parent = top.path().join("cache");
    fs::create_dir_all(parent.join(".fetch-dEaD01/files")).unwrap();
    fs::write(parent.join(".fetch-dEaD01/files/half"), b"half").unwrap();
    let used = TemporaryDirectory::create(&parent, ".fetch-").unwrap();
    fs::write(used.path().join("file"), b"").unwrap();
    for kept in [".fetch-", ".fetch-a.b", "fetch-abc"] {
        fs::create_dir(parent.join(kept)).unwrap();
    }
    // A file locked through another handle behaves like a file of another process.
    let in_use = File::create(parent.join(".sealquant-uSed12")).unwrap();
    in_use.lock().unwrap();
    fs::write(parent.join(".sealquant-dEaD01"), b"half").unwrap();
    write_atomically(&parent.join("file"), b"new").unwrap();
    clear_abandoned(&parent, ".fetch-");
    let name = used.path().file_name().unwrap().to_owned();
    let left = [
        ".fetch-",
        ".fetch-a.b",
        ".sealquant-uSed12",
        "fetch-abc",
        "file",
    ];
    let mut with_used = [&left[..], &[name.to_str().unwrap()]].concat();
    with_used.sort_unstable();
    assert_eq!(names(&parent), with_used);
    drop(used);
    assert_eq!(names(&parent), left);
}

#[cfg(unix)]
mod unix {
    use std::{
        fs::Permissions,
        io::Read as _,
        os::unix::fs::{FileTypeExt as _, PermissionsExt as _, symlink},
        process::Command,
        thread,
    };

    use super::*;

    #[test]
    fn links_are_followed_and_stay() {
        let top = tempfile::tempdir().unwrap();
        let at = |name: &str| top.path().join(name);
        fs::create_dir(at("real")).unwrap();
        fs::write(at("real/file"), b"old").unwrap();
        fs::set_permissions(at("real/file"), Permissions::from_mode(0o600)).unwrap();
        symlink("real/file", at("one")).unwrap();
        symlink(at("one"), at("two")).unwrap();
        symlink("real", at("folder")).unwrap();
        symlink("real/later/new", at("dangling")).unwrap();
        symlink("round", at("about")).unwrap();
        symlink("about", at("round")).unwrap();
        for (number, link) in ["one", "two", "folder/file"].into_iter().enumerate() {
            check_output(&at(link)).unwrap();
            write_atomically(&at(link), &[number as u8]).unwrap();
            assert_eq!(fs::read(at("real/file")).unwrap(), [number as u8]);
        }
        let mode = fs::metadata(at("real/file")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "a private file stays private");
        check_output(&at("dangling")).unwrap();
        write_atomically(&at("dangling"), b"new").unwrap();
        assert_eq!(fs::read(at("real/later/new")).unwrap(), b"new");
        for link in ["one", "two", "dangling", "folder"] {
            let kept = fs::symlink_metadata(at(link)).unwrap();
            assert!(kept.is_symlink(), "{link}");
        }
        let round = at("round");
        for refused in [check_output(&round), write_atomically(&round, b"")] {
            assert!(refused.unwrap_err().to_string().contains("circles"));
        }
        symlink("nowhere", at("lost")).unwrap();
        let error = target::check_directory(&at("lost/runs")).unwrap_err();
        assert!(error.to_string().contains("leads nowhere"), "{error}");
        assert_eq!(names(&at("real")), ["file", "later"]);
    }

    #[test]
    fn pipes_and_devices_are_written_to_as_they_are() {
        let top = tempfile::tempdir().unwrap();
        let pipe = top.path().join("pipe");
        let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
        assert!(made.success());
        let link = top.path().join("link");
        symlink(&pipe, &link).unwrap();
        for path in [&pipe, &link] {
            check_output(path).unwrap();
            let reader = {
                let pipe = pipe.clone();
                thread::spawn(move || {
                    let mut read = Vec::new();
                    File::open(pipe).unwrap().read_to_end(&mut read).unwrap();
                    read
                })
            };
            write_atomically(path, b"through the pipe").unwrap();
            assert_eq!(reader.join().unwrap(), b"through the pipe");
            assert!(fs::metadata(&pipe).unwrap().file_type().is_fifo());
        }
        let null = top.path().join("null");
        symlink("/dev/null", &null).unwrap();
        for path in [Path::new("/dev/null"), &null] {
            check_output(path).unwrap();
            write_atomically(path, b"gone").unwrap();
            let kept = fs::metadata("/dev/null").unwrap().file_type();
            assert!(kept.is_char_device());
        }
        assert_eq!(names(top.path()), ["link", "null", "pipe"]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_an_error() {
        check_output(Path::new("/dev/full")).unwrap();
        let error = write_atomically(Path::new("/dev/full"), b"too much").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull, "{error}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn standard_output_is_known_by_all_its_names() {
        use super::super::target::Stream;
        let found = |path: &str| match Target::find(Path::new(path)).unwrap() {
            Target::Stream(stream) => stream,
            Target::File { path, .. } => unreachable!("{}", path.display()),
        };
        for name in ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"] {
            assert_eq!(found(name), Stream::Stdout, "{name}");
        }
        assert_eq!(found("/dev/stderr"), Stream::Stderr);
        // This process has the file open.
        let file = tempfile::tempfile().unwrap();
        let number = std::os::fd::AsRawFd::as_raw_fd(&file);
        let name = format!("/proc/self/fd/{number}");
        assert_eq!(found(&name), Stream::Path((&name).into()));
    }

    /// Checks a directory that cannot be written into, where the system enforces that (root may write anywhere).
    #[test]
    fn a_directory_that_cannot_be_written_into_is_known_beforehand() {
        let top = tempfile::tempdir().unwrap();
        fs::set_permissions(top.path(), Permissions::from_mode(0o555)).unwrap();
        let as_root = tempfile::tempfile_in(top.path()).is_ok();
        let path = top.path().join("new/record.json");
        assert_eq!(check_output(&path).is_ok(), as_root);
        assert_eq!(target::check_directory(&path).is_ok(), as_root);
        fs::set_permissions(top.path(), Permissions::from_mode(0o755)).unwrap();
        if Path::new("/proc/self").exists() {
            check_output(Path::new("/proc/record.json")).unwrap_err();
        }
    }
}
