"""Classifies a picture with a service, with Pyfhel: classify.py URL PICTURE.pgm

The picture (PGM, binary, of the size that the network takes) is encrypted here, and only here is the secret key. Prints the
class and all logits.
"""

import json
import math
import sys
import urllib.error
import urllib.request

import numpy as np
from blake3 import blake3
from Pyfhel import PyCtxt, Pyfhel

SEAL_OBJECTS = "application/vnd.seal"
# The bytes of an object in which its length stands, and, in a key, those that name its parameters.
LENGTH, PARMS_ID = slice(8, 16), slice(16, 48)


def call(url, method="GET", body=None, headers=()):
    """Makes a call and returns the body of the answer."""
    request = urllib.request.Request(url, data=body, method=method, headers=dict(headers))
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.read()
    except urllib.error.HTTPError as error:
        sys.exit(f"error: the service answers {error.code}: {error.read().decode()}")


def pixels_of(path):
    """Reads a picture's pixels, row by row."""
    with open(path, "rb") as file:
        magic, size, white, pixels = file.read().split(b"\n", 3)
    width, height = map(int, size.split())
    if magic != b"P5" or white != b"255" or len(pixels) != width * height:
        sys.exit(f"error: {path} is no binary PGM file of 8 bits")
    return np.frombuffer(pixels, dtype=np.uint8)


def quantize(spec, pixels):
    """Converts pixels to the integers that the network reads: the number of thresholds that a pixel reaches."""
    thresholds = spec["input"]["quantizer"].get("thresholds")
    if thresholds is None:
        sys.exit("error: this client knows quantisers with thresholds only")
    if pixels.size != math.prod(spec["input"]["shape"].values()):
        sys.exit(f"error: the network takes pictures of the shape {spec['input']['shape']}")
    return np.searchsorted(np.array(thresholds), pixels, side="right")


def slots_of(slot_map, runs, image):
    """Puts an image into the slots of a ciphertext, as the first image of a batch."""
    values = []
    for count, *run in runs:
        # [count] are empty slots, [count, first, step] hold the values first, first + step and so on.
        values += [int(image[run[0] + i * run[1]]) if run else 0 for i in range(count)]
    slots = np.zeros(slot_map["slots"], dtype=np.int64)
    # They repeat over the image's slots.
    slots[: slot_map["image_slots"]] = np.resize(values, slot_map["image_slots"])
    return slots


def summed_slots(slot_map, logit):
    """Lists the slots of one ciphertext that sum to a logit of the first image."""
    slots, logit_slots = slot_map["slots"], slot_map["logit_slots"]
    if "classes" not in slot_map:
        return np.arange(logit * logit_slots, (logit + 1) * logit_slots)
    block, period = slot_map["classes"]
    row, at = divmod(logit, period // block)
    starts = np.arange(row * slots // 2 + at * block, (row + 1) * slots // 2, period)
    return np.add.outer(starts, np.arange(block)).ravel()


def rotation_steps(degree, elements):
    """Converts Galois elements to SEAL's steps: 3^step, or 0 for the exchange of the rows."""
    step_of, power = {2 * degree - 1: 0}, 1
    for step in range(1, degree // 2):
        power = power * 3 % (2 * degree)
        step_of[power] = step
    return [step_of[element] for element in elements]


def context(spec, t):
    """Makes a context, with new keys."""
    seal = Pyfhel()
    seal.contextGen("bfv", n=spec["poly_modulus_degree"], t=t, sec=128, qi=spec["coeff_modulus"])
    seal.keyGen()
    return seal


def take_keys(seal, other):
    """Gives a context the keys of another one, which differs in nothing but the plain prime."""
    for kind in ("public_key", "secret_key"):
        own = getattr(seal, f"to_bytes_{kind}")("none")
        key = bytearray(getattr(other, f"to_bytes_{kind}")("none"))
        key[PARMS_ID] = own[PARMS_ID]
        getattr(seal, f"from_bytes_{kind}")(bytes(key))


def join(residues, primes):
    """Joins residues by the Chinese remainder theorem: the integer of least magnitude."""
    product = math.prod(primes)
    parts = (residue * (product // p) * pow(product // p, -1, p) for residue, p in zip(residues, primes))
    value = sum(parts) % product
    return value - product if value > product // 2 else value


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: classify.py URL PICTURE.pgm")
    url, picture = sys.argv[1:]
    deployment = json.loads(call(f"{url}/v1/deployments"))["deployments"][0]["id"]
    path = f"{url}/v1/deployments/{deployment}"
    client = json.loads(call(f"{path}/client"))
    spec = client["spec"]
    slot_map, degree = spec["slot_map"], spec["poly_modulus_degree"]
    primes = spec["plain_moduli"]
    if spec["shared_upload"]:
        # One would join the plaintexts modulo all plain primes, and encrypt them modulo the product.
        sys.exit("error: this client encrypts for each plain prime, and the deployment takes one upload for all")
    image = quantize(spec, pixels_of(picture))

    contexts = [context(spec, t) for t in primes]
    for seal in contexts[1:]:
        take_keys(seal, contexts[0])
    slots = [slots_of(slot_map, runs, image) for runs in slot_map["inputs"]]
    request = b"".join(seal.encryptInt(each).to_bytes("none") for seal in contexts for each in slots)

    seal, keys = contexts[0], b""
    if spec["relin_keys"]:
        seal.relinKeyGen()
        keys += seal.to_bytes_relin_key("none")
    if spec["galois_elements"]:
        seal.rotateKeyGen(rotation_steps(degree, spec["galois_elements"]))
        keys += seal.to_bytes_rotate_key("none")
    headers = {"Content-Type": SEAL_OBJECTS}
    if keys:
        name = blake3(keys).hexdigest()
        call(f"{url}/v1/keys/{name}", "PUT", keys, headers)
        headers["Sealquant-Key"] = name
    response = call(f"{path}/evaluate", "POST", request, headers)

    in_one = slot_map["image_slots"] // slot_map["logit_slots"]
    residues, rest = [], response
    for seal, t, correction in zip(contexts, primes, spec["corrections"]):
        outputs = []
        for _ in range(-(-slot_map["logits"] // in_one)):
            length = int.from_bytes(rest[LENGTH], "little")
            encrypted = PyCtxt(pyfhel=seal, bytestring=rest[:length], scheme="bfv")
            outputs.append(seal.decryptInt(encrypted).astype(object) * correction % t)
            rest = rest[length:]
        sums = [
            outputs[logit // in_one][summed_slots(slot_map, logit % in_one)].sum() % t
            for logit in range(slot_map["logits"])
        ]
        residues.append(sums)
    logits = [join(of_logit, primes) for of_logit in zip(*residues)]
    print("class:", client["classes"][int(np.argmax(logits))])
    print("logits:", *logits)
    print(f"sent {len(request)} bytes, received {len(response)}, keys of {len(keys)} once")


if __name__ == "__main__":
    main()
