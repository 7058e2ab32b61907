"""Files whose structure is damaged, and whose checksums are right: parts moved, repeated, nested, cyclic, made huge."""

import random
import struct
import zlib
from collections.abc import Callable

HUGE = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)


def shuffled(parts, rng, keep=0):
    """Return parts with some of them moved, repeated, left out or put into each other; the first stay."""
    parts = list(parts)
    for _ in range(rng.choice((1, 1, 2, 3))):
        if len(parts) <= keep:
            break
        at, to = rng.randrange(keep, len(parts)), rng.randrange(keep, len(parts) + 1)
        kind = rng.randrange(5)
        if kind == 0:
            parts.insert(min(to, len(parts) - 1), parts.pop(at))
        elif kind == 1:
            parts[to:to] = [parts[at]] * rng.choice((1, 2, 50))
        elif kind == 2:
            del parts[at]
        elif kind == 3:
            parts[at] = parts[rng.randrange(len(parts))]
        else:
            parts[at] = parts[at][: rng.randrange(len(parts[at]) + 1)]
    return parts


def number(rng, size):
    """Return a number of so many bytes that is often at a limit."""
    return (rng.choice(HUGE) if rng.random() < 0.7 else rng.randrange(1 << 32)) % (1 << 8 * size)


def png(data, rng):
    """Move chunks, or change numbers in them; each has its checksum."""
    chunks, at = [], 8
    while at < len(data):
        size = struct.unpack(">I", data[at : at + 4])[0]
        chunks.append(data[at + 4 : at + 8 + size])
        at += 12 + size
    if rng.random() < 0.5:
        k = rng.choice([0, rng.randrange(len(chunks))])
        body = bytearray(chunks[k])
        if len(body) > 4:
            place = rng.randrange(4, len(body))
            size = min(rng.choice((1, 2, 4)), len(body) - place)
            body[place : place + size] = number(rng, size).to_bytes(size, "big")
        chunks[k] = bytes(body)
    else:
        chunks = shuffled(chunks, rng, rng.choice((0, 1, 1)))
    packed = (struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c)) for c in chunks if len(c) >= 4)
    return data[:8] + b"".join(packed)


def tiff(data, rng):
    """Change entries of directories: their type, count and value, their order, where the next directory is."""
    out, order = bytearray(data), "<" if data[:2] == b"II" else ">"
    first = struct.unpack(order + "I", data[4:8])[0]
    for _ in range(rng.choice((1, 1, 2, 4))):
        at = first
        count = struct.unpack(order + "H", out[at : at + 2])[0]
        if not 0 < count < 200 or at + 6 + 12 * count > len(out):
            break
        entry = at + 2 + 12 * rng.randrange(count)
        kind = rng.randrange(7)
        if kind == 0:
            out[entry + 2 : entry + 4] = struct.pack(order + "H", rng.choice((0, 1, 2, 3, 4, 5, 7, 12, 13, 16, 999)))
        elif kind == 1:
            out[entry + 4 : entry + 8] = struct.pack(order + "I", number(rng, 4))
        elif kind == 2:
            out[entry + 8 : entry + 12] = struct.pack(order + "I", rng.choice((number(rng, 4), first, 8, len(out) - 1)))
        elif kind == 3:
            other = at + 2 + 12 * rng.randrange(count)
            out[entry : entry + 12], out[other : other + 12] = out[other : other + 12], out[entry : entry + 12]
        elif kind == 4:
            out[entry : entry + 12] = out[at + 2 + 12 * rng.randrange(count) :][:12]
        elif kind == 5:  # a cycle
            out[at + 2 + 12 * count : at + 6 + 12 * count] = struct.pack(order + "I", rng.choice((first, at, 8, entry)))
        else:
            out[at : at + 2] = struct.pack(order + "H", number(rng, 2))
    return bytes(out)


def jpeg(data, rng):
    """Move segments, or change numbers in their heads."""
    segments, at = [], 2
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] not in (0xDA, 0xD9):
        size = struct.unpack(">H", data[at + 2 : at + 4])[0]
        segments.append(data[at : at + 2 + size])
        at += 2 + size
    rest = data[at:]
    if rng.random() < 0.5:
        k = rng.randrange(len(segments))
        body = bytearray(segments[k])
        place = rng.randrange(2, len(body))
        size = min(rng.choice((1, 2)), len(body) - place)
        body[place : place + size] = number(rng, size).to_bytes(size, "big")
        segments[k] = bytes(body)
    else:
        segments = shuffled(segments, rng)
    return data[:2] + b"".join(segments) + rest * rng.choice((1, 1, 1, 2, 0))


def riff(data, rng):
    """Move chunks of a RIFF, or change their sizes and numbers."""
    chunks, at = [], 12
    while at + 8 <= len(data):
        size = struct.unpack("<I", data[at + 4 : at + 8])[0]
        chunks.append(data[at : at + 8 + size + size % 2])
        at += 8 + size + size % 2
    if rng.random() < 0.5:
        k = rng.randrange(len(chunks))
        body = bytearray(chunks[k])
        place = rng.choice((4, rng.randrange(4, max(len(body), 5))))
        body[place : place + 4] = number(rng, 4).to_bytes(4, "little")
        chunks[k] = bytes(body)
    else:
        chunks = shuffled(chunks, rng)
    body = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body) if rng.random() < 0.8 else number(rng, 4)) + body


def boxes(data, rng):
    """Move boxes of ISO media files, nest them, or change their sizes and numbers."""
    found, at = [], 0
    while at + 8 <= len(data):
        size = struct.unpack(">I", data[at : at + 4])[0] or len(data) - at
        if size < 8:
            break
        found.append(data[at : at + size])
        at += size
    kind = rng.randrange(4)
    k = rng.randrange(len(found))
    if kind == 0 and len(found[k]) > 8:  # within itself
        inner = found[k][8:] if rng.random() < 0.5 else found[k]
        nested = found[k]
        for _ in range(rng.choice((1, 3, 100))):
            nested = struct.pack(">I", 8 + len(nested)) + inner[:0] + found[k][4:8] + nested
        found[k] = nested
    elif kind == 1:
        found = shuffled(found, rng, rng.choice((0, 1, 2)) % len(found))
    elif kind == 2:
        body = bytearray(found[k])
        body[:4] = struct.pack(">I", number(rng, 4))
        found[k] = bytes(body)
    else:
        body = bytearray(found[k])
        place = rng.randrange(8, max(min(len(body), 400), 9))
        size = min(rng.choice((1, 2, 4)), max(len(body) - place, 0))
        body[place : place + size] = number(rng, size).to_bytes(size, "big") if size else b""
        found[k] = bytes(body)
    return b"".join(found)


def head(order: str, most: int) -> Callable[..., bytes]:
    """Return what changes numbers in the first bytes, as of formats without parts."""

    def changed(data, rng):
        out = bytearray(data)
        for _ in range(rng.choice((1, 1, 2, 3))):
            size = rng.choice((1, 2, 4))
            at = rng.randrange(2, min(most, len(out) - 4))
            out[at : at + size] = number(rng, size).to_bytes(size, order)
        return bytes(out)

    return changed


def gif(data, rng):
    """Change the screen and the heads of frames, repeat blocks, or end them early."""
    out = bytearray(data)
    places = [k for k in range(13, len(out) - 9) if out[k] == 0x2C] or [6]
    for _ in range(rng.choice((1, 2))):
        kind = rng.randrange(4)
        if kind == 0:
            out[6:8] = number(rng, 2).to_bytes(2, "little")
            out[8:10] = number(rng, 2).to_bytes(2, "little")
        elif kind == 1:
            at = rng.choice(places) + rng.choice((1, 3, 5, 7))
            out[at : at + 2] = number(rng, 2).to_bytes(2, "little")
        elif kind == 2:
            at = rng.choice(places)
            out[at:at] = out[at:] * rng.choice((1, 3))
        else:
            out[rng.randrange(10, 14)] = number(rng, 1)
    return bytes(out)


def words(data, rng):
    """Change the numbers in the text at the beginning of a file."""
    lines = data.split(b"\n", 4)
    for _ in range(rng.choice((1, 2))):
        k = rng.randrange(min(4, len(lines)))
        parts = lines[k].split()
        if parts and len(lines[k]) < 60:
            value = rng.choice((b"0", b"-1", b"1e9", b"99999999999999999999", b"65536", b"255", b"x" * 3000, b"", b"#"))
            parts[rng.randrange(len(parts))] = value
            lines[k] = b" ".join(parts)
    return b"\n".join(lines)


def npy(data, rng):
    """Change the header of an array, and its length."""
    size = struct.unpack("<H", data[8:10])[0]
    text = data[10 : 10 + size].decode("latin1")
    old = rng.choice(("'<i4'", "False", "20, 24, 3", "descr", "shape", "{", "(", "}"))
    new = rng.choice(
        ("'|O'", "True", "99999999999", "-1, 2", "(" * 200, "'<f4'", "'|V9'", "4294967296, 4294967296", "")
    )
    text = text.replace(old, new, 1)
    length = len(text) if rng.random() < 0.8 else number(rng, 2)
    return data[:8] + struct.pack("<H", length % 65536) + text.encode("latin1") + data[10 + size :]


STRUCTURES = {
    b"\x89PNG": png, b"II*\0": tiff, b"MM\0*": tiff, b"\xff\xd8\xff": jpeg, b"RIFF": riff, b"GIF8": gif,
    b"BM": head("little", 60), b"P6": words, b"Pf": words, b"PF": words, b"\x93NUMPY": npy, b"qoif": head("big", 14),
    b"\0\0\x01\0": head("little", 40), b"\0\0\0": boxes, b"\xff\x4f": head("big", 80), b"": head("little", 18),
}  # fmt: skip
"""What damages the structure of a file that begins so; the first that fits."""


def restructured(data, seed):
    """Return a file whose structure is damaged; the same for the same seed."""
    rng = random.Random(f"structure {seed}")
    damage = next(one for begin, one in STRUCTURES.items() if data.startswith(begin))
    return damage(data, rng) or b"\0"
