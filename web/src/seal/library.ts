import initialize from "node-seal";

/** Microsoft SEAL, compiled to WebAssembly. */
export type Library = Awaited<ReturnType<typeof initialize>>;
export type Context = InstanceType<Library["SEALContext"]>;
export type Evaluator = InstanceType<Library["Evaluator"]>;
export type Encryptor = InstanceType<Library["Encryptor"]>;
export type Decryptor = InstanceType<Library["Decryptor"]>;
export type BatchEncoder = InstanceType<Library["BatchEncoder"]>;
export type KeyGenerator = InstanceType<Library["KeyGenerator"]>;

/** Loads SEAL. */
export async function loadLibrary(): Promise<Library> {
    // Without `locateFile`, the WebAssembly lies where the bundler puts it.
    const bundled: Record<string, unknown> = { locateFile: undefined };
    try {
        return await initialize(bundled);
    } catch (error) {
        throw new Error(`SEAL did not start; it needs a browser of 2025 or newer (${explained(error).message})`);
    }
}

/** Makes a context whose parameters must have 128 bits of security by SEAL's table. */
export function makeContext(
    library: Library,
    degree: number,
    primes: readonly bigint[],
    plainModulus: bigint,
): Context {
    const parameters = new library.EncryptionParameters(library.SchemeType.bfv);
    parameters.setPolyModulusDegree(degree);
    const moduli = new library.VectorModulus();
    for (const prime of primes) {
        moduli.push_back(new library.Modulus(prime));
    }
    parameters.setCoeffModulus(moduli);
    parameters.setPlainModulus(new library.Modulus(plainModulus));
    const context = new library.SEALContext(parameters, true, library.SecLevelType.tc128);
    if (!context.parametersSet()) {
        throw new Error("SEAL refuses the deployment's parameters: they are not secure, or fit no scheme");
    }
    return context;
}

/** Returns the words of the identifier of a context's level with this many data primes. */
export function levelId(context: Context, primes: number): BigUint64Array {
    let level = context.firstContextData();
    while (level.chainIndex() + 1 > primes) {
        level = level.nextContextData();
    }
    return level.parmsId().values() as BigUint64Array;
}

/** Says what SEAL throws in words. */
export function explained(error: unknown): Error {
    const message = (error as { message?: unknown } | null)?.message;
    if (Array.isArray(message)) {
        return new Error(`SEAL: ${message.slice(1).join(" ") || message[0]}`);
    }
    return error instanceof Error ? error : new Error(String(error));
}
