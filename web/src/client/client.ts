import { Joining, Modulus } from "../arithmetic/modulus";
import { permutation } from "../seal/galois";
import {
    type BatchEncoder,
    type Context,
    type Decryptor,
    type Encryptor,
    type Evaluator,
    type KeyGenerator,
    type Library,
    levelId,
    makeContext,
} from "../seal/library";
import { readPair, readSecret, readdressed, writeCiphertext } from "../seal/saved";
import { pack } from "../wire/bits";
import { randomBytes } from "../wire/bytes";
import * as fingerprint from "../wire/fingerprint";
import { Kind, writeMessage } from "../wire/message";
import { SEED_BYTES, UniformPolynomials } from "../wire/uniform";
import type { ClientFile } from "./client_file";
import { type Polynomials, readResponse } from "./response";

/** SEAL's objects for one plain modulus. */
interface Side {
    plainModulus: bigint;
    context: Context;
    encoder: BatchEncoder;
    evaluator: Evaluator;
    encryptor: Encryptor;
    decryptor: Decryptor;
}

/** A response cannot be decrypted. The service must not learn of it: answers made to fail can reveal the secret key. */
export class DecryptionFailure extends Error {}

/** What a response says. */
export interface Decrypted {
    logits: bigint[];
    /** The least noise budget of the response's ciphertexts, in bits: at least 1. */
    noiseBudgetBits: number;
}

/**
 * A client of a deployment: it holds the secret key, encrypts an image and decrypts the logits.
 *
 * SEAL encrypts, with random polynomials of its own; they are then exchanged for those that a short public seed stands for.
 * With (c0, a) from SEAL, (c0 + (a - a') s, a') has the same message and the same noise for any a'. SEAL's own pair must
 * never leave the client beside it: the two together reveal s.
 */
export class Client {
    /** For each plain prime. */
    private readonly sides: Side[];
    private readonly moduli: Modulus[];
    /** The secret key in NTT form, a row for each prime. */
    private readonly secret: Float64Array[];
    private readonly generator: KeyGenerator;

    /** Takes a saved secret key, or makes one. */
    constructor(
        private readonly library: Library,
        private readonly file: ClientFile,
        saved?: Uint8Array,
    ) {
        const { degree, primes, plainPrimes } = file;
        this.moduli = primes.map((prime) => new Modulus(prime));
        const first = makeContext(library, degree, primes, plainPrimes[0]!);
        if (saved) {
            const key = new library.SecretKey();
            key.loadFromArray(first, saved);
            this.generator = new library.KeyGenerator(first, key);
        } else {
            this.generator = new library.KeyGenerator(first);
        }
        const contexts = plainPrimes.map((plain, at) =>
            at === 0 ? first : makeContext(library, degree, primes, plain),
        );
        this.sides = contexts.map((context, at) => this.side(context, plainPrimes[at]!));
        this.secret = readSecret(this.savedSecret(), primes.length, degree);
    }

    /** Returns the secret key as SEAL saves it. */
    savedSecret(): Uint8Array {
        return this.generator.secretKey().saveToArray(this.library.ComprModeType.none) as Uint8Array;
    }

    /** Makes the keys that the server needs, with a fresh seed, as a message. `progress` hears the share that is done. */
    async makeKeys(progress: (share: number) => void): Promise<Uint8Array<ArrayBuffer>> {
        const { degree, primes, keys } = this.file;
        const seed = randomBytes(SEED_BYTES);
        const uniform = UniformPolynomials.ofKeys(seed, degree, primes);
        const body = [seed];
        const special = primes.length - 1;
        keys.forEach(({ element, level }, index) => {
            const from = this.switched(element, level);
            for (let digit = 0; digit < level; digit++) {
                // A public key is an encryption of 0 under all primes.
                const [first, second] = this.encryptionOfZero();
                for (const row of [...Array(level).keys(), special]) {
                    const modulus = this.moduli[row]!;
                    const wanted = uniform.row([index, digit, row], modulus, degree);
                    const exchanged = this.exchange(row, first[row]!, second[row]!, wanted);
                    if (row === digit) {
                        const factor = modulus.reduce(primes[special]!);
                        exchanged.forEach((value, at) => {
                            const added = modulus.multiply(from[digit]![at]!, factor);
                            exchanged[at] = modulus.add(value, added);
                        });
                    }
                    body.push(pack(exchanged, modulus.width));
                }
            }
            progress((index + 1) / keys.length);
        });
        const header = {
            kind: Kind.CompactKeys,
            isNttForm: true,
            fingerprint: fingerprint.ofKeys(degree, primes, keys),
            polynomials: 2,
            primes: primes.length,
            parts: 1,
            items: keys.length,
            images: 0,
        };
        return writeMessage(header, body);
    }

    /** Encrypts the integers of one image, with a fresh seed, as a message. */
    async encrypt(image: readonly number[]): Promise<Uint8Array<ArrayBuffer>> {
        const { degree, primes, slotMap } = this.file;
        const data = primes.length - 1;
        const seed = randomBytes(SEED_BYTES);
        const body = [seed];
        this.sides.forEach((side, part) => {
            const uniform = UniformPolynomials.ofRequest(seed, degree, side.plainModulus, primes);
            for (let ciphertext = 0; ciphertext < slotMap.requestCiphertexts; ciphertext++) {
                const slots = slotMap.gather(image, ciphertext);
                const [first, second] = this.encryptSlots(side, slots);
                for (let row = 0; row < data; row++) {
                    const modulus = this.moduli[row]!;
                    const wanted = uniform.row([part, ciphertext, row], modulus, degree);
                    const exchanged = this.exchange(row, first[row]!, second[row]!, wanted);
                    body.push(pack(exchanged, modulus.width));
                }
            }
        });
        const header = {
            kind: Kind.CompactRequest,
            isNttForm: true,
            fingerprint: fingerprint.ofParameters(degree, primes, this.file.plainPrimes),
            polynomials: 2,
            primes: data,
            parts: this.sides.length,
            items: slotMap.requestCiphertexts,
            images: 1,
        };
        return writeMessage(header, body);
    }

    /** Decrypts the response to a request of one image. */
    async decrypt(message: Uint8Array): Promise<Decrypted> {
        const { degree, slotMap, plainPrimes, responsePrimes } = this.file;
        const parts = await readResponse(this.file, message);
        let noiseBudgetBits = Number.POSITIVE_INFINITY;
        const residues = parts.map((ciphertexts, part) => {
            const side = this.sides[part]!;
            const level = levelId(side.context, responsePrimes);
            const outputs = ciphertexts.map((polynomials) => {
                this.complete(side, level, polynomials);
                const loaded = this.load(side, writeCiphertext(polynomials, level, false, degree));
                const budget = side.decryptor.invariantNoiseBudget(loaded);
                if (budget === 0) {
                    throw new DecryptionFailure("the answer cannot be decrypted: its noise is too large");
                }
                noiseBudgetBits = Math.min(noiseBudgetBits, budget);
                const plain = new this.library.Plaintext();
                side.decryptor.decrypt(loaded, plain);
                const slots = side.encoder.decodeBigUint64(plain) as BigUint64Array;
                const correction = this.file.corrections[part]!;
                loaded.delete();
                plain.delete();
                return Array.from(slots, (slot) => (slot * correction) % side.plainModulus);
            });
            return slotMap.collect(outputs, side.plainModulus);
        });
        const joining = new Joining(plainPrimes);
        const logits = Array.from({ length: slotMap.logits }, (_, logit) =>
            joining.centred(residues.map((part) => part[logit]!)),
        );
        return { logits, noiseBudgetBits };
    }

    private side(context: Context, plainModulus: bigint): Side {
        const { library } = this;
        const secretKey = new library.SecretKey();
        const parmsId = context.keyParmsId().values() as BigUint64Array;
        secretKey.loadFromArray(context, readdressed(this.savedSecret(), parmsId));
        // It asks for a public key, which is not used.
        const publicKey = new library.KeyGenerator(context, secretKey).createPublicKey();
        const encryptor = new library.Encryptor(context, publicKey, secretKey);
        return {
            plainModulus,
            context,
            encoder: new library.BatchEncoder(context),
            evaluator: new library.Evaluator(context),
            encryptor,
            decryptor: new library.Decryptor(context, secretKey),
        };
    }

    /** Returns s', from which a key switches: the rotated secret, or its square, a row for each data prime of the level. */
    private switched(element: number, level: number): Float64Array[] {
        const rows = this.secret.slice(0, level);
        if (element === 0) {
            return rows.map((row, prime) => row.map((value) => this.moduli[prime]!.multiply(value, value)));
        }
        const from = permutation(this.file.degree, element);
        return rows.map((row) => row.map((_, at) => row[from[at]!]!));
    }

    private encryptionOfZero(): [Float64Array[], Float64Array[]] {
        const key = this.generator.createPublicKey();
        const bytes = key.saveToArray(this.library.ComprModeType.none) as Uint8Array;
        key.delete();
        return readPair(bytes, this.file.primes.length, this.file.degree);
    }

    /** Encrypts slots with SEAL and returns the ciphertext in NTT form. */
    private encryptSlots(side: Side, slots: number[]): [Float64Array[], Float64Array[]] {
        const { library } = this;
        const { degree, primes } = this.file;
        const plain = new library.Plaintext();
        side.encoder.encode(BigUint64Array.from(slots, BigInt), plain);
        const encrypted = new library.Ciphertext();
        side.encryptor.encryptSymmetric(plain, encrypted);
        side.evaluator.cipherTransformToNttInplace(encrypted);
        const bytes = encrypted.saveToArray(library.ComprModeType.none) as Uint8Array;
        encrypted.delete();
        plain.delete();
        return readPair(bytes, primes.length - 1, degree);
    }

    /** Exchanges the random polynomial `second` of a ciphertext, modulo one prime, for the wanted one. */
    private exchange(
        prime: number,
        first: Float64Array,
        second: Float64Array,
        wanted: Float64Array,
    ): Float64Array {
        const modulus = this.moduli[prime]!;
        const secret = this.secret[prime]!;
        return first.map((value, at) => {
            const difference = modulus.subtract(second[at]!, wanted[at]!);
            return modulus.add(value, modulus.multiply(difference, secret[at]!));
        });
    }

    /**
     * Gives the coefficients of polynomial 0 that did not travel those of -c1 s: they decrypt to 0 without noise, so that
     * the noise budget is that of the others.
     */
    private complete(side: Side, level: BigUint64Array, [first, second, ...more]: Polynomials): void {
        const { degree, slotMap } = this.file;
        const step = degree / slotMap.responseCoefficients;
        if (step === 1 || !first || !second || more.length > 0) {
            return;
        }
        const loaded = this.load(side, writeCiphertext([second, second], level, false, degree));
        side.evaluator.cipherTransformToNttInplace(loaded);
        const [transformed] = this.saved(loaded, first.length);
        const product = transformed.map((row, prime) =>
            row.map((value, at) => this.moduli[prime]!.multiply(value, this.secret[prime]![at]!)),
        );
        const multiplied = this.load(side, writeCiphertext([product, product], level, true, degree));
        side.evaluator.cipherTransformFromNttInplace(multiplied);
        const [back] = this.saved(multiplied, first.length);
        first.forEach((row, prime) =>
            row.forEach((_, at) => {
                if (at % step !== 0) {
                    row[at] = this.moduli[prime]!.subtract(0, back[prime]![at]!);
                }
            }),
        );
    }

    private load(side: Side, bytes: Uint8Array): InstanceType<Library["Ciphertext"]> {
        const loaded = new this.library.Ciphertext();
        loaded.loadFromArray(side.context, bytes);
        return loaded;
    }

    /** Reads a ciphertext back from SEAL, and frees it. */
    private saved(encrypted: InstanceType<Library["Ciphertext"]>, primes: number): [Float64Array[], Float64Array[]] {
        const bytes = encrypted.saveToArray(this.library.ComprModeType.none) as Uint8Array;
        encrypted.delete();
        return readPair(bytes, primes, this.file.degree);
    }
}
