/** A client's keys of one deployment. */
export interface StoredKeys {
    /** The secret key, as SEAL saves it. It never leaves the browser. */
    secret: Uint8Array;
    /** The message with the evaluation keys, and its hash; none if the server needs none. */
    evaluation?: { hash: string; message: Uint8Array<ArrayBuffer> };
}

const DATABASE = "sealquant";
const VERSION = 1;
const STORE = "keys";
/** The channel on which the pages of one browser tell each other that keys are forgotten. */
const CHANNEL = "sealquant-forget";

function finished<T>(request: IDBRequest<T>): Promise<T> {
    return new Promise((resolve, reject) => {
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error ?? new Error("the browser's storage failed"));
    });
}

/** Keeps keys in the browser (IndexedDB), by deployment. Where it allows no storage, they last as long as the page. */
export class KeyStore {
    /** Called when another page of this browser has forgotten all keys. */
    whenForgotten: () => void = () => {};
    private readonly channel = new BroadcastChannel(CHANNEL);

    private constructor(
        private readonly database: IDBDatabase | undefined,
        private readonly memory = new Map<string, StoredKeys>(),
    ) {
        this.channel.onmessage = () => {
            this.memory.clear();
            this.whenForgotten();
        };
    }

    static async open(): Promise<KeyStore> {
        try {
            const request = indexedDB.open(DATABASE, VERSION);
            request.onupgradeneeded = () => request.result.createObjectStore(STORE);
            const database = await finished(request);
            // Another page of this service may be newer.
            database.onversionchange = () => database.close();
            return new KeyStore(database);
        } catch {
            return new KeyStore(undefined);
        }
    }

    async get(deployment: string): Promise<StoredKeys | undefined> {
        const kept = this.memory.get(deployment);
        if (kept || !this.database) {
            return kept;
        }
        try {
            const stored = this.database.transaction(STORE).objectStore(STORE);
            return (await finished(stored.get(deployment))) as StoredKeys | undefined;
        } catch {
            return undefined;
        }
    }

    async put(deployment: string, keys: StoredKeys): Promise<void> {
        this.memory.set(deployment, keys);
        try {
            const stored = this.database?.transaction(STORE, "readwrite").objectStore(STORE);
            await (stored && finished(stored.put(keys, deployment)));
        } catch {
            // No room: they are in memory.
        }
    }

    /** Removes all keys, and tells other pages. */
    async clear(): Promise<void> {
        this.memory.clear();
        const stored = this.database?.transaction(STORE, "readwrite").objectStore(STORE);
        await (stored && finished(stored.clear()));
        this.channel.postMessage("forget");
    }
}
