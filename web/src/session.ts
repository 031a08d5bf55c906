import { blake3 } from "@noble/hashes/blake3.js";
import { Client } from "./client/client";
import { type ClientFile, quantize, readClientFile } from "./client/client_file";
import { KeyStore, type StoredKeys } from "./client/key_store";
import type { Description, Result, Stage } from "./protocol";
import { type Library, loadLibrary } from "./seal/library";
import { Service } from "./service/service";
import { hex } from "./wire/bytes";

/** Bytes of a request that are shown. */
const GLIMPSE = 96;
/** Bytes of a request before its first ciphertext: the header and the seed. */
const GLIMPSE_START = 48 + 32;
/** Largest size of a response, in bytes. */
const MAX_RESPONSE = 64 * 2 ** 20;

/** Tells the user what happens; `share` is the part that is done, if it is known. */
export type Progress = (words: string, share?: number) => void;

/** Measures the time of stages, one after another. */
class Watch {
    readonly stages: Stage[] = [];
    private last = performance.now();

    lap(name: string): void {
        const now = performance.now();
        this.stages.push({ name, milliseconds: now - this.last });
        this.last = now;
    }
}

/** The work behind the page: a service, the deployments that the page can use, keys, and clients of them. */
export class Session {
    private readonly clients = new Map<string, Client>();
    private library: Library | undefined;

    private constructor(
        private readonly service: Service,
        private readonly files: Map<string, ClientFile>,
        private readonly store: KeyStore,
        private readonly progress: Progress,
    ) {
        store.whenForgotten = () => this.drop();
    }

    /** Asks a service what it offers. Deployments that the page cannot use are left out. */
    static async connect(base: string, token: string | undefined, progress: Progress): Promise<Session> {
        const service = new Service(base, token, progress);
        const files = new Map<string, ClientFile>();
        const problems: string[] = [];
        for (const { id, name } of await service.deployments()) {
            const json = await service.clientFile(id);
            try {
                const file = readClientFile(json);
                if (file.deployment !== id) {
                    throw new Error("client.json is that of another deployment");
                }
                files.set(id, file);
            } catch (error) {
                problems.push(`${name}: ${(error as Error).message}`);
            }
        }
        if (files.size === 0) {
            throw new Error(["the page can use none of the service's networks", ...problems].join("; "));
        }
        return new Session(service, files, await KeyStore.open(), progress);
    }

    /** Describes the deployments. */
    describe(): Description[] {
        return Array.from(this.files, ([id, file]) => ({
            id,
            name: file.name,
            height: file.height,
            width: file.width,
            bound: file.bound,
            thresholds: file.thresholds,
            parameters: parameters(file),
        }));
    }

    /** Classifies a picture of grey pixels. */
    async classify(deployment: string, pixels: Uint8Array): Promise<Result> {
        const file = this.files.get(deployment);
        if (!file || pixels.length !== file.height * file.width) {
            throw new Error("the picture does not fit the network");
        }
        const watch = new Watch();
        const { client, keys } = await this.client(file, watch);
        this.progress("Encrypting your picture in this browser");
        const request = await client.encrypt(quantize(file, pixels));
        watch.lap("encrypt");
        this.progress("Computing on your encrypted picture");
        const answer = await this.service.evaluate(deployment, keys.evaluation, request, MAX_RESPONSE);
        if (answer.sentKeys) {
            watch.stages.push({ name: "upload keys", milliseconds: answer.uploadTime });
        }
        watch.stages.push({ name: "send, evaluate, receive", milliseconds: answer.answerTime });
        const start = performance.now();
        this.progress("Decrypting the answer in this browser");
        const { logits, noiseBudgetBits } = await client.decrypt(answer.response);
        watch.stages.push({ name: "decrypt", milliseconds: performance.now() - start });
        return {
            classes: file.classes,
            logits,
            outputScale: file.outputScale,
            noiseBudgetBits,
            stages: watch.stages,
            serverStages: answer.stages,
            requestBytes: request.length,
            responseBytes: answer.response.length,
            keyBytes: keys.evaluation?.message.length ?? 0,
            sentKeys: answer.sentKeys,
            glimpse: request.slice(GLIMPSE_START, GLIMPSE_START + GLIMPSE),
        };
    }

    /** Forgets all keys: the next picture gets new ones. */
    async forget(): Promise<void> {
        this.drop();
        await this.store.clear();
    }

    private drop(): void {
        this.clients.clear();
        // Its memory holds secret keys.
        this.library = undefined;
    }

    /** Finds the client of a deployment, with its keys; makes them if there are none. */
    private async client(file: ClientFile, watch: Watch): Promise<{ client: Client; keys: StoredKeys }> {
        const stored = await this.store.get(file.deployment);
        let client = this.clients.get(file.deployment);
        if (!client) {
            this.progress("Starting SEAL");
            this.library ??= await loadLibrary();
            client = new Client(this.library, file, stored?.secret);
            this.clients.set(file.deployment, client);
            watch.lap("start SEAL");
        }
        if (stored) {
            return { client, keys: stored };
        }
        const words = "Making your keys, once";
        this.progress(words, 0);
        const keys: StoredKeys = { secret: client.savedSecret() };
        if (file.keys.length > 0) {
            const message = await client.makeKeys((share) => this.progress(words, share));
            keys.evaluation = { hash: hex(blake3(message)), message };
        }
        await this.store.put(file.deployment, keys);
        watch.lap("make keys");
        return { client, keys };
    }
}

/** Says how a deployment is encrypted. */
function parameters(file: ClientFile): string {
    const bits = (prime: bigint) => prime.toString(2).length;
    const q = file.primes.map(bits);
    return (
        `BFV, ring of degree ${file.degree}, ` +
        `a modulus of ${q.reduce((sum, width) => sum + width, 0)} bits (${q.join(" + ")}), ` +
        `plain modulus ${file.plainPrimes.join(" · ")}`
    );
}
