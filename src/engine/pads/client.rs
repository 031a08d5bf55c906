//! The client's side of pads.

use super::residues::packed_residues;
use super::{MaskedImage, Pad, PadNumber, SpecFingerprint};
use crate::engine::client::Client;
use crate::engine::error::EngineError;
use crate::engine::masks::uniform;
use crate::engine::spec::ClientSpec;
use crate::params::encrypted_product;
use std::fmt;
use zeroize::Zeroizing;

/// The secret of a pad: r, uniform modulo each plain prime, for each value of an image. It serves one image, with
/// [`Client::mask_image`], and cannot be copied. It is cleared when it is dropped.
///
/// It is as secret as an image: whoever has it and sees the masked image knows the image.
pub struct PadSecret {
    pub(crate) number: PadNumber,
    pub(crate) fingerprint: SpecFingerprint,
    /// For each plain prime, a residue for each value of an image.
    pub(crate) residues: Vec<Zeroizing<Vec<u64>>>,
}

impl fmt::Debug for PadSecret {
    /// Reveals nothing but the number.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("PadSecret")
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}

impl PadSecret {
    /// Returns the pad's number.
    pub const fn number(&self) -> PadNumber {
        self.number
    }

    /// Returns the fingerprint of the specification that it serves.
    pub const fn fingerprint(&self) -> SpecFingerprint {
        self.fingerprint
    }
}

impl ClientSpec {
    /// Returns the number of integers of an image, which is that of the residues of a pad for each plain prime.
    pub(crate) const fn pad_values(&self) -> usize {
        self.image_values()
    }

    /// Returns the modulus of each part of a request: a plain prime, or the product of all.
    fn upload_moduli(&self) -> Result<Vec<u64>, EngineError> {
        if !self.shared_upload {
            return Ok(self.plain_moduli.clone());
        }
        let product = encrypted_product(&self.plain_moduli);
        Ok(vec![product.ok_or(EngineError::Compact)?])
    }

    /// Tells whether pads serve the plan: in the diagonal and few-uploads layouts.
    pub const fn takes_pads(&self) -> bool {
        self.takes_pads
    }
}

impl Client {
    /// Makes a pad: its secret, to keep, and what to send. Store the secret before the pad is sent, with
    /// [`crate::pads::PadStore::put`].
    ///
    /// # Errors
    /// [`EngineError::NoPads`] unless [`ClientSpec::takes_pads`], [`EngineError::Compact`] unless
    /// [`Client::is_compact`], [`EngineError::Randomness`] or [`EngineError::Seal`] if there are no random numbers or
    /// memory is exhausted.
    pub fn make_pad(&self) -> Result<(PadSecret, Pad), EngineError> {
        if !self.spec.takes_pads() {
            return Err(EngineError::NoPads);
        }
        if !self.is_compact() {
            return Err(EngineError::Compact);
        }
        let count = self.spec.pad_values();
        let uploads = self.spec.upload_moduli()?.into_iter();
        let uploads = uploads.map(|modulus| Ok(Zeroizing::new(uniform(count, modulus)?)));
        let uploads: Vec<Zeroizing<Vec<u64>>> = uploads.collect::<Result<_, EngineError>>()?;
        // If the modulus is the product of all plain primes, the residues are uniform and independent, too.
        let residues = self.spec.plain_moduli.iter().zip(uploads.iter().cycle());
        let residues = residues
            .map(|(t, upload)| Zeroizing::new(upload.iter().map(|value| value % t).collect()));
        let residues = residues.collect();
        let signed = uploads.iter().map(|upload| {
            let upload = upload.iter().map(|value| value.cast_signed());
            vec![upload.collect::<Vec<i64>>()]
        });
        let signed = Zeroizing::new(signed.collect::<Vec<_>>());
        let (number, fingerprint) = (PadNumber::draw()?, self.fingerprint());
        let pad = Pad {
            number,
            fingerprint,
            encrypted: self.encrypt_residues(&signed)?,
        };
        let secret = PadSecret {
            number,
            fingerprint,
            residues,
        };
        Ok((secret, pad))
    }

    /// Checks that an image can be masked, before a pad is spent on it.
    ///
    /// # Errors
    /// [`EngineError::NoPads`], [`EngineError::ImageSize`] or [`EngineError::InputRange`].
    pub fn check_maskable(&self, image: &[i64]) -> Result<(), EngineError> {
        if !self.spec.takes_pads() {
            return Err(EngineError::NoPads);
        }
        self.check_image(image)
    }

    /// Computes a quantised image less a pad, modulo each plain prime. The pad is spent, whatever the result.
    ///
    /// If the secret came from a store, it must have been taken from it durably: [`crate::pads::PadStore::mask_image`]
    /// does both.
    ///
    /// # Errors
    /// Those of [`Client::check_maskable`], and [`EngineError::PadDeployment`] if the pad serves another deployment.
    pub fn mask_image(&self, secret: PadSecret, image: &[i64]) -> Result<MaskedImage, EngineError> {
        self.check_maskable(image)?;
        let PadSecret {
            number,
            fingerprint,
            residues,
        } = secret;
        let fits = residues.iter().all(|of| of.len() == image.len());
        if fingerprint != self.fingerprint()
            || residues.len() != self.spec.plain_moduli.len()
            || !fits
        {
            return Err(EngineError::PadDeployment {
                what: "secret of a pad",
            });
        }
        let masked = residues.iter().zip(&self.spec.plain_moduli);
        let masked = masked.map(|(residues, &t)| {
            let less = |(&value, &residue): (&i64, &u64)| {
                // The image's values are not negative; t may be smaller than they are.
                (value.cast_unsigned() % t + t - residue) % t
            };
            let values: Vec<u64> = image.iter().zip(residues.iter()).map(less).collect();
            packed_residues(&values, t)
        });
        Ok(MaskedImage {
            number,
            fingerprint,
            values: image.len(),
            parts: masked.collect(),
        })
    }
}
