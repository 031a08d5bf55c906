//! Description of a folder of requests, or of responses.

use super::error::DeployError;
use super::id::{DeploymentId, KeyId};
use super::json;
use crate::file_kind::Own;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Name of the file in a folder of requests, and in that of their responses.
pub const MANIFEST_FILE: &str = "requests.json";
/// Version of the file's format.
const VERSION: u32 = 1;

/// The form of the requests of a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RequestForm {
    /// Encrypted images.
    Images,
    /// Encrypted pads, for later.
    Pads,
    /// Images less a pad each.
    MaskedImages,
}

/// Describes the requests of a folder. The folder of their responses holds the same description.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    requests_version: u32,
    deployment: DeploymentId,
    key: KeyId,
    form: RequestForm,
    images: usize,
    batch_size: usize,
}

impl Manifest {
    /// Describes `images` images, or pads for so many, in batches of at most `batch_size`.
    pub const fn new(
        (deployment, key): (DeploymentId, KeyId),
        form: RequestForm,
        images: usize,
        batch_size: usize,
    ) -> Self {
        Self {
            requests_version: VERSION,
            deployment,
            key,
            form,
            images,
            batch_size,
        }
    }

    /// Writes the description into a folder.
    ///
    /// # Errors
    /// [`DeployError::File`].
    pub fn save(&self, folder: &Path) -> Result<(), DeployError> {
        json::write(&folder.join(MANIFEST_FILE), self)
    }

    /// Reads the description in a folder, which must be of a deployment with batches of `batch_size` images.
    ///
    /// # Errors
    /// [`DeployError::File`], [`DeployError::Content`], or [`DeployError::OtherDeployment`].
    pub fn load(
        folder: &Path,
        deployment: DeploymentId,
        batch_size: usize,
    ) -> Result<Self, DeployError> {
        let path = folder.join(MANIFEST_FILE);
        let manifest: Self = json::read(&path, Own::Requests)?;
        json::check_version(&path, manifest.requests_version, VERSION)?;
        if manifest.deployment != deployment {
            return Err(DeployError::OtherDeployment {
                path,
                expected: deployment,
                actual: manifest.deployment,
            });
        }
        let expected = match manifest.form {
            RequestForm::Images => batch_size,
            RequestForm::Pads | RequestForm::MaskedImages => 1,
        };
        if manifest.images == 0 || manifest.batch_size != expected {
            return Err(json::content(
                &path,
                format!("must tell of images in batches of {expected}"),
            ));
        }
        Ok(manifest)
    }

    /// Refuses requests that another key made.
    ///
    /// # Errors
    /// [`DeployError::OtherKey`].
    pub fn check_key(&self, folder: &Path, key: KeyId) -> Result<(), DeployError> {
        if self.key == key {
            return Ok(());
        }
        Err(DeployError::OtherKey {
            path: folder.join(MANIFEST_FILE),
            expected: key,
            actual: self.key,
        })
    }

    /// Tells what the requests are.
    pub const fn form(&self) -> RequestForm {
        self.form
    }

    /// Returns the number of images in all requests.
    pub const fn images(&self) -> usize {
        self.images
    }

    /// Returns the number of requests.
    pub const fn batches(&self) -> usize {
        self.images.div_ceil(self.batch_size)
    }

    /// Returns the number of images in a request.
    pub fn batch_images(&self, batch: usize) -> usize {
        let before = batch.saturating_mul(self.batch_size);
        self.images.saturating_sub(before).min(self.batch_size)
    }
}

/// Returns the name of a request's file.
pub fn request_file(batch: usize) -> String {
    format!("{batch:06}.request")
}

/// Returns the name of the file of its response.
pub fn response_file(batch: usize) -> String {
    format!("{batch:06}.response")
}
