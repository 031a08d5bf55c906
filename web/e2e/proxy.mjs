import { createServer, request } from "node:http";

/**
 * Stands between the page and a service: it counts calls, and answers some of them itself. `fault` says which.
 *
 * @typedef {{ path: RegExp, times: number, status?: number, headers?: object, body?: object, damage?: boolean }} Fault
 */
export class Proxy {
    /** @type {Fault | undefined} */
    fault;
    /** Calls that were made, as "METHOD /path". */
    calls = [];

    /** @param {string} target address of the service */
    constructor(target) {
        this.target = new URL(target);
        this.server = createServer((incoming, outgoing) => this.#answer(incoming, outgoing));
    }

    /** Listens, and returns the address. */
    async start() {
        await new Promise((resolve) => this.server.listen(0, "127.0.0.1", resolve));
        return `http://127.0.0.1:${this.server.address().port}/`;
    }

    stop() {
        this.server.closeAllConnections();
        this.server.close();
    }

    /** Returns how many calls with this beginning there were. */
    count(beginning) {
        return this.calls.filter((call) => call.startsWith(beginning)).length;
    }

    #answer(incoming, outgoing) {
        this.calls.push(`${incoming.method} ${incoming.url}`);
        const fault = this.fault;
        if (fault && fault.times > 0 && fault.path.test(incoming.url)) {
            fault.times -= 1;
            if (fault.damage) {
                return this.#forward(incoming, outgoing, true);
            }
            if (fault.status === undefined) {
                incoming.socket.destroy();
                return;
            }
            incoming.resume().on("end", () => {
                outgoing.writeHead(fault.status, { "content-type": "application/problem+json", ...fault.headers });
                outgoing.end(JSON.stringify(fault.body));
            });
            return;
        }
        this.#forward(incoming, outgoing, false);
    }

    #forward(incoming, outgoing, damage) {
        const { hostname, port } = this.target;
        const { method, url: path, headers } = incoming;
        const outwards = request({ hostname, port, method, path, headers }, (answer) => {
            outgoing.writeHead(answer.statusCode, answer.headers);
            if (!damage) {
                answer.pipe(outgoing);
                return;
            }
            const parts = [];
            answer.on("data", (part) => parts.push(part));
            answer.on("end", () => {
                const bytes = Buffer.concat(parts);
                bytes[bytes.length >> 1] ^= 1;
                outgoing.end(bytes);
            });
        });
        outwards.on("error", () => outgoing.destroy());
        incoming.pipe(outwards);
    }
}
