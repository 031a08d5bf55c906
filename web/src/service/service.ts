/** Longest time for which a busy service is asked again, in milliseconds. */
const PATIENCE = 60_000;
const SHORTEST_WAIT = 100;
const KEY_HEADER = "sealquant-key";
const UNKNOWN_KEYS = "unknown-keys";
const OCTETS = "application/octet-stream";
/** Largest size of an answer that is no response to a request, in bytes. */
const MAX_TEXT = 64 * 2 ** 20;

/** The service refuses. */
export class Refusal extends Error {
    constructor(
        readonly status: number,
        /** The word for programs. */
        readonly word: string,
        readonly detail: string,
    ) {
        super(`the service refuses (${status}): ${detail}`);
        this.name = "Refusal";
    }
}

/** The service cannot be reached, or the connection broke. */
export class Unreachable extends Error {
    constructor(address: string) {
        super(`${address} cannot be reached, or the connection broke`);
        this.name = "Unreachable";
    }
}

/** A deployment that the service offers. */
export interface Offer {
    id: string;
    name: string;
    /** Size of a request, in bytes. */
    requestBytes: number;
}

/** A response, and what it took. */
export interface Answer {
    response: Uint8Array;
    /** True if the keys had to be uploaded for it. */
    sentKeys: boolean;
    /** Milliseconds until the keys were uploaded, and from there to the whole response. */
    uploadTime: number;
    answerTime: number;
    /** Milliseconds of the service's own stages. */
    stages: { name: string; milliseconds: number }[];
}

/** The client's keys in the form in which they travel. */
export interface Keys {
    hash: string;
    message: Uint8Array<ArrayBuffer>;
}

/** What happens meanwhile, for the user. */
export type Notice = (words: string) => void;

/** A view of the service that serves the page (docs/SERVICE.md). */
export class Service {
    constructor(
        private readonly base: string,
        private readonly token: string | undefined,
        private readonly notice: Notice,
    ) {}

    /** Lists what is served, what sends least first. */
    async deployments(): Promise<Offer[]> {
        const { deployments } = (await this.json("v1/deployments")) as { deployments?: unknown };
        if (!Array.isArray(deployments)) {
            throw new Error("the service's list of deployments is not usable");
        }
        const offers = deployments.map((offer: Record<string, unknown>) => {
            const { id, name, request_bytes: requestBytes } = offer;
            const isId = typeof id === "string" && /^[0-9a-f]{32}$/.test(id);
            if (!isId || typeof name !== "string" || typeof requestBytes !== "number") {
                throw new Error("the service's list of deployments is not usable");
            }
            return { id, name, requestBytes };
        });
        return offers.sort((a, b) => a.requestBytes - b.requestBytes);
    }

    /** Fetches client.json, unchecked. */
    clientFile(id: string): Promise<unknown> {
        return this.json(`v1/deployments/${id}/client`);
    }

    /** Sends a request. If the service does not have the keys, they are uploaded, and the request is sent again. */
    async evaluate(
        id: string,
        keys: Keys | undefined,
        request: Uint8Array<ArrayBuffer>,
        limit: number,
    ): Promise<Answer> {
        const headers: Record<string, string> = { "content-type": OCTETS };
        if (keys) {
            headers[KEY_HEADER] = keys.hash;
        }
        const send = () =>
            this.call(`v1/deployments/${id}/evaluate`, { method: "POST", headers, body: request });
        let start = performance.now();
        const begin = start;
        let sentKeys = false;
        let answer: Response;
        try {
            answer = await send();
        } catch (error) {
            if (!(keys && error instanceof Refusal && error.word === UNKNOWN_KEYS)) {
                throw error;
            }
            this.notice(`Uploading your public evaluation keys, once (${megabytes(keys.message.length)})`);
            await this.call(`v1/keys/${keys.hash}`, {
                method: "PUT",
                headers: { "content-type": OCTETS },
                body: keys.message,
            });
            sentKeys = true;
            start = performance.now();
            this.notice("Computing on your encrypted picture");
            answer = await send();
        }
        const response = await this.bytes(answer, limit);
        return {
            response,
            sentKeys,
            uploadTime: start - begin,
            answerTime: performance.now() - start,
            stages: stages(answer.headers.get("server-timing") ?? ""),
        };
    }

    private async json(path: string): Promise<unknown> {
        const bytes = await this.bytes(await this.call(path, {}), MAX_TEXT);
        return JSON.parse(new TextDecoder().decode(bytes));
    }

    /** Makes a call, again and again while the service says that it is busy. */
    private async call(path: string, options: RequestInit): Promise<Response> {
        const address = new URL(path, this.base);
        const headers = new Headers(options.headers);
        if (this.token) {
            headers.set("authorization", `Bearer ${this.token}`);
        }
        const end = performance.now() + PATIENCE;
        for (;;) {
            let answer: Response;
            try {
                answer = await fetch(address, { ...options, headers, cache: "no-store", redirect: "error" });
            } catch {
                throw new Unreachable(address.origin);
            }
            if (answer.ok) {
                return answer;
            }
            const refusal = await this.refusal(answer);
            const wait = Number(answer.headers.get("retry-after") ?? Number.NaN) * 1000;
            const isBusy = answer.status === 429 || answer.status === 503;
            if (!isBusy || !(performance.now() + wait < end)) {
                throw refusal;
            }
            this.notice(`The service is busy: trying again in ${Math.ceil(wait / 1000)} s`);
            await new Promise((resolve) => setTimeout(resolve, Math.max(wait, SHORTEST_WAIT)));
        }
    }

    private async refusal(answer: Response): Promise<Refusal> {
        let fields: { type?: unknown; detail?: unknown } = {};
        try {
            fields = JSON.parse(new TextDecoder().decode(await this.bytes(answer, MAX_TEXT)));
        } catch {
            // A proxy on the way answers in other words.
        }
        const word = typeof fields.type === "string" ? (fields.type.split(":").at(-1) ?? "") : "";
        const detail = typeof fields.detail === "string" ? fields.detail : "it gives no reason";
        return new Refusal(answer.status, word, detail);
    }

    /** Reads an answer of at most `limit` bytes. */
    private async bytes(answer: Response, limit: number): Promise<Uint8Array> {
        const parts: Uint8Array[] = [];
        let length = 0;
        const reader = answer.body?.getReader();
        for (;;) {
            let piece: ReadableStreamReadResult<Uint8Array> | undefined;
            try {
                piece = await reader?.read();
            } catch {
                throw new Unreachable(new URL(this.base).origin);
            }
            if (!piece || piece.done) {
                break;
            }
            length += piece.value.length;
            if (length > limit) {
                await reader?.cancel();
                throw new Error(`the service's answer has more than ${limit} bytes`);
            }
            parts.push(piece.value);
        }
        const bytes = new Uint8Array(length);
        parts.reduce((at, part) => (bytes.set(part, at), at + part.length), 0);
        return bytes;
    }
}

/** Reads `name;dur=1.5, …`. */
function stages(timing: string): { name: string; milliseconds: number }[] {
    const found = timing.matchAll(/([a-z]+);dur=([0-9.]+)/g);
    return Array.from(found, ([, name, duration]) => ({ name: name!, milliseconds: Number(duration) }));
}

/** Writes a size for people. */
export function megabytes(bytes: number): string {
    return bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}
