import { Fields } from "./fields";

/** Largest number of entries of a map. */
const MAX_ENTRIES = 1 << 24;
const EMPTY = -1;

/**
 * The value of an image that lies in each slot of a request's ciphertexts, and the slots of a response's ciphertexts that
 * sum to each logit. The page sends one image at a time.
 */
export class SlotMap {
    private constructor(
        readonly slots: number,
        readonly imageSlots: number,
        private readonly logitSlots: number,
        readonly logits: number,
        private readonly classes: { block: number; period: number } | undefined,
        private readonly inputs: Int32Array[],
    ) {}

    /** Reads the map of images of `values` values for ciphertexts of `degree` slots. */
    static read(fields: Fields, values: number, degree: number): SlotMap {
        const slots = fields.integer("slots", degree, degree);
        const imageSlots = fields.integer("image_slots", 1, slots);
        const logitSlots = fields.integer("logit_slots", 1, imageSlots);
        const logits = fields.integer("logits", 1, MAX_ENTRIES);
        let entries = 0;
        const inputs = fields.list("inputs", MAX_ENTRIES).map((runs) => {
            const list = readRuns(fields, runs, values, imageSlots);
            entries += list.length;
            if (entries > MAX_ENTRIES) {
                throw fields.error("inputs", "are too many");
            }
            return list;
        });
        if (inputs.length === 0) {
            throw fields.error("inputs", "there must be at least one");
        }
        let classes: { block: number; period: number } | undefined;
        if (fields.has("classes")) {
            const [block = 0, period = 0, ...rest] = fields.integers("classes", 1, slots / 2, 2);
            const whole = block > 0 && period % block === 0 && (slots / 2) % period === 0;
            const repeated = (slots / 2 / period) * block;
            if (rest.length > 0 || !whole || imageSlots !== slots || logitSlots !== repeated) {
                throw fields.error("classes", "must divide a row of slots");
            }
            classes = { block, period };
        }
        return new SlotMap(slots, imageSlots, logitSlots, logits, classes, inputs);
    }

    /** Number of ciphertexts in a request, for each part. */
    get requestCiphertexts(): number {
        return this.inputs.length;
    }

    /** Number of ciphertexts in a response, for each plain prime. */
    get responseCiphertexts(): number {
        return Math.ceil(this.logits / this.logitsInCiphertext);
    }

    /** Number of coefficients of polynomial 0 of a response on which the logits depend. */
    get responseCoefficients(): number {
        return this.classes ? 2 * this.classes.period : this.slots;
    }

    private get logitsInCiphertext(): number {
        return Math.floor(this.imageSlots / this.logitSlots);
    }

    /** Gathers the slots of a ciphertext of a request for one image. */
    gather(image: readonly number[], ciphertext: number): number[] {
        const list = this.inputs[ciphertext]!;
        return Array.from({ length: this.imageSlots }, (_, slot) => {
            const index = list[slot % list.length]!;
            return index === EMPTY ? 0 : (image[index] ?? 0);
        });
    }

    /** Sums the slots of each response ciphertext, residues of a plain prime, to those of each logit of the one image. */
    collect(outputs: readonly bigint[][], plainPrime: bigint): bigint[] {
        const each = this.logitsInCiphertext;
        return Array.from({ length: this.logits }, (_, logit) => {
            const slots = outputs[Math.floor(logit / each)]!;
            const sum = this.summed(logit % each).reduce((sum, slot) => sum + slots[slot]!, 0n);
            return sum % plainPrime;
        });
    }

    /** Returns the slots that sum to a logit of a ciphertext. */
    summed(logit: number): number[] {
        const range = (first: number, count: number) => Array.from({ length: count }, (_, at) => first + at);
        if (!this.classes) {
            return range(logit * this.logitSlots, this.logitSlots);
        }
        const { block, period } = this.classes;
        const half = this.slots / 2;
        const inRow = period / block;
        const row = Math.floor(logit / inRow) * half;
        const first = row + (logit % inRow) * block;
        return range(0, half / period).flatMap((at) => range(first + at * period, block));
    }
}

/** Expands runs: `[count]` for empty slots, `[count, first, step]` for values. */
function readRuns(fields: Fields, runs: unknown, values: number, imageSlots: number): Int32Array {
    const refuse = (problem: string) => fields.error("inputs", problem);
    const list: number[] = [];
    if (!Array.isArray(runs)) {
        throw refuse("must be lists of runs");
    }
    for (const run of runs) {
        if (!Array.isArray(run) || (run.length !== 1 && run.length !== 3) || !run.every(Number.isSafeInteger)) {
            throw refuse("a run must be [count] or [count, first, step]");
        }
        const [count, first, step] = run as number[];
        if (count! < 0 || list.length + count! > imageSlots) {
            throw refuse("a list must fill from 1 slot to all slots of an image");
        }
        for (let at = 0; at < count!; at++) {
            const value = run.length === 1 ? EMPTY : first! + at * step!;
            if (run.length === 3 && (value < 0 || value >= values)) {
                throw refuse("a value that no image has");
            }
            list.push(value);
        }
    }
    if (list.length === 0) {
        throw refuse("a list must fill from 1 slot to all slots of an image");
    }
    return Int32Array.from(list);
}
