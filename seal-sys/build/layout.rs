//! The folders where cargo puts its output, and where systems put libraries.

use std::path::Path;

/// Finds cargo's target folder from the folder that cargo gives to this build script. `None` if the layout is not
/// cargo's, as with other build tools.
///
/// Cargo's layout is `target[/TRIPLE]/PROFILE/build/seal-sys-HASH/out` or, in its newer form,
/// `target[/TRIPLE]/PROFILE/build/seal-sys/HASH/out`. The search never goes further out: a folder above may also be
/// marked as a cache and belong to someone else.
pub fn target_folder<'a>(out_dir: &'a Path, triple: &str) -> Option<&'a Path> {
    if out_dir.file_name()? != "out" {
        return None;
    }
    let build = out_dir
        .ancestors()
        .skip(2)
        .take(2)
        .find(|folder| folder.file_name().is_some_and(|name| name == "build"))?;
    let package = out_dir.strip_prefix(build).ok()?.iter().next()?;
    if !package.to_str()?.starts_with("seal-sys") {
        return None;
    }
    let above = build.parent()?.parent()?;
    // A build for a named target has its own folder. The target folder itself may have any name but this.
    if above.file_name().is_some_and(|name| name == triple) {
        return above.parent();
    }
    Some(above)
}

/// Lists the folders below an installation's prefix that may hold libraries, in the order in which they are tried.
pub fn library_folders(triple: &str) -> Vec<String> {
    let mut folders = vec!["lib".to_owned(), "lib64".to_owned()];
    folders.extend(multiarch(triple).map(|name| format!("lib/{name}")));
    folders
}

/// Returns Debian's name for a target, as used in its library folders: `x86_64-linux-gnu`.
fn multiarch(triple: &str) -> Option<String> {
    let mut parts = triple.split('-');
    let arch = parts.next()?;
    let rest: Vec<&str> = parts.filter(|part| *part != "unknown").collect();
    if rest.first() != Some(&"linux") {
        return None;
    }
    let arch = match arch {
        "i586" | "i686" => "i386",
        "armv7" | "thumbv7neon" => "arm",
        "powerpc64le" => "powerpc64le",
        "riscv64gc" => "riscv64",
        other => other,
    };
    Some(format!("{arch}-{}", rest.join("-")))
}
