/** A fault of a file: the field, and what is wrong with it. */
export class FieldError extends Error {
    constructor(field: string, problem: string) {
        super(`${field}: ${problem}`);
        this.name = "FieldError";
    }
}

/** Reads the fields of parsed JSON, which may come from anyone. */
export class Fields {
    private readonly fields: Record<string, unknown>;

    constructor(
        value: unknown,
        private readonly path: string,
    ) {
        if (typeof value !== "object" || value === null || Array.isArray(value)) {
            throw new FieldError(path, "must be an object");
        }
        this.fields = value as Record<string, unknown>;
    }

    has(name: string): boolean {
        return Object.hasOwn(this.fields, name) && this.fields[name] !== null;
    }

    error(name: string, problem: string): FieldError {
        return new FieldError(`${this.path}.${name}`, problem);
    }

    within(name: string): Fields {
        return new Fields(this.value(name), `${this.path}.${name}`);
    }

    list(name: string, most: number): unknown[] {
        const value = this.value(name);
        if (!Array.isArray(value) || value.length > most) {
            throw this.error(name, `must be a list of at most ${most}`);
        }
        return value;
    }

    text(name: string): string {
        return this.asText(name, this.value(name));
    }

    texts(name: string, most: number): string[] {
        return this.list(name, most).map((value) => this.asText(name, value));
    }

    flag(name: string): boolean {
        const value = this.value(name);
        if (typeof value !== "boolean") {
            throw this.error(name, "must be true or false");
        }
        return value;
    }

    integer(name: string, least: number, most: number): number {
        return this.asInteger(name, this.value(name), least, most);
    }

    integers(name: string, least: number, most: number, mostOfThem: number): number[] {
        const list = this.list(name, mostOfThem);
        return list.map((value) => this.asInteger(name, value, least, most));
    }

    private value(name: string): unknown {
        if (!this.has(name)) {
            throw this.error(name, "is missing");
        }
        return this.fields[name];
    }

    private asText(name: string, value: unknown): string {
        if (typeof value !== "string" || value.length > 4096) {
            throw this.error(name, "must be a short text");
        }
        return value;
    }

    private asInteger(name: string, value: unknown, least: number, most: number): number {
        if (typeof value !== "number" || !Number.isSafeInteger(value) || value < least || value > most) {
            throw this.error(name, `must be a whole number from ${least} to ${most}`);
        }
        return value;
    }
}
