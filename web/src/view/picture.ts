import { type Grey, centred, fitted, surface, toGrey } from "./grey";

/** Largest size of a file, in bytes, and of a picture, in pixels. */
const MAX_BYTES = 64 * 2 ** 20;
const MAX_PIXELS = 67_000_000;

/** Reads a picture file of any kind that the browser knows, and converts it as docs/IMAGES.md says. */
export async function readPicture(file: Blob, invert: boolean, width: number, height: number): Promise<Grey> {
    if (file.size > MAX_BYTES) {
        throw new Error("The file is too large: pictures of at most 64 MiB are read.");
    }
    let bitmap: ImageBitmap;
    try {
        bitmap = await createImageBitmap(file, { colorSpaceConversion: "none", premultiplyAlpha: "none" });
    } catch {
        throw new Error("This file is no picture that the browser can read: save it as PNG or JPEG.");
    }
    if (bitmap.width * bitmap.height > MAX_PIXELS) {
        bitmap.close();
        throw new Error("The picture is too large: at most 67 million pixels are read.");
    }
    const context = surface(bitmap.width, bitmap.height);
    context.drawImage(bitmap, 0, 0);
    const grey = toGrey(context.getImageData(0, 0, bitmap.width, bitmap.height), invert);
    bitmap.close();
    return centred(fitted(grey, width, height), width, height);
}
