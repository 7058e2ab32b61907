"""Made-up images, parts of files, and the modes and windows that are tried on them."""

import struct
import zlib

import numpy as np

VARIANTS = [
    ("max", {}),
    ("min", {}),
    ("median", {}),
    ("percentile", {"q": 80}),
    ("kmax", {"k": 3}),
    ("kmax", {"k": 3, "combine": "mean"}),
    ("majority", {}),
    ("average", {}),
    ("average", {"count_include_pad": True}),
    ("l2", {}),
    ("lp", {"p": 3, "norm": "mean"}),
    ("lp", {"p": 2.5, "norm": "size", "count_include_pad": True}),
    ("gem", {"p": 4}),
    ("mixed", {"lam": 0.25}),
    ("soft", {"beta": 4.45}),
    ("soft", {"beta": -2.0}),
    ("random", {"beta": 3.0, "seed": 5}),
    ("stochastic", {"seed": 7}),
    ("blur", {}),
    ("lip", {}),
    ("lip", {"norm": "count"}),
]
GEOMETRIES = [
    {},
    {"kernel_size": 3, "stride": 2},
    {"kernel_size": 2, "stride": 3},
    {"kernel_size": 3, "stride": 1, "padding": 1},
    {"kernel_size": (3, 2), "stride": (1, 2), "padding": (1, 0), "dilation": (2, 1)},
    {"kernel_size": 3, "stride": 2, "padding": (1, 2, 0, 1), "ceil": True, "dilation": 2},
    {"kernel_size": (2, 4), "stride": 3, "padding": "same"},
    {"kernel_size": 4, "stride": (3, 4), "padding": "same-lower"},
    {"size": (3, 5)},
]


def describe(values):
    return " ".join(f"{name}={value}" for name, value in values.items()).replace(" ", ",") or "default"


def picture(dtype, shape=(7, 11, 3), seed=0):
    """Return values of the whole range, extremes among them, some of them equal."""
    rng = np.random.default_rng(seed)
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        return rng.random(shape) < 0.5
    if dtype.kind == "f":
        return np.round(rng.normal(size=shape), 2).astype(dtype)
    limits = np.iinfo(dtype)
    values = rng.integers(limits.min, limits.max, shape, dtype, endpoint=True)
    few = rng.choice(values.ravel(), 6)
    values[rng.random(shape) < 0.4] = rng.choice(few)
    values.flat[:2] = limits.min, limits.max
    return values


def numbers(shape, seed=0, dtype=np.uint8):
    """Return noise of 0 to 255."""
    return np.random.default_rng(seed).integers(0, 256, shape).astype(dtype)


def png_chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def cmyk_profile():
    """Return a profile by which ink of any colour is grey: what no formula would say."""
    identity = bytes(range(256))
    inks = [
        (255 if taps == 0 else 0 if taps & 1 else 128, 128, 128) for taps in range(16)
    ]  # Lab; black is the last ink
    table = b"mft1" + bytes(4) + bytes((4, 3, 2, 0))
    table += struct.pack(">9i", *(65536 if i % 4 == 0 else 0 for i in range(9)))
    table += identity * 4 + bytes(value for ink in inks for value in ink) + identity * 3
    head = struct.pack(">I", 0x02400000) + b"prtrCMYKLab " + bytes(12) + b"acsp" + bytes(28)
    head += struct.pack(">III", 0xF6D6, 0x10000, 0xD32D) + bytes(48)
    tags = struct.pack(">I4sII", 1, b"A2B0", 144, len(table))
    return struct.pack(">II", 144 + len(table), 0) + head + tags + table


def packed_tiff(values, bits, photometric):
    """Return a TIFF file of (H, W, C) whose values take so many bits each, without gaps but at the end of a row.

    One number of bits is that of all channels.
    """
    height, width, channels = values.shape
    depths = [bits] * channels if isinstance(bits, int) else bits
    digits = [(values[..., c, None] >> np.arange(depth)[::-1]) & 1 for c, depth in enumerate(depths)]
    data = np.packbits(np.concatenate(digits, axis=2).astype(np.uint8).reshape(height, -1), axis=1).tobytes()
    return tiff_file((height, width), depths, photometric, data)


def tiff_file(size, depths, photometric, data, more=None):
    """Return a TIFF file of one strip and of the depths of its channels; more tags are shorts, or of a type."""
    tags = {
        256: size[1], 257: size[0], 258: [*depths], 259: 1, 262: photometric, 273: ("I", [0]), 277: len(depths),
        278: size[0], 279: ("I", len(data)), **(more or {}),
    }  # fmt: skip
    begin = 8 + 2 + 12 * len(tags) + 4
    tags[273] = "I", [begin + offset for offset in tags[273][1]]
    data += b"\0" * (len(data) % 2)
    directory, values, after = b"", b"", begin + len(data)
    for tag, value in sorted(tags.items()):
        kind, value = value if isinstance(value, tuple) else ("H", value)
        listed = value if isinstance(value, (list, bytes)) else [value]
        count, number = len(listed), {"s": 2, "H": 3, "I": 4, "II": 5, "B": 7, "f": 11}[kind]
        parts = [part if isinstance(part, tuple) else (part,) for part in listed]  # a rational has two
        content = listed if kind == "s" else b"".join(struct.pack(f"<{kind}", *part) for part in parts)
        if len(content) > 4:
            content, values = struct.pack("<I", after + len(values)), values + content + b"\0" * (len(content) % 2)
        directory += struct.pack("<HHI4s", tag, number, count, content)
    return struct.pack("<2sHIH", b"II", 42, 8, len(tags)) + directory + bytes(4) + data + values
