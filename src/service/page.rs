//! The web page: the files of a folder, kept in memory and served at `/`.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use axum::{
    Router,
    body::Bytes,
    extract,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::get,
};

use super::{
    error::ServiceError,
    path_part::{PathPart, no_text},
    problem::Problem,
};
use crate::file::read_at_most;

/// Size of all files of a page together, in bytes.
const MAX_BYTES: u64 = 64 << 20;
/// The file that is served at `/`.
const INDEX: &str = "index.html";
/// The folder of the files that it names. Their names hold a hash of their content.
const ASSETS: &str = "assets";

/// Headers of each file. Scripts, styles and WebAssembly come from the service itself, and so do answers to calls.
const HEADERS: [(HeaderName, &str); 5] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; style-src 'self'; \
         img-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
];

/// A file of the page.
#[derive(Debug, Clone)]
struct PageFile {
    bytes: Bytes,
    media_type: &'static str,
}

impl PageFile {
    /// Reads a file; `left` is how many bytes the page may still have.
    fn read(path: &Path, left: &mut u64) -> Result<Self, String> {
        let media_type = media_type(path).ok_or("is of a kind that no page of this service has")?;
        let file = fs::File::open(path).map_err(|error| error.to_string())?;
        let bytes = read_at_most(file, *left).map_err(|error| error.to_string())?;
        let bytes = bytes.ok_or_else(|| format!("a page may have {MAX_BYTES} bytes in all"))?;
        *left -= bytes.len() as u64;
        Ok(Self {
            bytes: bytes.into(),
            media_type,
        })
    }

    /// `lasting` is how long browsers may keep it without asking.
    fn response(&self, lasting: &'static str) -> Response {
        let mut response = self.bytes.clone().into_response();
        let headers = response.headers_mut();
        for (name, value) in HEADERS {
            headers.insert(name, HeaderValue::from_static(value));
        }
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static(self.media_type),
        );
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(lasting));
        response
    }
}

/// Returns the media type of the kinds of files that a page consists of.
fn media_type(path: &Path) -> Option<&'static str> {
    Some(match path.extension()?.to_str()? {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "wasm" => "application/wasm",
        "svg" => "image/svg+xml",
        _ => return None,
    })
}

/// A built page.
#[derive(Debug)]
pub(super) struct Page {
    index: PageFile,
    assets: BTreeMap<String, PageFile>,
}

impl Page {
    /// Reads the folder that `make web` builds: `index.html`, and the folder `assets`. Nothing else is served.
    pub fn load(folder: &Path) -> Result<Self, ServiceError> {
        let problem = |path: PathBuf, problem: String| ServiceError::File { path, problem };
        let mut left = MAX_BYTES;
        let path = folder.join(INDEX);
        let index = PageFile::read(&path, &mut left).map_err(|error| {
            let words = format!("{error}: `make web` builds a page");
            problem(path, words)
        })?;
        let path = folder.join(ASSETS);
        let entries = fs::read_dir(&path);
        let mut assets = BTreeMap::new();
        for entry in entries.map_err(|error| problem(path.clone(), error.to_string()))? {
            let entry = entry.map_err(|error| problem(path.clone(), error.to_string()))?;
            let name = entry.file_name().into_string().map_err(|name| {
                let words = "its name is not UTF-8".to_owned();
                problem(path.join(name), words)
            })?;
            let file = PageFile::read(&entry.path(), &mut left);
            let file = file.map_err(|error| problem(entry.path(), error))?;
            assets.insert(name, file);
        }
        Ok(Self { index, assets })
    }
}

/// Serves a page, or says at `/` that there is none.
pub(super) fn page_routes<S: Clone + Send + Sync + 'static>(page: Option<Arc<Page>>) -> Router<S> {
    let Some(page) = page else {
        return Router::new().route("/", get(async || no_page()));
    };
    let index = Arc::clone(&page);
    Router::new()
        .route("/", get(async move || index.index.response("no-cache")))
        .route(
            "/assets/{file}",
            get(async move |name: PathPart| asset(&page, name)),
        )
}

fn asset(page: &Page, name: PathPart) -> Result<Response, Problem> {
    let extract::Path(name) = name.map_err(no_text)?;
    let file = page.assets.get(&name).ok_or_else(|| {
        let detail = "the page has no such file: load the page again";
        Problem::new(StatusCode::NOT_FOUND, "no-file", detail)
    })?;
    Ok(file.response("public, max-age=31536000, immutable"))
}

fn no_page() -> Problem {
    let detail = "this service has no page: `make web` builds one in target/web, and `sealquant serve --page target/web` \
                  serves it; GET /openapi.json lists the calls for programs";
    Problem::new(StatusCode::NOT_FOUND, "no-page", detail)
}
