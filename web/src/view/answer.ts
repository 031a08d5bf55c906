import type { Description, Result, Stage } from "../protocol";
import { megabytes } from "../service/service";
import { hex } from "../wire/bytes";
import { element, made, show } from "./element";
import { type Grey, toImage } from "./grey";

/** Shows a picture as the network sees it: the numbers that pixels become, from black to white. */
export function showSeen(picture: Grey, thresholds: readonly number[]): void {
    const canvas = element("seen", HTMLCanvasElement);
    canvas.width = picture.width;
    canvas.height = picture.height;
    const levels = picture.pixels.map((pixel) => {
        const reached = thresholds.filter((threshold) => threshold <= pixel).length;
        return Math.round((255 * reached) / thresholds.length);
    });
    canvas.getContext("2d")?.putImageData(toImage({ ...picture, pixels: levels }), 0, 0);
}

/** Returns the index of the largest logit, the first of equal ones. */
function best(logits: readonly bigint[]): number {
    return logits.reduce((best, logit, at) => (logit > logits[best]! ? at : best), 0);
}

/** Shows the class, the logits, and what is known of their exactness. */
export function showAnswer(result: Result, { bound }: Description): void {
    const winner = best(result.logits);
    element("class", HTMLOutputElement).textContent = result.classes[winner]!;
    const real = result.logits.map((logit) => Number(logit) * result.outputScale);
    const largest = Math.max(...real.map(Math.abs), Number.MIN_VALUE);
    const rows = result.logits.map((logit, at) => {
        const row = made("tr");
        row.classList.toggle("winner", at === winner);
        const name = made("th", result.classes[at]);
        name.scope = "row";
        const number = made("td", logit.toString(), "number");
        number.title = `a score of ${real[at]!.toFixed(3)}`;
        row.append(name, bar(real[at]! / largest), number);
        return row;
    });
    element("logits", HTMLTableElement).tBodies[0]!.replaceChildren(...rows);
    element("exact-noise", HTMLElement).textContent =
        `Decryption rounds to integers, and ${result.noiseBudgetBits} bits of noise budget were left for that: what you see ` +
        "is exactly what the service computed, with no error of encryption.";
    element("exact-bound", HTMLElement).textContent = `The owner's bound on the logits is ${bound}.`;
}

/** Makes a cell with a bar from the middle, for a share from -1 to 1. */
function bar(share: number): HTMLTableCellElement {
    const cell = made("td", "", "bar");
    const filled = made("span", "", share < 0 ? "negative" : "positive");
    filled.style.setProperty("--share", Math.abs(share).toFixed(4));
    cell.append(filled);
    return cell;
}

/** Shows sizes, the first encrypted bytes, and times. */
export function showLine(result: Result): void {
    const sizes: [string, string][] = [
        ["Encrypted picture, up", megabytes(result.requestBytes)],
        ["Encrypted answer, down", megabytes(result.responseBytes)],
    ];
    if (result.keyBytes > 0) {
        const when = result.sentKeys ? "sent now, once" : "the service has them already";
        sizes.push(["Public evaluation keys, up", `${megabytes(result.keyBytes)} (${when})`]);
    }
    const entries = sizes.map(([name, size]) => {
        const entry = made("div");
        entry.append(made("dt", name), made("dd", size));
        return entry;
    });
    element("sizes", HTMLElement).replaceChildren(...entries);
    element("glimpse", HTMLElement).textContent = hex(result.glimpse).replace(/(..)(?=.)/g, "$1 ");
    showTimes(result.stages, result.serverStages);
}

function showTimes(stages: readonly Stage[], ofServer: readonly Stage[]): void {
    const longest = Math.max(...stages.map((stage) => stage.milliseconds), Number.MIN_VALUE);
    const total = stages.reduce((sum, stage) => sum + stage.milliseconds, 0);
    const rows = [...stages, { name: "all", milliseconds: total }].map(({ name, milliseconds }, at) => {
        const row = made("tr");
        const head = made("th", name);
        head.scope = "row";
        const cell = made("td", "", "bar");
        if (at < stages.length) {
            const filled = made("span", "", "time");
            filled.style.setProperty("--share", (milliseconds / longest).toFixed(4));
            cell.append(filled);
        }
        row.append(head, cell, made("td", `${milliseconds.toFixed(0)} ms`, "number"));
        return row;
    });
    element("times", HTMLTableElement).tBodies[0]!.replaceChildren(...rows);
    const words = ofServer.map(({ name, milliseconds }) => `${name} ${milliseconds} ms`);
    element("server-times", HTMLElement).textContent = words.length > 0 ? `Within the service: ${words.join(", ")}.` : "";
}

/** Shows or hides all of an answer. */
export function showResult(isShown: boolean): void {
    show(element("answer", HTMLElement), isShown);
    show(element("line", HTMLElement), isShown);
    show(element("answer-empty", HTMLElement), !isShown);
}
