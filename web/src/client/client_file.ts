import { MAX_BITS } from "../arithmetic/modulus";
import { Fields } from "./fields";
import { SlotMap } from "./slot_map";

/** The version of client.json that the page reads. */
const VERSION = 1;
const MAX_PRIMES = 64;
const MAX_POLYNOMIALS = 16;

/** A key that the server needs. */
export interface NeededKey {
    /** The Galois element of its rotation; 0 for the relinearisation key. */
    element: number;
    /** Number of data primes of the ciphertexts that it switches. */
    level: number;
}

/** All that the page must know of a deployment: what client.json says, checked. It holds no weights. */
export interface ClientFile {
    deployment: string;
    name: string;
    classes: string[];
    /** Which inputs the logits are exact for, in words. */
    bound: string;
    /** The real value of one unit of a logit. */
    outputScale: number;
    /** N. */
    degree: number;
    /** The primes of q, the special prime last. */
    primes: bigint[];
    plainPrimes: bigint[];
    /** Height and width of the grey pictures that the network reads. */
    height: number;
    width: number;
    /** Pixels reach as many thresholds as the number that the network reads. */
    thresholds: number[];
    slotMap: SlotMap;
    /** For each plain prime, the factor by which decrypted slots are multiplied. */
    corrections: bigint[];
    /** In the order in which they travel. */
    keys: NeededKey[];
    /** Number of primes of a response's ciphertexts. */
    responsePrimes: number;
    /** Number of bits of each coefficient of a response, for each polynomial; none if responses are whole. */
    responseWidths: number[];
}

/** Reads client.json, which may come from anyone. SEAL checks once more that the parameters are secure. */
export function readClientFile(json: unknown): ClientFile {
    const file = new Fields(json, "client.json");
    file.integer("client_version", VERSION, VERSION);
    const spec = file.within("spec");
    const degree = spec.integer("poly_modulus_degree", 1024, 32768);
    if (!Number.isInteger(Math.log2(degree))) {
        throw spec.error("poly_modulus_degree", "must be a power of two");
    }
    const primes = spec.integers("coeff_modulus", 2, 2 ** MAX_BITS, MAX_PRIMES);
    const data = primes.length - 1;
    if (data < 1) {
        throw spec.error("coeff_modulus", "must be two primes or more");
    }
    const plainPrimes = spec.integers("plain_moduli", 2, 2 ** MAX_BITS, MAX_PRIMES);
    const corrections = spec.integers("corrections", 0, 2 ** MAX_BITS, MAX_PRIMES);
    if (plainPrimes.length === 0 || corrections.length !== plainPrimes.length) {
        throw spec.error("corrections", "must be a residue for each plain prime");
    }
    const elements = spec.integers("galois_elements", 1, 2 * degree - 1, 2 * degree);
    const inOrder = elements.every((element, at) => element % 2 === 1 && element > (elements[at - 1] ?? 0));
    if (!inOrder) {
        throw spec.error("galois_elements", "must be odd and ascending");
    }
    const ofKeys = spec.flag("relin_keys") ? [0, ...elements] : elements;
    const levels = spec.integers("key_levels", 1, data, 2 * degree);
    if (levels.length !== ofKeys.length) {
        throw spec.error("key_levels", "must be a number of data primes for each key");
    }
    if (spec.flag("shared_upload")) {
        throw spec.error("shared_upload", "this page encrypts for each plain prime");
    }
    const responseWidths = spec.integers("response_widths", 1, MAX_BITS, MAX_POLYNOMIALS);
    if (responseWidths.length === 1) {
        throw spec.error("response_widths", "must be none, or one for each of 2 polynomials or more");
    }
    const input = readInput(spec.within("input"));
    const slotMap = SlotMap.read(spec.within("slot_map"), input.height * input.width, degree);
    const classes = file.texts("classes", slotMap.logits);
    if (classes.length !== slotMap.logits) {
        throw file.error("classes", "must name each logit");
    }
    const outputScale = Number(file.text("output_scale"));
    if (!(Math.abs(outputScale) > 0 && Number.isFinite(outputScale))) {
        throw file.error("output_scale", "must be a number");
    }
    return {
        deployment: file.text("deployment"),
        name: file.text("name"),
        classes,
        bound: file.text("bound"),
        outputScale,
        degree,
        primes: primes.map(BigInt),
        plainPrimes: plainPrimes.map(BigInt),
        ...input,
        slotMap,
        corrections: corrections.map(BigInt),
        keys: ofKeys.map((element, at) => ({ element, level: levels[at]! })),
        responsePrimes: spec.integer("response_primes", 1, data),
        responseWidths,
    };
}

/** Reads which pictures the network takes. */
function readInput(input: Fields): { height: number; width: number; thresholds: number[] } {
    const shape = input.within("shape");
    if (shape.integer("channels", 1, 4096) !== 1) {
        throw shape.error("channels", "this page draws grey pictures only");
    }
    const quantizer = input.within("quantizer");
    if (!quantizer.has("thresholds")) {
        throw quantizer.error("encoding", "this page reads thresholds of pixels only");
    }
    const thresholds = quantizer.integers("thresholds", 1, 255, 255);
    return { height: shape.integer("height", 1, 512), width: shape.integer("width", 1, 512), thresholds };
}

/** Turns pixels (0 to 255) into the integers that the network reads. */
export function quantize(file: ClientFile, pixels: ArrayLike<number>): number[] {
    return Array.from(pixels, (pixel) => file.thresholds.filter((threshold) => threshold <= pixel).length);
}
