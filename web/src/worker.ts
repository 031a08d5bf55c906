import { DecryptionFailure } from "./client/client";
import type { Ask, Failure, Tell } from "./protocol";
import { explained } from "./seal/library";
import { Refusal, Unreachable } from "./service/service";
import { Session } from "./session";

const tell = (message: Tell) => self.postMessage(message);
let session: Session | undefined;

/** Says what failed, and what the user can do. */
function failure(error: unknown): Failure {
    const { message } = explained(error);
    const failed = (title: string, detail: string) => ({ title, detail, wantsToken: false, canRetry: true });
    if (error instanceof DecryptionFailure) {
        const words = `${message}. If that happens again, do not use this service: it may try to learn your key.`;
        return { ...failed("The answer is not usable", words), canRetry: false };
    }
    if (error instanceof Unreachable) {
        return failed("The service cannot be reached", `${message}. Is it running? Then try again.`);
    }
    if (!(error instanceof Refusal)) {
        return failed("That did not work", message);
    }
    const { status, word, detail } = error;
    switch (status) {
        case 401:
            return { ...failed("The service asks for an access token", detail), wantsToken: true, canRetry: false };
        case 410:
            return failed("This network is not served any more", `${detail}. Load the page again.`);
        case 429:
            return failed("The service is busy", `${detail}.`);
        case 503:
            return failed(word === "draining" ? "The service is about to stop" : "The service cannot answer now", `${detail}.`);
        case 504:
            return failed("The service has no one to compute", `${detail}.`);
        default:
            return failed(`The service refuses (${status})`, `${detail}.`);
    }
}

async function answer(ask: Ask): Promise<void> {
    switch (ask.kind) {
        case "connect":
            session = await Session.connect(ask.base, ask.token, (words, share) =>
                tell({ kind: "notice", words, ...(share === undefined ? {} : { share }) }),
            );
            tell({ kind: "offers", offers: session.describe() });
            break;
        case "classify":
            if (!session) {
                throw new Error("the page is not connected yet");
            }
            tell({ kind: "result", result: await session.classify(ask.deployment, ask.pixels) });
            break;
        case "forget":
            await session?.forget();
            tell({ kind: "forgotten" });
            break;
    }
}

self.onmessage = ({ data }: MessageEvent<Ask>) => {
    answer(data).catch((error: unknown) => tell({ kind: "failure", failure: failure(error) }));
};
