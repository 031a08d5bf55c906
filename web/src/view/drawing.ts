import { type Grey, surface, toGrey, toImage } from "./grey";

/** Width of the pen, as a share of the drawing's width. */
const PEN = 0.075;
/** Steps of the keyboard's pen, as a share of the drawing's width. */
const STEP = 1 / 28;

/** A drawing area for pointers and for the keyboard: white strokes on black. */
export class Drawing {
    private readonly context: CanvasRenderingContext2D;
    /** The pen of the keyboard. */
    private pen = { x: 0.5, y: 0.5, isDown: false };
    private lastOf = new Map<number, { x: number; y: number }>();
    private strokes: ImageData;
    private empty = true;
    /** True while the drawing must not change. */
    isFrozen = false;

    /** `changed` is told of every change, `said` what a key did. */
    constructor(
        private readonly canvas: HTMLCanvasElement,
        private readonly changed: () => void,
        private readonly said: (words: string) => void,
    ) {
        const context = canvas.getContext("2d", { willReadFrequently: true });
        if (!context) {
            throw new Error("this browser cannot draw");
        }
        this.context = context;
        this.strokes = this.blank();
        canvas.addEventListener("pointerdown", (event) => this.down(event));
        canvas.addEventListener("pointermove", (event) => this.move(event));
        for (const end of ["pointerup", "pointercancel"] as const) {
            canvas.addEventListener(end, (event) => this.lastOf.delete(event.pointerId));
        }
        canvas.addEventListener("keydown", (event) => this.key(event));
        canvas.addEventListener("focus", () => this.draw());
        canvas.addEventListener("blur", () => this.draw());
    }

    get isEmpty(): boolean {
        return this.empty;
    }

    /** Returns the strokes. */
    picture(): Grey {
        return toGrey(this.strokes, false);
    }

    /** Shows a picture in place of strokes. */
    show(picture: Grey): void {
        const { width, height } = this.canvas;
        const small = surface(picture.width, picture.height);
        small.putImageData(toImage(picture), 0, 0);
        this.strokes = this.blank();
        this.context.imageSmoothingEnabled = false;
        this.context.drawImage(small.canvas, 0, 0, width, height);
        this.strokes = this.context.getImageData(0, 0, width, height);
        this.empty = false;
        this.draw();
    }

    clear(): void {
        if (this.isFrozen) {
            return;
        }
        this.strokes = this.blank();
        this.empty = true;
        this.pen.isDown = false;
        this.draw();
        this.changed();
    }

    private blank(): ImageData {
        const { width, height } = this.canvas;
        this.context.fillStyle = "#000";
        this.context.fillRect(0, 0, width, height);
        return this.context.getImageData(0, 0, width, height);
    }

    private down(event: PointerEvent): void {
        if (event.button !== 0 || this.isFrozen) {
            return;
        }
        event.preventDefault();
        this.canvas.focus();
        this.canvas.setPointerCapture(event.pointerId);
        const at = this.place(event);
        this.lastOf.set(event.pointerId, at);
        this.stroke(at, at);
    }

    private move(event: PointerEvent): void {
        const parts = event.getCoalescedEvents();
        for (const part of parts.length > 0 ? parts : [event]) {
            const last = this.lastOf.get(event.pointerId);
            if (last && !this.isFrozen) {
                const at = this.place(part);
                this.stroke(last, at);
                this.lastOf.set(event.pointerId, at);
            }
        }
    }

    private place(event: PointerEvent): { x: number; y: number } {
        const box = this.canvas.getBoundingClientRect();
        return { x: (event.clientX - box.left) / box.width, y: (event.clientY - box.top) / box.height };
    }

    private key(event: KeyboardEvent): void {
        if (this.isFrozen) {
            return;
        }
        const moves: Record<string, [number, number]> = {
            ArrowLeft: [-1, 0],
            ArrowRight: [1, 0],
            ArrowUp: [0, -1],
            ArrowDown: [0, 1],
        };
        const move = moves[event.key];
        if (move) {
            const { x, y, isDown } = this.pen;
            const within = (value: number) => Math.min(1 - STEP, Math.max(STEP, value));
            this.pen = { x: within(x + move[0] * STEP), y: within(y + move[1] * STEP), isDown };
            if (isDown) {
                this.stroke({ x, y }, this.pen);
            }
            this.draw();
        } else if (event.key === " ") {
            this.pen.isDown = !this.pen.isDown;
            if (this.pen.isDown) {
                this.stroke(this.pen, this.pen);
            }
            this.said(this.pen.isDown ? "Pen down" : "Pen lifted");
            this.draw();
        } else if (event.key === "Delete" || event.key === "Backspace") {
            this.clear();
            this.said("Cleared");
        } else {
            return;
        }
        event.preventDefault();
    }

    private stroke(from: { x: number; y: number }, to: { x: number; y: number }): void {
        const { context } = this;
        const { width, height } = this.canvas;
        context.putImageData(this.strokes, 0, 0);
        context.strokeStyle = "#fff";
        context.lineWidth = PEN * width;
        context.lineCap = "round";
        context.beginPath();
        context.moveTo(from.x * width, from.y * height);
        context.lineTo(to.x * width, to.y * height);
        context.stroke();
        this.strokes = context.getImageData(0, 0, width, height);
        this.empty = false;
        this.draw();
        this.changed();
    }

    /** Shows the strokes, and where the pen of the keyboard is. */
    private draw(): void {
        const { context } = this;
        const { width, height } = this.canvas;
        context.putImageData(this.strokes, 0, 0);
        if (this.canvas.matches(":focus-visible")) {
            context.strokeStyle = this.pen.isDown ? "#ff9f1c" : "#7dd3fc";
            context.lineWidth = 3;
            context.beginPath();
            context.arc(this.pen.x * width, this.pen.y * height, (PEN * width) / 2, 0, 2 * Math.PI);
            context.stroke();
        }
    }
}
