//! Lists the pictures of a folder.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{ImagesError, input::metadata, utf8};

/// Endings of the files that are pictures, in lower case.
const ENDINGS: [&str; 5] = ["png", "jpg", "jpeg", "jpe", "jfif"];

/// Files that systems leave in folders.
const OF_SYSTEMS: [&str; 2] = ["Thumbs.db", "desktop.ini"];

/// The pictures of a folder.
#[derive(Debug, Default)]
pub(super) struct PictureList {
    pub files: Vec<PathBuf>,
    /// Paths below the folder.
    pub names: Vec<String>,
    /// The names of the class folders, if there are any.
    pub labels: Option<Vec<String>>,
    /// Number of hidden and text files.
    pub skipped: usize,
}

/// The content of one folder, each kind in order.
#[derive(Default)]
struct Entries {
    pictures: Vec<(PathBuf, String)>,
    folders: Vec<(PathBuf, String)>,
    skipped: usize,
}

/// Lists the pictures of a folder, or of its class folders.
pub(super) fn list(folder: &Path) -> Result<PictureList, ImagesError> {
    let top = entries(folder)?;
    let mut listed = PictureList {
        skipped: top.skipped,
        ..PictureList::default()
    };
    if let (Some((_, class)), Some((_, picture))) = (top.folders.first(), top.pictures.first()) {
        return Err(ImagesError::refused(
            folder,
            format!(
                "it holds pictures ({picture}) and folders ({class}), so the classes are not clear; put every picture \
                 into a class folder, or none"
            ),
        ));
    }
    if top.folders.is_empty() {
        (listed.files, listed.names) = top.pictures.into_iter().unzip();
    } else {
        let mut labels = Vec::new();
        for (path, class) in top.folders {
            let inner = entries(&path)?;
            if let Some((deep, _)) = inner.folders.first() {
                return Err(ImagesError::refused(
                    deep,
                    "a folder within a class folder; only one level of folders is read",
                ));
            }
            listed.skipped += inner.skipped;
            for (file, name) in inner.pictures {
                listed.files.push(file);
                listed.names.push(format!("{class}/{name}"));
                labels.push(class.clone());
            }
        }
        listed.labels = Some(labels);
    }
    if listed.files.is_empty() {
        let reason = match listed.skipped {
            0 => "it holds no picture (.png, .jpg)".to_owned(),
            n => format!("it holds no picture (.png, .jpg), only {n} hidden or text files"),
        };
        return Err(ImagesError::refused(folder, reason));
    }
    Ok(listed)
}

fn entries(folder: &Path) -> Result<Entries, ImagesError> {
    let mut found = Entries::default();
    let read = || ImagesError::io("cannot read the folder", folder);
    for entry in fs::read_dir(folder).map_err(read())? {
        let path = entry.map_err(read())?.path();
        let file_name = Path::new(path.file_name().unwrap_or_default());
        if file_name.as_os_str().as_encoded_bytes().starts_with(b".") {
            found.skipped += 1;
            continue;
        }
        let name = utf8(&path, file_name)?.to_owned();
        let ending = file_name
            .extension()
            .map(|e| e.to_string_lossy().to_ascii_lowercase());
        let ending = ending.unwrap_or_default();
        if metadata(&path)?.is_dir() {
            found.folders.push((path, name));
        } else if ENDINGS.contains(&ending.as_str()) {
            found.pictures.push((path, name));
        } else if ending == "txt" || OF_SYSTEMS.contains(&name.as_str()) {
            found.skipped += 1;
        } else {
            return Err(ImagesError::refused(
                &path,
                "neither PNG nor JPEG by its name; in a folder of pictures only hidden and .txt files are left out: \
                 move this one elsewhere, or name it by itself if it holds the images",
            ));
        }
    }
    found.pictures.sort_unstable();
    found.folders.sort_unstable();
    Ok(found)
}
