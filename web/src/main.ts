import type { Ask, Description, Failure, Tell } from "./protocol";
import { showAnswer, showLine, showResult, showSeen } from "./view/answer";
import { Drawing } from "./view/drawing";
import { element, made, show } from "./view/element";
import { type Grey, likeMnist, surface, toImage } from "./view/grey";
import { readPicture } from "./view/picture";

/** Failures that neither a token nor another try helps. */
const HOPELESS = { wantsToken: false, canRetry: false };

/** The page: what the user does, and what is shown. All work with keys is done by the worker. */
class Page {
    private readonly worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
    private readonly classifyButton = element("classify", HTMLButtonElement);
    private readonly status = element("status", HTMLElement);
    private readonly progress = element("progress", HTMLProgressElement);
    private readonly invert = element("invert", HTMLInputElement);
    private readonly network = element("network", HTMLSelectElement);
    private readonly token = element("token", HTMLInputElement);
    private readonly drawing: Drawing;
    private offers: Description[] = [];
    /** A picture file, if one was given last. */
    private file: Blob | undefined;
    private picture: Grey | undefined;
    private isBusy = false;

    constructor() {
        this.drawing = new Drawing(
            element("drawing", HTMLCanvasElement),
            () => this.drawn(),
            (words) => this.say(words),
        );
        this.worker.onmessage = ({ data }: MessageEvent<Tell>) => this.told(data);
        this.worker.onerror = () =>
            this.fail({ title: "The page could not start", detail: "Load it again.", ...HOPELESS });
        this.listen();
        this.connect();
    }

    private listen(): void {
        const clicked = (id: string, act: () => void) => element(id, HTMLElement).addEventListener("click", act);
        clicked("classify", () => this.classify());
        clicked("clear", () => this.clear());
        clicked("retry", () => (this.offers.length > 0 && this.picture ? this.classify() : this.connect()));
        clicked("forget", () => this.ask({ kind: "forget" }));
        clicked("save", () => void this.save());
        element("drawing", HTMLElement).addEventListener("keydown", (event) => {
            if (event.key === "Enter") {
                event.preventDefault();
                this.classify();
            }
        });
        const chooser = element("file", HTMLInputElement);
        chooser.addEventListener("change", () => {
            void this.take(chooser.files?.[0]);
            // The same file may be chosen again.
            chooser.value = "";
        });
        this.invert.addEventListener("change", () => void this.take(this.file));
        this.network.addEventListener("change", () => this.described());
        element("token-row", HTMLFormElement).addEventListener("submit", (event) => {
            event.preventDefault();
            this.connect();
        });
        document.addEventListener("dragover", (event) => event.preventDefault());
        document.addEventListener("drop", (event) => {
            event.preventDefault();
            void this.take(event.dataTransfer?.files[0]);
        });
    }

    private get offer(): Description | undefined {
        return this.offers[this.network.selectedIndex];
    }

    private ask(ask: Ask): void {
        this.worker.postMessage(ask);
    }

    private connect(): void {
        show(element("failure", HTMLElement), false);
        const token = this.token.value.trim();
        this.ask({ kind: "connect", base: document.baseURI, ...(token ? { token } : {}) });
    }

    private told(tell: Tell): void {
        switch (tell.kind) {
            case "offers":
                this.offers = tell.offers;
                this.network.replaceChildren(...tell.offers.map((offer) => made("option", this.named(offer))));
                show(element("network-row", HTMLElement), tell.offers.length > 1);
                show(element("token-row", HTMLElement), false);
                this.described();
                this.say("Connected. Draw a digit.");
                break;
            case "notice":
                this.say(`${tell.words}…`);
                show(this.progress, tell.share !== undefined);
                this.progress.value = tell.share ?? 0;
                break;
            case "result": {
                this.busy(false);
                const { result } = tell;
                const offer = this.offer;
                if (offer) {
                    showAnswer(result, offer);
                }
                showLine(result);
                showResult(true);
                // On a narrow screen it lies below.
                element("answer", HTMLElement).scrollIntoView({ block: "nearest" });
                this.say(`Done: it is read as ${element("class", HTMLElement).textContent}.`);
                break;
            }
            case "forgotten":
                this.say("Your keys are forgotten. The next picture gets new ones.");
                break;
            case "failure":
                this.fail(tell.failure);
                break;
        }
    }

    /** Names a network, with the start of its deployment's identifier if others have the same name. */
    private named({ id, name }: Description): string {
        const isOnly = this.offers.filter((other) => other.name === name).length === 1;
        return isOnly ? name : `${name} (${id.slice(0, 8)})`;
    }

    private described(): void {
        const offer = this.offer;
        const words = offer ? `Network ${offer.name} (deployment ${offer.id}). ${offer.parameters}.` : "";
        element("deployment", HTMLElement).textContent = words;
        this.prepare();
    }

    /** Takes the drawing, which changed. */
    private drawn(): void {
        this.file = undefined;
        this.prepare();
    }

    /** Takes a picture file. */
    private async take(file: Blob | undefined): Promise<void> {
        const offer = this.offer;
        if (!file || !offer || this.isBusy) {
            return;
        }
        show(element("failure", HTMLElement), false);
        try {
            const picture = await readPicture(file, this.invert.checked, offer.width, offer.height);
            this.drawing.show(picture);
            this.file = file;
            this.set(picture);
            this.say("This picture is ready.");
        } catch (error) {
            this.fail({ title: "The picture cannot be used", detail: (error as Error).message, ...HOPELESS });
        }
    }

    private prepare(): void {
        if (this.file) {
            void this.take(this.file);
            return;
        }
        const offer = this.offer;
        this.set(offer && likeMnist(this.drawing.picture(), offer.width, offer.height));
    }

    private set(picture: Grey | undefined): void {
        this.picture = picture;
        show(element("hint", HTMLElement), !picture && this.drawing.isEmpty);
        this.classifyButton.disabled = !picture || this.isBusy;
        showResult(false);
    }

    private clear(): void {
        this.drawing.clear();
        show(element("failure", HTMLElement), false);
        this.say("");
    }

    private classify(): void {
        const offer = this.offer;
        if (!offer || !this.picture || this.isBusy) {
            return;
        }
        show(element("failure", HTMLElement), false);
        showSeen(this.picture, offer.thresholds);
        this.busy(true);
        this.say("Encrypting your picture in this browser…");
        this.ask({ kind: "classify", deployment: offer.id, pixels: this.picture.pixels });
    }

    private busy(isBusy: boolean): void {
        this.isBusy = isBusy;
        this.classifyButton.disabled = isBusy || !this.picture;
        this.drawing.isFrozen = isBusy;
        this.network.disabled = isBusy;
        element("forget", HTMLButtonElement).disabled = isBusy;
        document.body.classList.toggle("busy", isBusy);
        if (!isBusy) {
            show(this.progress, false);
        }
    }

    private fail({ title, detail, wantsToken, canRetry }: Failure): void {
        this.busy(false);
        showResult(false);
        this.say("");
        element("failure-title", HTMLElement).textContent = title;
        element("failure-detail", HTMLElement).textContent = detail;
        show(element("token-row", HTMLElement), wantsToken);
        show(element("retry", HTMLElement), canRetry);
        show(element("failure", HTMLElement), true);
    }

    private say(words: string): void {
        this.status.textContent = words;
    }

    /** Saves the pixels that were encrypted. */
    private async save(): Promise<void> {
        if (!this.picture) {
            return;
        }
        const context = surface(this.picture.width, this.picture.height);
        context.putImageData(toImage(this.picture), 0, 0);
        const address = URL.createObjectURL(await context.canvas.convertToBlob({ type: "image/png" }));
        const link = made("a");
        link.href = address;
        link.download = "digit.png";
        link.click();
        // Some browsers read it later.
        setTimeout(() => URL.revokeObjectURL(address), 60_000);
    }
}

new Page();
