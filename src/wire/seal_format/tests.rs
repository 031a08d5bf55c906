//! SEAL's own objects, read as SEAL's loader reads them, and damaged.

use super::*;
use crate::seal::{
    BatchEncoder, Ciphertext, Compression, Context, Encryptor, Evaluator, GaloisKeys, KeyGenerator,
    Plaintext, RelinKeys, SEAL_HEADER_BYTES, SEAL_MAGIC, SEAL_VERSION,
};
use crate::wire::{Limits, WireError};
use flate2::write::ZlibEncoder;
use std::io::Write as _;

const ELEMENTS: [u32; 3] = [3, 9, 127];

/// Small parameters without security.
fn context() -> Context {
    Context::insecure(64, &[30, 31, 30, 32])
}

fn release() -> SealRelease {
    let minor = SEAL_VERSION.split('.').nth(1).unwrap().parse().unwrap();
    SealRelease { minor }
}

/// Compresses an object with zlib, as SEAL does.
fn zlib(object: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(&object[SEAL_HEADER_BYTES..]).unwrap();
    compressed(object, 1, &encoder.finish().unwrap())
}

/// Puts a header before compressed bytes.
fn compressed(object: &[u8], coding: u8, bytes: &[u8]) -> Vec<u8> {
    let mut made = object[..SEAL_HEADER_BYTES].to_vec();
    made[5] = coding;
    made.extend(bytes);
    let length = made.len() as u64;
    made[8..SEAL_HEADER_BYTES].copy_from_slice(&length.to_le_bytes());
    made
}

/// A Zstandard frame of a raw block, and blocks of so many zeros.
fn zstandard(raw: &[u8], zeros: usize) -> Vec<u8> {
    const BLOCK: usize = 1 << 17;
    assert!(raw.len() <= BLOCK);
    let header = |last: bool, kind: usize, size: usize| {
        let word = (size << 3 | kind << 1 | usize::from(last)) as u32;
        word.to_le_bytes()[..3].to_vec()
    };
    // A window of 8 MiB, no checksum, no size.
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0, (23 - 10) << 3];
    frame.extend(header(zeros == 0, 0, raw.len()));
    frame.extend(raw);
    for start in (0..zeros).step_by(BLOCK) {
        let count = BLOCK.min(zeros - start);
        frame.extend(header(start + count == zeros, 1, count));
        frame.push(0);
    }
    frame
}

/// All ways in which the same object is stored.
fn codings(plain: &[u8]) -> Vec<Vec<u8>> {
    let behind = &plain[SEAL_HEADER_BYTES..];
    let mut all = vec![plain.to_vec(), zlib(plain)];
    if behind.len() < 1 << 17 {
        all.push(compressed(plain, 2, &zstandard(behind, 0)));
    }
    all
}

struct World {
    context: Context,
    encryptor: Encryptor,
    generator: KeyGenerator,
    plain: Plaintext,
}

impl World {
    fn new() -> Self {
        let context = context();
        let generator = KeyGenerator::new(&context).unwrap();
        let secret = generator.secret_key().unwrap();
        let plain = Plaintext::from_coefficients(&context, &[1, 0, 3, 65_000]).unwrap();
        Self {
            encryptor: Encryptor::symmetric(&context, &secret).unwrap(),
            generator,
            plain,
            context,
        }
    }

    /// Ciphertexts of all forms, as SEAL writes them.
    fn ciphertexts(&self) -> Vec<Vec<u8>> {
        let evaluator = Evaluator::new(&self.context).unwrap();
        let fresh = self.encryptor.encrypt_symmetric(&self.plain).unwrap();
        let mut square = fresh.try_clone().unwrap();
        evaluator.square_inplace(&mut square).unwrap();
        let mut lower = square.try_clone().unwrap();
        evaluator.mod_switch_to_next_inplace(&mut lower).unwrap();
        let mut transformed = fresh.try_clone().unwrap();
        evaluator
            .transform_to_ntt_inplace(&mut transformed)
            .unwrap();
        let mut all = Vec::new();
        for compression in [Compression::None, Compression::SealDefault] {
            let seeded = self
                .encryptor
                .seal_bytes_symmetric(&self.plain, compression);
            all.push(seeded.unwrap());
            for encrypted in [&fresh, &square, &lower, &transformed] {
                all.push(encrypted.seal_bytes(compression).unwrap());
            }
        }
        all
    }
}

/// Reads an object. Bytes in memory cannot fail as files do.
fn read<T: SealObject>(context: &Context, bytes: &[u8]) -> Result<T, WireError> {
    let read = T::from_seal(context, bytes, &Limits::default());
    assert!(!matches!(read, Err(WireError::Io { .. })));
    read
}

fn same_ciphertext(context: &Context, bytes: &[u8], read: &Ciphertext) {
    let trusted = Ciphertext::from_seal_bytes_trusted(context, bytes).unwrap();
    assert_eq!(read.limbs(), trusted.limbs());
    assert_eq!(read.parms_id(), trusted.parms_id());
    assert_eq!(read.is_ntt_form(), trusted.is_ntt_form());
    assert_eq!(read.size(), trusted.size());
    assert!(read.is_valid_for(context).unwrap());
}

fn same_relin_keys(context: &Context, bytes: &[u8], read: &RelinKeys) {
    let trusted = RelinKeys::from_seal_bytes_trusted(context, bytes).unwrap();
    assert_eq!(read.slots(), trusted.slots());
    assert_eq!(read.parms_id(), trusted.parms_id());
    for slot in 0..read.slots() {
        assert_eq!(read.parts(slot), trusted.parts(slot));
        for part in 0..read.parts(slot) {
            assert_eq!(read.limbs(slot, part), trusted.limbs(slot, part));
        }
    }
    assert!(read.is_valid_for(context).unwrap());
}

fn same_galois_keys(context: &Context, bytes: &[u8], read: &GaloisKeys) {
    let trusted = GaloisKeys::from_seal_bytes_trusted(context, bytes).unwrap();
    assert_eq!(read.elements(), trusted.elements());
    assert_eq!(read.parms_id(), trusted.parms_id());
    for element in read.elements() {
        assert_eq!(read.parts(element), trusted.parts(element));
        for part in 0..read.parts(element) {
            assert_eq!(read.limbs(element, part), trusted.limbs(element, part));
        }
    }
    assert!(read.is_valid_for(context).unwrap());
}

#[test]
fn ciphertexts_are_read_as_seal_reads_them() {
    let world = World::new();
    let context = &world.context;
    for bytes in world.ciphertexts() {
        let whole = read::<Ciphertext>(context, &bytes).unwrap();
        same_ciphertext(context, &bytes, &whole);
        if bytes[5] == 0 {
            for other in codings(&bytes) {
                let again = read::<Ciphertext>(context, &other).unwrap();
                assert_eq!(again.limbs(), whole.limbs());
            }
        }
        // Not a byte more is read.
        let twice = [bytes.as_slice(), &bytes].concat();
        let mut rest = twice.as_slice();
        let first = Ciphertext::read_seal(context, &mut rest, &Limits::default());
        assert_eq!(first.unwrap().1, release());
        assert_eq!(rest, bytes);
        assert!(matches!(
            read::<Ciphertext>(context, &twice),
            Err(WireError::Trailing { .. })
        ));
    }
}

#[test]
fn ciphertexts_are_written_as_seal_writes_them() {
    let world = World::new();
    let context = &world.context;
    for bytes in world.ciphertexts() {
        let whole = read::<Ciphertext>(context, &bytes).unwrap();
        let mut written = Vec::new();
        let length = write_ciphertext(context, &whole, release(), &mut written).unwrap();
        assert_eq!(length, written.len() as u64);
        assert_eq!(written, whole.seal_bytes(Compression::None).unwrap());
        let other = Context::insecure(64, &[30, 30, 32]);
        let refused = write_ciphertext(&other, &whole, release(), &mut Vec::new());
        assert!(matches!(refused, Err(WireError::Unfit { .. })));
    }
}

#[test]
fn keys_are_read_as_seal_reads_them() {
    let mut world = World::new();
    let context = world.context.clone();
    for compression in [Compression::None, Compression::SealDefault] {
        let seeded = world.generator.seal_bytes_relin_keys(compression).unwrap();
        let whole = world.generator.create_relin_keys().unwrap();
        for bytes in [seeded, whole.seal_bytes(compression).unwrap()] {
            let keys = read::<RelinKeys>(&context, &bytes).unwrap();
            same_relin_keys(&context, &bytes, &keys);
            if compression == Compression::None {
                read::<RelinKeys>(&context, &zlib(&bytes)).unwrap();
            }
        }
        let seeded = world
            .generator
            .seal_bytes_galois_keys_of_elements(&ELEMENTS, compression);
        let whole = world.generator.create_galois_keys_of_elements(&ELEMENTS);
        for bytes in [
            seeded.unwrap(),
            whole.unwrap().seal_bytes(compression).unwrap(),
        ] {
            let keys = read::<GaloisKeys>(&context, &bytes).unwrap();
            assert_eq!(keys.elements(), ELEMENTS);
            same_galois_keys(&context, &bytes, &keys);
        }
    }
    // The number of slots of Galois keys is none of relinearisation keys.
    let galois = world
        .generator
        .seal_bytes_galois_keys_of_elements(&ELEMENTS, Compression::None)
        .unwrap();
    let refused = read::<RelinKeys>(&context, &galois);
    assert!(matches!(
        refused,
        Err(WireError::Field {
            field: "slots",
            actual: 64,
            ..
        })
    ));
}

#[test]
fn plaintexts_are_read_as_seal_reads_them() {
    let world = World::new();
    let encoder = BatchEncoder::new(&world.context).unwrap();
    let batched = encoder.encode_u64(&[5, 6, 7]).unwrap();
    for plain in [&world.plain, &batched] {
        for compression in [Compression::None, Compression::SealDefault] {
            let bytes = plain.seal_bytes(compression).unwrap();
            let read = read::<Plaintext>(&world.context, &bytes).unwrap();
            assert_eq!(read.coefficients(), plain.coefficients());
        }
    }
}

#[test]
fn cut_off_and_flipped_bytes_are_refused_or_harmless() {
    let context = Context::insecure(16, &[30, 31, 30]);
    let secret = KeyGenerator::new(&context).unwrap().secret_key().unwrap();
    let encryptor = Encryptor::symmetric(&context, &secret).unwrap();
    let plain = Plaintext::from_coefficients(&context, &[1, 2]).unwrap();
    let seeded = encryptor.seal_bytes_symmetric(&plain, Compression::None);
    let whole = encryptor.encrypt_symmetric(&plain).unwrap();
    let whole = whole.seal_bytes(Compression::None).unwrap();
    for plain in [seeded.unwrap(), whole] {
        for bytes in codings(&plain) {
            for length in 0..bytes.len() {
                assert!(
                    read::<Ciphertext>(&context, &bytes[..length]).is_err(),
                    "{length}"
                );
            }
            let whole = read::<Ciphertext>(&context, &bytes).unwrap();
            let mut accepted = 0;
            for at in 0..bytes.len() {
                for bit in 0..8 {
                    let mut flipped = bytes.clone();
                    flipped[at] ^= 1 << bit;
                    let Ok(read) = read::<Ciphertext>(&context, &flipped) else {
                        continue;
                    };
                    accepted += 1;
                    assert!(read.is_valid_for(&context).unwrap());
                    match bytes[5] {
                        0 => same_ciphertext(&context, &flipped, &read),
                        // The checksum finds what flips in the data; some bits of the coding are free.
                        1 => assert_eq!(read.limbs(), whole.limbs()),
                        _ => {}
                    }
                }
            }
            // A residue stays below its prime if a low bit of it flips, and seeds are free; nothing else is.
            assert!(accepted < 8 * bytes.len() / 2, "{accepted}");
        }
    }
    // Fields, byte by byte: header, parms_id, NTT form, counts, scale, correction factor, and the array's header and length.
    let bytes = encryptor
        .encrypt_symmetric(&plain)
        .unwrap()
        .seal_bytes(Compression::None)
        .unwrap();
    let fields = bytes.len() - 8 * 2 * 2 * 16;
    let mut free = Vec::new();
    for at in 0..fields {
        for bit in 0..8 {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << bit;
            if read::<Ciphertext>(&context, &flipped).is_ok() {
                free.push((at, bit));
            }
        }
    }
    // The NTT form is all that a ciphertext may choose.
    assert_eq!(free, [(SEAL_HEADER_BYTES + 32, 0)]);
}

#[test]
fn keys_with_a_flipped_byte_are_refused_or_harmless() {
    let context = Context::insecure(16, &[30, 31, 30]);
    let mut generator = KeyGenerator::new(&context).unwrap();
    let seeded = generator.seal_bytes_relin_keys(Compression::None).unwrap();
    let galois = generator.create_galois_keys_of_elements(&[3]).unwrap();
    let galois = galois.seal_bytes(Compression::None).unwrap();
    for at in 0..seeded.len() {
        let mut flipped = seeded.clone();
        flipped[at] ^= 0x11;
        if let Ok(keys) = read::<RelinKeys>(&context, &flipped) {
            same_relin_keys(&context, &flipped, &keys);
        }
        assert!(read::<RelinKeys>(&context, &seeded[..at]).is_err());
    }
    for at in 0..galois.len() {
        let mut flipped = galois.clone();
        flipped[at] ^= 1;
        if let Ok(keys) = read::<GaloisKeys>(&context, &flipped) {
            same_galois_keys(&context, &flipped, &keys);
        }
        assert!(read::<GaloisKeys>(&context, &galois[..at]).is_err());
    }
}

fn field_of<T>(result: Result<T, WireError>) -> &'static str {
    match result {
        Err(WireError::Field { field, .. } | WireError::Limit { field, .. }) => field,
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("accepted"),
    }
}

#[test]
fn objects_of_other_parameters_or_forms_are_refused() {
    let world = World::new();
    let context = &world.context;
    let fresh = world.encryptor.encrypt_symmetric(&world.plain).unwrap();
    let bytes = fresh.seal_bytes(Compression::None).unwrap();
    let change = |at: usize, new: &[u8]| {
        let mut changed = bytes.clone();
        changed[at..at + new.len()].copy_from_slice(new);
        read::<Ciphertext>(context, &changed)
    };
    let other = Context::insecure(64, &[30, 30, 32]);
    assert!(matches!(
        read::<Ciphertext>(&other, &bytes),
        Err(WireError::Fingerprint)
    ));
    // The key level is none of a ciphertext's.
    let key_level: Vec<u8> = context
        .key_level()
        .parms_id
        .0
        .iter()
        .flat_map(|word| word.to_le_bytes())
        .collect();
    assert!(matches!(
        change(16, &key_level),
        Err(WireError::Fingerprint)
    ));
    assert!(matches!(change(0, b"PK"), Err(WireError::Magic)));
    assert_eq!(field_of(change(2, &[15])), "size of SEAL's header");
    assert_eq!(field_of(change(3, &[3, 7])), "SEAL's version");
    assert_eq!(field_of(change(5, &[3])), "SEAL's compression");
    assert_eq!(field_of(change(6, &[0, 1])), "reserved bytes");
    assert_eq!(field_of(change(8, &15_u64.to_le_bytes())), "object length");
    assert_eq!(
        field_of(change(8, &u64::MAX.to_le_bytes())),
        "message bytes"
    );
    assert_eq!(field_of(change(48, &[2])), "NTT form");
    assert_eq!(field_of(change(49, &17_u64.to_le_bytes())), "polynomials");
    assert_eq!(field_of(change(49, &0_u64.to_le_bytes())), "polynomials");
    assert_eq!(
        field_of(change(57, &128_u64.to_le_bytes())),
        "poly_modulus_degree"
    );
    assert_eq!(field_of(change(65, &u64::MAX.to_le_bytes())), "primes");
    let scale = field_of(change(73, &2_f64.to_le_bytes()));
    assert!(scale.starts_with("scale"), "{scale}");
    assert_eq!(
        field_of(change(81, &2_u64.to_le_bytes())),
        "correction factor"
    );
    // The array of residues: a header of another release, compressed, of another length; another number.
    assert_eq!(
        field_of(change(93, &[release().minor + 1])),
        "SEAL's version"
    );
    for coding in [1, 2] {
        assert_eq!(
            field_of(change(94, &[coding])),
            "compression of a nested object"
        );
    }
    assert_eq!(
        field_of(change(97, &17_u64.to_le_bytes())),
        "length of a nested object"
    );
    assert_eq!(
        field_of(change(105, &(1_u64 << 61).to_le_bytes())),
        "residues"
    );
    let prime = context.primes()[0];
    assert!(matches!(
        change(113, &prime.to_le_bytes()),
        Err(WireError::Residue { index: 0, value, .. }) if value == prime
    ));
    let text = String::from_utf8_lossy(&bytes).into_owned();
    assert!(matches!(
        read::<Ciphertext>(context, text.as_bytes()),
        Err(WireError::Text { .. })
    ));
}

#[test]
fn a_seed_of_another_generator_is_refused() {
    let world = World::new();
    let seeded = world
        .encryptor
        .seal_bytes_symmetric(&world.plain, Compression::None);
    let mut bytes = seeded.unwrap();
    let at = bytes.len() - 65;
    // SHAKE-256.
    bytes[at] = 2;
    assert_eq!(
        field_of(read::<Ciphertext>(&world.context, &bytes)),
        "seed's generator"
    );
}

#[test]
fn bombs_end_where_the_object_ends() {
    let world = World::new();
    let context = &world.context;
    let fresh = world.encryptor.encrypt_symmetric(&world.plain).unwrap();
    let bytes = fresh.seal_bytes(Compression::None).unwrap();
    let behind = &bytes[SEAL_HEADER_BYTES..];
    let zeros = vec![0; 1 << 20];
    let mut encoder = ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(behind).unwrap();
    for _ in 0..100 {
        encoder.write_all(&zeros).unwrap();
    }
    let zlib_bomb = compressed(&bytes, 1, &encoder.finish().unwrap());
    let frame_bomb = compressed(&bytes, 2, &zstandard(behind, 1 << 30));
    for bomb in [zlib_bomb, frame_bomb] {
        assert!(bomb.len() < 1 << 18);
        let refused = read::<Ciphertext>(context, &bomb);
        assert!(
            matches!(refused, Err(WireError::Trailing { .. })),
            "{refused:?}"
        );
    }
    // A window of 16 MiB.
    let mut frame = zstandard(behind, 0);
    frame[5] = (24 - 10) << 3;
    let refused = read::<Ciphertext>(context, &compressed(&bytes, 2, &frame));
    assert!(
        matches!(refused, Err(WireError::Compression { .. })),
        "{refused:?}"
    );
    // Bytes behind the end of the compressed data.
    for coded in codings(&bytes) {
        let longer = [&coded[SEAL_HEADER_BYTES..], &[0; 3]].concat();
        let refused = read::<Ciphertext>(context, &compressed(&bytes, coded[5], &longer));
        assert!(refused.is_err());
    }
}

#[test]
fn limits_are_kept() {
    let mut world = World::new();
    let bytes = world
        .generator
        .seal_bytes_relin_keys(Compression::None)
        .unwrap();
    let limited = |message_bytes, memory_bytes| {
        let limits = Limits {
            message_bytes,
            memory_bytes,
        };
        RelinKeys::from_seal(&world.context, &bytes, &limits)
    };
    let length = bytes.len() as u64;
    // Three parts, whose seeded polynomials are held beside the whole.
    let memory = 3 * 3 * 8 * 64 * 4;
    limited(length, memory).unwrap();
    assert_eq!(field_of(limited(length - 1, memory)), "message bytes");
    assert_eq!(field_of(limited(length, memory - 1)), "bytes of memory");
}

/// Reads a file that SEAL 4.1.2 wrote.
fn of_seal_4_1(name: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/wire/seal_4_1");
    std::fs::read(format!("{folder}/{name}.bin")).unwrap()
}

/// Compares an object in each compression with what SEAL 4.1 makes of it. This build's SEAL would not read another release's
/// files, so their uncompressed form is given its own release.
fn compare_4_1<T: SealObject>(name: &str, seeded: bool, same: fn(&Context, &[u8], &T)) {
    let context = Context::insecure(32, &[30, 31, 32]);
    let expanded = of_seal_4_1(&format!(
        "{name}_{}",
        if seeded { "expanded" } else { "none" }
    ));
    let header = [SEAL_MAGIC.as_slice(), &[16, 4, 1, 0, 0, 0]].concat();
    assert!(expanded.starts_with(&header));
    let mut ours = expanded;
    for at in 0..ours.len() - 8 {
        if ours[at..].starts_with(&header) {
            ours[at + 4] = release().minor;
        }
    }
    for coding in ["none", "zlib", "zstd"] {
        let bytes = of_seal_4_1(&format!("{name}_{coding}"));
        let mut rest = bytes.as_slice();
        let (object, by) = T::read_seal(&context, &mut rest, &Limits::default()).unwrap();
        assert_eq!(by, SealRelease { minor: 1 });
        assert!(rest.is_empty());
        same(&context, &ours, &object);
    }
}

#[test]
fn objects_of_seal_4_1_are_read_as_it_reads_them() {
    compare_4_1("ciphertext", false, same_ciphertext);
    compare_4_1("square", false, same_ciphertext);
    compare_4_1("seeded_ciphertext", true, same_ciphertext);
    compare_4_1("relin_keys", false, same_relin_keys);
    compare_4_1("seeded_relin_keys", true, same_relin_keys);
    compare_4_1("galois_keys", false, same_galois_keys);
    compare_4_1("seeded_galois_keys", true, same_galois_keys);
}

#[test]
fn ciphertexts_are_written_as_seal_4_1_writes_them() {
    let context = Context::insecure(32, &[30, 31, 32]);
    for name in ["ciphertext", "square"] {
        let bytes = of_seal_4_1(&format!("{name}_none"));
        let encrypted = read::<Ciphertext>(&context, &bytes).unwrap();
        let mut written = Vec::new();
        let release = SealRelease { minor: 1 };
        write_ciphertext(&context, &encrypted, release, &mut written).unwrap();
        assert_eq!(written, bytes);
    }
}
