/** A grey picture: a value from 0 (black) to 255 for each pixel, row by row. */
export interface Grey {
    width: number;
    height: number;
    pixels: Uint8Array;
}

/** Makes a canvas for drawing on pixels. */
export function surface(width: number, height: number): OffscreenCanvasRenderingContext2D {
    const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
    if (!context) {
        throw new Error("this browser cannot draw");
    }
    context.imageSmoothingQuality = "high";
    return context;
}

/** Turns colours to grey, with the weights of docs/IMAGES.md; what is transparent lies on black. */
export function toGrey({ width, height, data }: ImageData, invert: boolean): Grey {
    const background = invert ? 255 : 0;
    const pixels = Uint8Array.from({ length: width * height }, (_, at) => {
        const alpha = data[4 * at + 3]!;
        const [r, g, b] = [0, 1, 2].map((channel) =>
            Math.floor((data[4 * at + channel]! * alpha + background * (255 - alpha) + 127) / 255),
        );
        const grey = (19595 * r! + 38470 * g! + 7471 * b! + 32768) >> 16;
        return invert ? 255 - grey : grey;
    });
    return { width, height, pixels };
}

/** Turns grey values to an opaque image. */
export function toImage({ width, height, pixels }: Grey): ImageData {
    const image = new ImageData(width, height);
    pixels.forEach((value, at) => image.data.set([value, value, value, 255], 4 * at));
    return image;
}

/** Scales a picture to fit a room, keeping its proportions. A picture of the right size is not changed. */
export function fitted(picture: Grey, width: number, height: number): Grey {
    const scale = Math.min(width / picture.width, height / picture.height);
    const size = [picture.width, picture.height].map((side) => Math.max(1, Math.round(side * scale)));
    const [w, h] = [Math.min(size[0]!, width), Math.min(size[1]!, height)];
    if (w === picture.width && h === picture.height) {
        return picture;
    }
    let from = surface(picture.width, picture.height);
    from.putImageData(toImage(picture), 0, 0);
    // By halves first, so that every pixel counts.
    while (from.canvas.width >= 2 * w && from.canvas.height >= 2 * h) {
        const half = surface(Math.ceil(from.canvas.width / 2), Math.ceil(from.canvas.height / 2));
        half.drawImage(from.canvas, 0, 0, half.canvas.width, half.canvas.height);
        from = half;
    }
    const to = surface(w, h);
    to.drawImage(from.canvas, 0, 0, w, h);
    return toGrey(to.getImageData(0, 0, w, h), false);
}

/** Puts a picture on black, its left upper corner at `left` and `top`; what does not fit is cut off. */
export function placed(picture: Grey, width: number, height: number, left: number, top: number): Grey {
    const pixels = new Uint8Array(width * height);
    for (let y = Math.max(0, -top); y < picture.height && y + top < height; y++) {
        for (let x = Math.max(0, -left); x < picture.width && x + left < width; x++) {
            pixels[(y + top) * width + x + left] = picture.pixels[y * picture.width + x]!;
        }
    }
    return { width, height, pixels };
}

/** Puts a picture in the middle of black. */
export function centred(picture: Grey, width: number, height: number): Grey {
    const left = Math.floor((width - picture.width) / 2);
    const top = Math.floor((height - picture.height) / 2);
    return placed(picture, width, height, left, top);
}

/** Cuts off black borders; `undefined` if there is nothing else. */
export function cropped(picture: Grey): Grey | undefined {
    let [left, top, right, bottom] = [picture.width, picture.height, -1, -1];
    picture.pixels.forEach((value, at) => {
        if (value > 0) {
            const [x, y] = [at % picture.width, Math.floor(at / picture.width)];
            [left, right] = [Math.min(left, x), Math.max(right, x)];
            [top, bottom] = [Math.min(top, y), Math.max(bottom, y)];
        }
    });
    return right < 0 ? undefined : placed(picture, right - left + 1, bottom - top + 1, -left, -top);
}

/**
 * Brings strokes to the form of MNIST's: they fit a room of 20 / 28 of the picture, and their centre of mass is its middle.
 * `undefined` if there are none.
 */
export function likeMnist(strokes: Grey, width: number, height: number): Grey | undefined {
    const tight = cropped(strokes);
    if (!tight) {
        return undefined;
    }
    const small = fitted(tight, Math.round((width * 20) / 28), Math.round((height * 20) / 28));
    let [mass, x, y] = [0, 0, 0];
    small.pixels.forEach((value, at) => {
        mass += value;
        x += value * (at % small.width);
        y += value * Math.floor(at / small.width);
    });
    // Nothing is cut off, and one pixel stays free at each side.
    const start = (side: number, own: number, centre: number) =>
        Math.min(Math.max(Math.round((side - 1) / 2 - centre), 1), side - own - 1);
    const left = start(width, small.width, x / mass);
    const top = start(height, small.height, y / mass);
    return placed(small, width, height, left, top);
}
