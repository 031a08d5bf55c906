//! Tests of round trips, of refusals, and of sizes against the information limit and SEAL's own format.

use super::*;
use crate::seal::{
    Ciphertext, Compression, Context, Decryptor, Encryptor, Evaluator, GaloisKeys, KeyGenerator,
    Level, ParametersLiteral, Plaintext, PublicKey, RelinKeys, Rotation, SecurityLevel,
    SeededCiphertext, SeededGaloisKeys, SeededObject as _, SeededPart, SeededPublicKey,
    SeededRelinKeys, plain_modulus,
};
use crate::text;
use std::io::Read;

/// Writes an object and reads it back; returns the object read and its message.
fn round_trip<M: Message>(scope: &M::Scope, object: &M) -> (M, Vec<u8>) {
    let bytes = object.to_wire(scope).unwrap();
    assert_eq!(bytes.len() as u64, object.wire_bytes(scope).unwrap());
    let again = M::from_wire(scope, &bytes, &Limits::default()).unwrap();
    assert_eq!(again.to_wire(scope).unwrap(), bytes);
    (again, bytes)
}

struct Parties {
    context: Context,
    generator: KeyGenerator,
    encryptor: Encryptor,
    decryptor: Decryptor,
}

impl Parties {
    fn new(context: Context) -> Self {
        let generator = KeyGenerator::new(&context).unwrap();
        let secret = generator.secret_key().unwrap();
        Self {
            encryptor: Encryptor::symmetric(&context, &secret).unwrap(),
            decryptor: Decryptor::new(&context, &secret).unwrap(),
            generator,
            context,
        }
    }

    fn plain(&self) -> Plaintext {
        Plaintext::from_coefficients(&self.context, &[1, 2, 3, 4]).unwrap()
    }

    fn seeded(&self) -> SeededCiphertext {
        self.encryptor
            .encrypt_symmetric_seeded(&self.context, &self.plain())
            .unwrap()
    }
}

#[test]
fn ciphertexts_and_keys_survive() {
    for context in [
        Context::insecure(16, &[30, 31]),
        Context::insecure(64, &[40, 35, 60]),
        Context::insecure(4096, &[36, 36, 37]),
        Context::insecure(8192, &[43, 43, 44, 44, 44]),
    ] {
        let mut parties = Parties::new(context.clone());
        let (seeded, _) = round_trip(&context, &parties.seeded());
        let encrypted = seeded.expand(&context).unwrap();
        let decrypted = parties.decryptor.decrypt(&encrypted).unwrap();
        assert_eq!(decrypted.coefficients()[..4], [1, 2, 3, 4]);
        let (whole, _) = round_trip(&context, &encrypted);
        assert_eq!(whole.limbs(), encrypted.limbs());

        let evaluator = Evaluator::new(&context).unwrap();
        let mut cubic = evaluator.square(&whole).unwrap();
        assert_eq!(round_trip(&context, &cubic).0.limbs(), cubic.limbs());
        if context.data_levels().len() > 1 {
            evaluator.mod_switch_to_next_inplace(&mut cubic).unwrap();
            let (lower, _) = round_trip(&context, &cubic);
            assert_eq!(lower.parms_id(), cubic.parms_id());
            assert_eq!(lower.limbs(), cubic.limbs());
        }

        let (public, _) = round_trip(
            &context,
            &parties.generator.create_public_key_seeded().unwrap(),
        );
        let (public, _) = round_trip(&context, &public.expand(&context).unwrap());
        let encrypted = Encryptor::new(&context, &public)
            .unwrap()
            .encrypt(&parties.plain())
            .unwrap();
        let decrypted = parties.decryptor.decrypt(&encrypted).unwrap();
        assert_eq!(decrypted.coefficients()[..4], [1, 2, 3, 4]);

        let (relin, _) = round_trip(
            &context,
            &parties.generator.create_relin_keys_seeded().unwrap(),
        );
        let (relin, _) = round_trip(&context, &relin.expand(&context).unwrap());
        let rotations = [Rotation::Rows(1), Rotation::Columns];
        let (galois, _) = round_trip(
            &context,
            &parties
                .generator
                .create_galois_keys_seeded(&rotations)
                .unwrap(),
        );
        let (galois, _) = round_trip(&context, &galois.expand(&context).unwrap());
        assert_eq!(galois.count(), 2);
        if context.parameters().poly_modulus_degree() < 4096 {
            continue;
        }
        // The keys must still work as keys.
        let mut square = evaluator.square(&encrypted).unwrap();
        evaluator.relinearize_inplace(&mut square, &relin).unwrap();
        let decrypted = parties.decryptor.decrypt(&square).unwrap();
        assert_eq!(decrypted.coefficients()[..3], [1, 4, 10]);
        evaluator
            .rotate_rows_inplace(&mut square, 1, &galois)
            .unwrap();
        assert!(parties.decryptor.noise_budget_bits(&square).unwrap() > 0);
    }
}

/// Minimum number of bytes that the residues need: the sum of log2 of the primes.
fn information(context: &Context, primes: usize, polynomials: usize) -> f64 {
    let bits: f64 = context.primes()[..primes]
        .iter()
        .map(|&prime| (prime as f64).log2())
        .sum();
    bits * context.parameters().poly_modulus_degree() as f64 * polynomials as f64 / 8.0
}

#[test]
fn sizes_lie_within_one_percent_of_the_information_and_below_seals() {
    for degree in [2048, 4096, 8192, 16384] {
        let t = plain_modulus::batching(degree, &[17]).unwrap()[0].value();
        let literal = ParametersLiteral::bfv_default(degree, t, SecurityLevel::Bits128).unwrap();
        let context = Context::from_literal(&literal).unwrap();
        let mut parties = Parties::new(context.clone());
        let zstd = Compression::SealDefault;
        let data = context.first_level().coeff_modulus_size;
        let all = context.key_level().coeff_modulus_size;
        let parts = context.key_parts();
        let check = |name: &str, bytes: u64, limit: f64, seal: usize| {
            let excess = bytes as f64 / limit - 1.0;
            println!(
                "N={degree} {name}: {bytes} bytes, limit {limit:.0} ({:+.3} %), SEAL {seal} ({:.3} of it)",
                100.0 * excess,
                bytes as f64 / seal as f64
            );
            assert!(excess < 0.01, "{name} at {degree}: {excess}");
            assert!((bytes as usize) < seal, "{name} at {degree}");
        };

        let seeded = parties.seeded();
        let whole = seeded.expand(&context).unwrap();
        check(
            "seeded ciphertext",
            seeded.wire_bytes(&context).unwrap(),
            information(&context, data, 1),
            parties
                .encryptor
                .seal_bytes_symmetric(&parties.plain(), zstd)
                .unwrap()
                .len(),
        );
        check(
            "ciphertext",
            whole.wire_bytes(&context).unwrap(),
            information(&context, data, 2),
            whole.seal_bytes(zstd).unwrap().len(),
        );
        let public = parties.generator.create_public_key_seeded().unwrap();
        check(
            "seeded public key",
            public.wire_bytes(&context).unwrap(),
            information(&context, all, 1),
            parties.generator.seal_bytes_public_key(zstd).unwrap().len(),
        );
        if !context.using_keyswitching() {
            continue;
        }
        let relin = parties.generator.create_relin_keys_seeded().unwrap();
        check(
            "seeded relinearisation keys",
            relin.wire_bytes(&context).unwrap(),
            information(&context, all, parts),
            parties.generator.seal_bytes_relin_keys(zstd).unwrap().len(),
        );
        let rotations = [Rotation::Rows(1), Rotation::Columns];
        let galois = parties
            .generator
            .create_galois_keys_seeded(&rotations)
            .unwrap();
        check(
            "seeded Galois keys (2)",
            galois.wire_bytes(&context).unwrap(),
            information(&context, all, 2 * parts),
            parties
                .generator
                .seal_bytes_galois_keys(&rotations, zstd)
                .unwrap()
                .len(),
        );
    }
}

#[test]
fn packed_residues_do_not_compress() {
    use std::io::Write;
    let parties = Parties::new(Context::insecure(4096, &[36, 36, 37]));
    let bytes = parties.seeded().to_wire(&parties.context).unwrap();
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(&bytes).unwrap();
    let compressed = encoder.finish().unwrap();
    assert!(compressed.len() as f64 > 0.999 * bytes.len() as f64);
}

/// Writes the right checksum at the end.
fn seal(bytes: &mut [u8]) {
    let (message, checksum) = bytes.split_at_mut(bytes.len() - CHECKSUM_BYTES);
    checksum.copy_from_slice(&xxhash_rust::xxh3::xxh3_64(message).to_le_bytes());
}

#[test]
fn each_wrong_field_is_named() {
    let context = Context::insecure(64, &[40, 35, 60]);
    let mut parties = Parties::new(context.clone());
    let good = parties.seeded().to_wire(&context).unwrap();
    let read = |bytes: &[u8]| SeededCiphertext::from_wire(&context, bytes, &Limits::default());
    let changed = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = good.clone();
        change(&mut bytes);
        seal(&mut bytes);
        read(&bytes).unwrap_err()
    };
    read(&good).unwrap();
    for (offset, flip, says) in [
        (0, 1, "magic: "),
        (
            4,
            3,
            "version: the message has version 2, this build reads 1",
        ),
        (
            6,
            3,
            "kind: a SeededCiphertext (2) is expected, the message is 1",
        ),
        (7, 0x40, "NTT form: 64 is not possible here"),
        (8, 1, "fingerprint: "),
        (24, 0x40, "body length: "),
        (32, 0x40, "polynomials: 66 is not possible here"),
        (34, 0x40, "primes: 66 is not possible here"),
        (36, 0x40, "parts: 64 is not possible here"),
        (40, 0x40, "items: 65 is not possible here"),
        (44, 0x40, "images: 64 is not possible here"),
    ] {
        let error = changed(&|bytes| bytes[offset] ^= flip).to_string();
        assert!(error.starts_with(says), "{error}");
    }
    let first = HEADER_BYTES + 64;
    let prime = context.primes()[0];
    assert_eq!(
        changed(&|bytes| bytes[first..first + 5].fill(0xFF)).to_string(),
        format!(
            "residue 0 of polynomial: {} is not below its prime {prime}",
            (1_u64 << 40) - 1
        )
    );
    let mut damaged = good.clone();
    damaged[HEADER_BYTES] ^= 1;
    assert!(matches!(read(&damaged).unwrap_err(), WireError::Checksum));
    let mut longer = good.clone();
    longer.extend([0; 3]);
    assert!(matches!(
        read(&longer).unwrap_err(),
        WireError::Trailing { count: 3 }
    ));
    for length in 0..good.len() {
        match read(&good[..length]).unwrap_err() {
            WireError::Truncated { offset, .. } => assert_eq!(offset, length as u64),
            other => panic!("{other}"),
        }
    }
    let limits = Limits {
        message_bytes: good.len() as u64 - 1,
        ..Limits::default()
    };
    assert!(matches!(
        SeededCiphertext::from_wire(&context, &good, &limits),
        Err(WireError::Limit { .. })
    ));
    let other = Context::insecure(64, &[40, 36, 60]);
    assert!(matches!(
        parties.seeded().to_wire(&other),
        Err(WireError::Unfit { .. })
    ));
    assert!(matches!(
        SeededCiphertext::from_wire(&other, &good, &Limits::default()),
        Err(WireError::Fingerprint)
    ));
    assert!(matches!(
        Ciphertext::new().unwrap().to_wire(&context),
        Err(WireError::Unfit { .. })
    ));
    // Parts of keys are at the key level, in NTT form.
    let keys = parties.generator.create_relin_keys_seeded().unwrap();
    let changed = |part: usize, level: Option<Level>, is_ntt_form: bool| {
        let mut slots = keys.checked_parts().clone();
        let old = &slots[0][part];
        let level = level.unwrap_or(old.level());
        let first = old.first().to_vec();
        slots[0][part] = SeededPart::from_checked(level, is_ntt_form, old.seed(), first);
        SeededRelinKeys::from_checked_parts(slots)
    };
    let form = changed(0, None, false);
    let level = changed(1, Some(context.first_level()), true);
    for keys in [form, level] {
        let refused = keys.to_wire(&context);
        assert!(matches!(refused, Err(WireError::Unfit { .. })));
    }
}

/// A reader that returns one byte at a time.
struct Slow<'a>(&'a [u8]);

impl Read for Slow<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = buffer.len().min(1);
        self.0.read(&mut buffer[..count])
    }
}

#[test]
fn a_stream_is_read_to_the_end_of_the_message_only() {
    let context = Context::insecure(64, &[40, 35, 60]);
    let mut parties = Parties::new(context.clone());
    let mut stream = Vec::new();
    parties.seeded().write_to(&context, &mut stream).unwrap();
    let keys = parties.generator.create_relin_keys().unwrap();
    keys.write_to(&context, &mut stream).unwrap();
    stream.extend(b"rest");
    let mut slow = Slow(&stream);
    let limits = Limits::default();
    SeededCiphertext::read_from(&context, &mut slow, &limits).unwrap();
    let again = RelinKeys::read_from(&context, &mut slow, &limits).unwrap();
    assert_eq!(again.limbs(0, 1).unwrap(), keys.limbs(0, 1).unwrap());
    assert_eq!(slow.0, b"rest");
}

#[test]
fn galois_elements_are_odd_ascending_and_below_twice_the_degree() {
    let context = Context::insecure(16, &[30, 31]);
    let mut parties = Parties::new(context.clone());
    let keys = parties
        .generator
        .create_galois_keys(&[Rotation::Rows(1), Rotation::Columns])
        .unwrap();
    let good = keys.to_wire(&context).unwrap();
    let stride = (good.len() - HEADER_BYTES - CHECKSUM_BYTES) / 2;
    for (element, ok) in [
        (1_u32, false),
        (3, false),
        (4, false),
        (29, true),
        (33, false),
    ] {
        let mut bytes = good.clone();
        let at = HEADER_BYTES + stride;
        bytes[at..at + 4].copy_from_slice(&element.to_le_bytes());
        seal(&mut bytes);
        let read = GaloisKeys::from_wire(&context, &bytes, &Limits::default());
        assert_eq!(read.is_ok(), ok, "{element}");
    }
    let kinds = |bytes: &[u8]| {
        let limits = Limits::default();
        [
            Ciphertext::from_wire(&context, bytes, &limits).is_ok(),
            PublicKey::from_wire(&context, bytes, &limits).is_ok(),
            SeededPublicKey::from_wire(&context, bytes, &limits).is_ok(),
            RelinKeys::from_wire(&context, bytes, &limits).is_ok(),
            SeededRelinKeys::from_wire(&context, bytes, &limits).is_ok(),
            SeededGaloisKeys::from_wire(&context, bytes, &limits).is_ok(),
        ]
    };
    assert_eq!(kinds(&good), [false; 6]);
}

#[test]
fn files_hold_one_whole_message() {
    let context = Context::insecure(16, &[30, 31]);
    let mut parties = Parties::new(context.clone());
    let object = parties.generator.create_relin_keys_seeded().unwrap();
    let limits = Limits::default();
    let top = tempfile::tempdir().unwrap();
    let path = top.path().join("new/keys");
    let load = || SeededRelinKeys::load(&context, &path, &limits);
    assert!(matches!(load(), Err(WireError::File { .. })));
    let length = object.save(&context, &path).unwrap();
    assert_eq!(length, object.wire_bytes(&context).unwrap());
    assert_eq!(load().unwrap(), object);

    // A refusal leaves the file unchanged and leaves nothing beside it.
    let other = Context::insecure(16, &[29, 31]);
    assert!(matches!(
        object.save(&other, &path),
        Err(WireError::Unfit { .. })
    ));
    assert_eq!(load().unwrap(), object);
    assert_eq!(
        std::fs::read_dir(top.path().join("new")).unwrap().count(),
        1
    );

    let mut bytes = std::fs::read(&path).unwrap();
    bytes.push(0);
    std::fs::write(&path, &bytes).unwrap();
    assert!(matches!(load(), Err(WireError::Trailing { .. })));
}

/// Damages a message in the ways that text handling does.
fn through_text(good: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let lossy = String::from_utf8_lossy(good).into_owned();
    let characters: String = good.iter().map(|&byte| char::from(byte)).collect();
    let crlf = text::tests::crlf(good);
    assert_ne!(crlf, good, "the message holds an LF");
    let hex = text::tests::hex(good).to_lowercase();
    vec![
        ("replaced", lossy.into_bytes()),
        (
            "UTF-16",
            characters
                .encode_utf16()
                .flat_map(u16::to_le_bytes)
                .collect(),
        ),
        ("encoded as UTF-8", characters.into_bytes()),
        ("CR LF", crlf),
        ("hexadecimal", hex.into_bytes()),
    ]
}

#[test]
fn a_message_that_went_through_text_says_so_and_not_other_parameters() {
    let context = Context::insecure(64, &[40, 35, 60]);
    let other = Context::insecure(64, &[40, 36, 60]);
    let mut parties = Parties::new(context.clone());
    let keys = parties.generator.create_relin_keys().unwrap();
    let limits = Limits::default();
    let top = tempfile::tempdir().unwrap();
    let path = top.path().join("message");
    let said = |error: WireError| match error {
        WireError::Text { how } => how,
        other => panic!("{other}"),
    };
    // Random residues give many messages, each damaged in different places.
    for _ in 0..20 {
        let good = parties.seeded().to_wire(&context).unwrap();
        if !good.contains(&b'\n') {
            continue;
        }
        for (expected, bytes) in through_text(&good) {
            let read = SeededCiphertext::from_wire(&context, &bytes, &limits);
            let how = said(read.unwrap_err());
            assert!(how.contains(expected), "{how}");
            // The same damage is reported whatever kind is expected and wherever the bytes come from.
            assert!(
                said(reencode(&context, None, &bytes, &limits).unwrap_err()).contains(expected)
            );
            std::fs::write(&path, &bytes).unwrap();
            let read = SeededCiphertext::load(&context, &path, &limits);
            assert!(said(read.unwrap_err()).contains(expected));
            if expected != "CR LF" {
                let read = SeededCiphertext::read_from(&context, &bytes[..], &limits);
                assert!(said(read.unwrap_err()).contains(expected));
            }
        }
        // A whole message for other parameters.
        for error in [
            SeededCiphertext::from_wire(&other, &good, &limits).unwrap_err(),
            SeededCiphertext::read_from(&other, &good[..], &limits).unwrap_err(),
        ] {
            assert!(matches!(error, WireError::Fingerprint), "{error}");
        }
        // A message damaged where it names its parameters.
        let mut damaged = good.clone();
        damaged[10] ^= 4;
        let error = SeededCiphertext::from_wire(&context, &damaged, &limits).unwrap_err();
        assert!(matches!(error, WireError::Checksum), "{error}");
        std::fs::write(&path, &damaged).unwrap();
        let error = SeededCiphertext::load(&context, &path, &limits).unwrap_err();
        assert!(matches!(error, WireError::Checksum), "{error}");
    }
    let good = keys.to_wire(&context).unwrap();
    for (expected, bytes) in through_text(&good) {
        let how = said(RelinKeys::from_wire(&context, &bytes, &limits).unwrap_err());
        assert!(how.contains(expected), "{how}");
    }
    // A message longer than the reader allows is not hashed, but handling as text shows at its start.
    let small = Limits {
        message_bytes: 100,
        ..limits
    };
    let lossy = String::from_utf8_lossy(&good).into_owned();
    let read = RelinKeys::from_wire(&context, lossy.as_bytes(), &small);
    assert!(matches!(read, Err(WireError::Text { .. })));
    let read = RelinKeys::from_wire(&context, &good, &small);
    assert!(matches!(read, Err(WireError::Limit { .. })));
}
