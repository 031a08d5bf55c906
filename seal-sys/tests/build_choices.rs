//! Tests the decisions that the build makes before compiling: where it works, what it links, and what it tells CMake.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]
#![allow(dead_code, reason = "a test uses a part of each module")]

#[path = "../build/cross.rs"]
mod cross;
#[path = "../build/failure.rs"]
mod failure;
#[path = "../build/flags.rs"]
mod flags;
#[path = "../build/install.rs"]
mod install;
#[path = "../build/layout.rs"]
mod layout;
#[path = "../build/limits.rs"]
mod limits;

use std::fs;
use std::path::{Path, PathBuf};

use install::Install;

const LINUX: &str = "x86_64-unknown-linux-gnu";

#[test]
fn the_target_folder_is_read_from_cargos_layout_alone() {
    for (out_dir, triple, expected) in [
        (
            "/w/target/debug/build/seal-sys-0a1/out",
            LINUX,
            Some("/w/target"),
        ),
        (
            "/w/target/release/build/seal-sys/0a1/out",
            LINUX,
            Some("/w/target"),
        ),
        (
            "/w/target/aarch64-unknown-linux-gnu/debug/build/seal-sys-0a1/out",
            "aarch64-unknown-linux-gnu",
            Some("/w/target"),
        ),
        // Any folder name, any profile name, and outer folders with the same names as cargo's own.
        ("/cache/quick/build/seal-sys-1/out", LINUX, Some("/cache")),
        (
            "/build/out/build/x/debug/build/seal-sys-1/out",
            LINUX,
            Some("/build/out/build/x"),
        ),
        // Not cargo's layout: the caller then stays in its own folder.
        ("/bazel/seal-sys-1/out", LINUX, None),
        ("/w/target/debug/build/other-1/out", LINUX, None),
        ("/w/target/debug/build/seal-sys-1/elsewhere", LINUX, None),
        ("out", LINUX, None),
        ("/build/seal-sys-1/out", LINUX, None),
    ] {
        assert_eq!(
            layout::target_folder(Path::new(out_dir), triple),
            expected.map(Path::new),
            "{out_dir}"
        );
    }
}

/// Tests a cache mounted into a container, in a home folder marked as a cache: cargo marks only folders that it
/// created.
#[test]
fn a_mark_on_a_folder_above_is_not_followed() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("CACHEDIR.TAG"), "").unwrap();
    let out = root.path().join("target/debug/build/seal-sys-0/out");
    fs::create_dir_all(&out).unwrap();
    let folder = layout::target_folder(&out, LINUX).unwrap();
    assert_eq!(folder, root.path().join("target"));
}

/// Creates an installation with these libraries, and with headers of the given versions in the given folders.
fn installation(root: &Path, headers: &[(&str, &str)], libraries: &[&str]) -> PathBuf {
    for (folder, version) in headers {
        let seal = root.join(folder).join("seal");
        fs::create_dir_all(seal.join("util")).unwrap();
        fs::write(seal.join("seal.h"), "").unwrap();
        let config = format!("#define SEAL_VERSION \"{version}\"\n#define SEAL_USE_ZSTD\n");
        fs::write(seal.join("util/config.h"), config).unwrap();
    }
    for library in libraries {
        let path = root.join(library);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
    }
    root.to_owned()
}

#[test]
fn libraries_are_found_wherever_systems_put_them() {
    for (folder, triple) in [
        ("lib", LINUX),
        ("lib64", LINUX),
        ("lib/x86_64-linux-gnu", LINUX),
        ("lib/aarch64-linux-gnu", "aarch64-unknown-linux-gnu"),
        ("lib/arm-linux-gnueabihf", "armv7-unknown-linux-gnueabihf"),
        ("lib/i386-linux-gnu", "i686-unknown-linux-gnu"),
    ] {
        for name in ["libseal-4.1.a", "libseal.so"] {
            let root = tempfile::tempdir().unwrap();
            let library = format!("{folder}/{name}");
            // There is always a `lib` folder with other libraries.
            let files = [library.as_str(), "lib/libother.a"];
            let headers = [("include/SEAL-4.1", "4.1.2")];
            let prefix = installation(root.path(), &headers, &files);
            let install = Install::inspect(&prefix, triple).unwrap();
            assert_eq!(install.lib, prefix.join(folder));
            assert_eq!(install.version, "4.1.2");
        }
    }
}

#[test]
fn headers_and_libraries_are_of_one_version() {
    let root = tempfile::tempdir().unwrap();
    let prefix = installation(
        root.path(),
        &[
            ("include/SEAL-4.9", "4.9.0"),
            ("include/SEAL-4.10", "4.10.0"),
            ("include/SEAL-4.1", "4.1.0"),
        ],
        &["lib/libseal-4.1.a", "lib64/libseal-4.9.a"],
    );
    let install = Install::inspect(&prefix, LINUX).unwrap();
    assert_eq!(install.version, "4.9.0");
    assert_eq!(install.lib, prefix.join("lib64"));
}

#[test]
fn an_installation_without_a_library_names_the_folders_that_were_tried() {
    let root = tempfile::tempdir().unwrap();
    let prefix = installation(
        root.path(),
        &[("include/SEAL-4.0", "4.0.0")],
        &["lib/libseal-3.7.a"],
    );
    let Err(failure) = Install::inspect(&prefix, LINUX) else {
        panic!("there is no library");
    };
    let message = failure.to_string();
    assert!(
        message.contains("lib, lib64, lib/x86_64-linux-gnu") && message.contains("libseal-4.0.a"),
        "{message}"
    );
}

#[test]
fn what_cmake_cannot_run_is_told_for_each_target() {
    let results = |arch, vendor, env| cross::results(&cross::Target { arch, vendor, env });
    let on = |results: &[(&str, &str)]| -> Vec<String> {
        results
            .iter()
            .filter(|(_, value)| *value == "ON")
            .map(|(name, _)| (*name).to_owned())
            .collect()
    };
    let arm = results("aarch64", "unknown", "gnu");
    assert_eq!(on(&arm), ["SEAL___BUILTIN_CLZLL_FOUND"]);
    let intel = results("x86_64", "unknown", "musl");
    assert_eq!(
        on(&intel),
        [
            "SEAL___BUILTIN_CLZLL_FOUND",
            "SEAL__ADDCARRY_U64_FOUND",
            "SEAL__SUBBORROW_U64_FOUND"
        ]
    );
    let apple = results("aarch64", "apple", "");
    assert!(on(&apple).contains(&"SEAL_MEMSET_S_FOUND".to_owned()));
}

/// Checks that no check in the available source is left to CMake, which would stop or crash.
#[test]
fn every_check_that_runs_a_program_has_a_result() {
    let vendor = Path::new(env!("CARGO_MANIFEST_DIR")).join("../vendor");
    let Ok(folder) = fs::read_dir(vendor.join("SEAL/cmake")) else {
        // In a published package, or with another SEAL, there is nothing to compare with.
        assert!(
            !vendor.join("manifest.json").is_file()
                || ["SEAL_DIR", "SEAL_SOURCE_DIR"]
                    .iter()
                    .any(|name| std::env::var_os(name).is_some()),
            "the build unpacks SEAL into {}",
            vendor.display()
        );
        return;
    };
    let known = cross::results(&cross::Target {
        arch: "aarch64",
        vendor: "unknown",
        env: "gnu",
    });
    let mut checks = 0;
    for entry in folder {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        for check in text.split("check_cxx_source_runs(").skip(1) {
            // The source is in quotes, some of them escaped; the name of the result follows.
            let code = check.replace("\\\"", "");
            let name = code.split('"').nth(2).unwrap();
            let name = name.trim_start().split([')', '\n']).next().unwrap().trim();
            assert!(known.iter().any(|(known, _)| *known == name), "{name}");
            checks += 1;
        }
    }
    assert!(checks >= 4, "{checks}");
}

#[test]
fn a_missing_compiler_is_named_with_its_package() {
    let arm = "aarch64-unknown-linux-gnu";
    let message = cross::missing_compiler("aarch64-linux-gnu-g++", true, LINUX, arm);
    for part in [
        "a C++ compiler for aarch64-unknown-linux-gnu",
        "aarch64-linux-gnu-g++ cannot be run",
        "apt-get install g++-aarch64-linux-gnu)",
        "CXX_aarch64_unknown_linux_gnu",
    ] {
        assert!(message.contains(part), "{message}");
    }
    let message = cross::missing_compiler("x86_64-linux-gnu-gcc", false, arm, LINUX);
    assert!(message.contains("gcc-x86-64-linux-gnu"), "{message}");
    let message = cross::missing_compiler("c++", true, LINUX, LINUX);
    assert!(
        message.contains("install g++)") && message.contains("in CXX,"),
        "{message}"
    );
    let message = cross::missing_compiler("clang++", true, LINUX, LINUX);
    assert!(message.contains("install clang)"), "{message}");
}

#[test]
fn link_time_optimisation_is_taken_out_of_options() {
    for (options, expected) in [
        ("-O2 -flto -g", "-O2 -g"),
        ("-flto=auto", ""),
        ("-flto=thin -DX=1 -fno-fat-lto-objects", "-DX=1"),
        ("-O2 -flto-partition=none -ffat-lto-objects", "-O2"),
    ] {
        assert_eq!(flags::without_lto(options).as_deref(), Some(expected));
    }
    for options in ["", "-O2", "-DNAME=-flto", "-fno-lto"] {
        assert_eq!(flags::without_lto(options), None);
    }
}

#[test]
fn limits_are_read_through_other_names_and_must_be_there() {
    let header = "
        // #define A 1
        #define A 64
        #  define B 7
        #define C A
        #define D C // twice
        #define E F
        #define F E
        #define G (1 << 3)";
    let value = |name| limits::value(header, name, 10);
    assert_eq!(value("A"), Some(64));
    assert_eq!(value("D"), Some(64));
    for name in ["B", "E", "G", "H", "1"] {
        assert_eq!(value(name), None, "{name}");
    }
    let root = tempfile::tempdir().unwrap();
    let util = root.path().join("seal/util");
    fs::create_dir_all(&util).unwrap();
    let lines: Vec<String> = limits::LIMITS
        .iter()
        .map(|(name, _, value)| format!("#define {name} {value}"))
        .collect();
    let text = lines[1..].join("\n");
    fs::write(util.join("defines.h"), &text).unwrap();
    let message = limits::read(root.path()).unwrap_err().to_string();
    assert!(message.contains(limits::LIMITS[0].0), "{message}");
    fs::write(util.join("defines.h"), lines.join("\n")).unwrap();
    assert_eq!(limits::read(root.path()).unwrap(), limits::of_4_0_0());
}

/// Checks that the values for docs.rs are those of the SEAL that a build compiles.
#[test]
fn the_values_for_documentation_are_those_of_4_0_0() {
    if seal_sys::SEAL_VERSION == "4.0.0" {
        let include = Path::new(env!("SEAL_SYS_INCLUDE"));
        assert_eq!(limits::read(include).unwrap(), limits::of_4_0_0());
    }
}
