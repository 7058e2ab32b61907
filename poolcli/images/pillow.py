"""8-bit pictures and the long tail of formats, by Pillow; what it would lose, by imagecodecs, or not at all."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from importlib import import_module
from threading import Lock
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, UnidentifiedImageError

from poolcli.images import ImageError, Info, Reading, jpeg, png
from poolcli.images.colour import indexed
from poolcli.images.formats import READABLE
from poolcli.images.metadata import clean, dpi_of, orientation_of, upright, upright_xmp
from poolcli.images.read import NoPictureError, Reader, check_size

_STRIP = 256  # rows; np.asarray of a whole picture holds it three times
_PLUGINS = {  # module, what registers it, how people call the format, the package, the extra
    "HEIF": ("pillow_heif", "register_heif_opener", "HEIC", "pillow-heif", "heif"),
    "JXL": ("pillow_jxl", "", "JPEG XL", "pillow-jxl-plugin", "jxl"),
}
_BYTES = {"RGB": 3, "BGR": 3, "BGRX": 4, "RGBA": 4, "BGRA": 4}  # a pixel, by Pillow's name of its layout
_PNG_SIDE = 1_000_000  # pixels; libpng takes no more


class PillowReader(Reader):
    """Whatever Pillow opens."""

    def __init__(self, file: BinaryIO, reading: Reading, plugin: str = "") -> None:
        self._file, self._reading = file, reading
        if plugin:
            _load(plugin)
        try:
            self._image = _open(file, (plugin,) if plugin else READABLE)
        except UnidentifiedImageError:
            raise NoPictureError("not a supported image") from None
        self._size = self._image.size
        self._palette = _colours(self._image)
        check_size(*self._size, len(self._image.getbands()), reading)
        # A JPEG may hold previews and gain maps of its one picture.
        self.frames = 1 if self._image.format == "MPO" else getattr(self._image, "n_frames", 1)
        # An APNG may begin with a picture for those who know no animation, which is none of its frames.
        self._skipped = 1 if self.frames > 1 and getattr(self._image, "default_image", False) else 0
        self.frames -= self._skipped

    def read(self, frame: int) -> tuple[NDArray[Any], Info]:
        """Return one of the pictures."""
        image, frame = self._image, frame + self._skipped
        if image.format == "PNG" and self.frames == 1 and not self._skipped and max(image.size) <= _PNG_SIDE:
            if not (self._reading.keep_palette and image.mode == "P"):
                return self._png()
        elif image.format == "TIFF":
            image.seek(frame)
        else:
            for step in range(image.tell() + 1 if frame >= image.tell() else 0, frame + 1):
                image.seek(step)
                if image.size != self._size:  # Pillow would take as much memory as a damaged frame claims
                    raise ValueError("a frame is larger than the picture")
        _refuse_deep(image, self._file)
        pixels, info = self._pixels()
        pixels = upright(pixels, orientation_of(image.getexif()))
        info = replace(info, **_described(image))
        if self.frames > 1 and info.palette is None and info.alpha and (pixels[..., -1] == 255).all():
            pixels, info = np.ascontiguousarray(pixels[..., :-1]), replace(info, alpha=False)
        if image.format == "GIF" and self._reading.keep_palette and info.palette is None:  # drawn over those before
            pixels, info = indexed(pixels, info, self._palette)
        return pixels, replace(info, frames=self.frames)

    def _png(self) -> tuple[NDArray[Any], Info]:
        """Decode by libpng: 16 bits stay, transparency of one grey is right in any depth."""
        pixels, exif = png.decode(self._file)
        if exif:
            self._image.info["exif"] = exif
        # The method of PNG's own class would decode all for an EXIF chunk at the end, which is known by now.
        metadata = Image.Image.getexif(self._image)
        described = _described(self._image, metadata)
        alpha = pixels.ndim == 3 and pixels.shape[2] in (2, 4)
        info = Info("PNG", alpha=alpha, colours=self._palette, **described)
        return upright(pixels, orientation_of(metadata)), info

    def _pixels(self) -> tuple[NDArray[Any], Info]:
        image = self._image
        if image.format in ("JPEG", "MPO") and image.mode in ("L", "RGB"):
            decoded = jpeg.decode(self._file)
            if decoded is not None:
                return decoded, Info("JPEG", alpha=False)
        if image.format == "JPEG2000" and image.mode in ("RGB", "RGBA", "LA"):
            import imagecodecs

            self._file.seek(0)
            data = self._file.read()
            if _jpeg2000_bits(data) > 8:
                return imagecodecs.jpeg2k_decode(data), Info("JPEG2000", alpha=image.mode != "RGB")
        kind = {"MPO": "JPEG"}.get(image.format or "", image.format or "")
        if self.frames == 1 and image.mode in ("RGB", "RGBA") and "transparency" not in image.info:
            lean = _decoded(image, self._file) if kind in ("WEBP", "AVIF") else _stored(image, self._file)
            if lean is not None:
                return lean, Info(kind, alpha=image.mode == "RGBA")
        image.load()
        if image.mode == "P" and self._reading.keep_palette:
            return _array(image), Info(kind, alpha=False, palette=_palette(image))
        plain = _plain(image, self._reading)
        info = Info(kind, alpha=plain.mode in ("LA", "RGBA"), colours=_colours(image))
        pixels = _array(plain)
        if kind == "PPM" and image.mode == "I":
            pixels = _as_stored(pixels, self._file)
        elif pixels.dtype.kind in "iu":
            pixels = pixels.astype(pixels.dtype.newbyteorder("="), copy=False)
        return pixels, info


_opening = Lock()


def _open(file: BinaryIO, formats: tuple[str, ...]) -> ImageFile.ImageFile:
    """Read the header, without Pillow's own limit, which belongs to the whole process: ours is checked next."""
    with _opening:
        most, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            return Image.open(file, formats=formats)
        finally:
            Image.MAX_IMAGE_PIXELS = most


def _load(plugin: str) -> None:
    module, register, name, package, extra = _PLUGINS[plugin]
    try:
        loaded = import_module(module)
    except ImportError:
        raise ImageError(f"{name} needs the package {package}, which the extra {extra} of poolcli brings") from None
    if register:
        getattr(loaded, register)()


def _plain(image: Image.Image, reading: Reading) -> Image.Image:
    """Return a picture of a mode that an array holds."""
    mode = image.mode
    if mode in ("P", "PA"):
        return image.convert("RGBA" if image.has_transparency_data else "RGB")
    if mode in ("L", "RGB") and image.has_transparency_data:
        return image.convert("LA" if mode == "L" else "RGBA")
    if mode in ("L", "LA", "RGB", "RGBA", "I", "F") or mode.startswith("I;16"):
        return image
    if mode == "CMYK":
        return _from_cmyk(image, reading)
    target = {"1": "L", "La": "LA", "RGBX": "RGB", "RGBa": "RGBA", "YCbCr": "RGB"}.get(mode)
    if target is None:
        raise ImageError(f"pictures of mode {mode} are not supported: convert to RGB")
    return image.convert(target)


def _from_cmyk(image: Image.Image, reading: Reading) -> Image.Image:
    profile = image.info.pop("icc_profile", None)  # of CMYK: what is returned is sRGB
    if profile:
        from PIL import ImageCms

        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
        if converted is not None:
            return converted
    if reading.convert:
        return image.convert("RGB")
    raise ImageError(
        "CMYK has no colour profile, so its exact colours are not known: --convert uses an approximate formula"
    )


def _palette(image: Image.Image) -> NDArray[np.uint8]:
    """Return the colours of a palette, (n, 3), or (n, 4) where some are transparent."""
    assert image.palette is not None
    mode, data = image.palette.getdata()
    colours = max(len(data) // len(mode.partition(";")[0]), 1)
    entries = Image.new("P", (colours, 1))  # not a copy of the picture, which would be decoded for it
    entries.putdata(range(colours))
    entries.putpalette(data, mode)
    entries.info = {name: image.info[name] for name in ("transparency",) if name in image.info}
    colours_of: NDArray[np.uint8] = np.asarray(entries.convert("RGBA" if image.has_transparency_data else "RGB"))[0]
    return colours_of


def _colours(image: Image.Image) -> NDArray[np.uint8] | None:
    """Return the palette of a picture that has one, for pixels that are expanded."""
    return _palette(image) if image.mode == "P" and image.palette is not None else None


def _described(image: Image.Image, exif: Image.Exif | None = None) -> dict[str, Any]:
    info = image.info
    return {
        "icc": info.get("icc_profile") or None,
        "exif": clean(image.getexif() if exif is None else exif),
        "xmp": upright_xmp(info.get("xmp") or info.get("XML:com.adobe.xmp")),
        "dpi": dpi_of(info),
        "duration": info.get("duration"),
        "loop": info.get("loop"),
    }


def _refuse_deep(image: ImageFile.ImageFile, file: BinaryIO) -> None:
    """Raise an ImageError for pictures that Pillow would cut down to 8 bits without a word."""
    file.seek(0)
    head = file.read(4096)
    deep = 0
    if image.format == "PNG":
        deep = head[24]
    elif image.format == "PPM" and image.mode != "I" and (found := _PPM.match(head)):
        deep = int(found[1]).bit_length()
    elif image.format == "AVIF" and b"av1C" in head:
        deep = 10 if head[head.index(b"av1C") + 6] & 0x40 else 8
    if deep > 8 and image.mode in ("LA", "RGB", "RGBA"):
        raise ImageError(
            f"{image.format} colour of {deep} bits would lose its lower bits: save it as TIFF or 16-bit PNG"
        )


_SPACE = rb"(?:\s|#[^\n]*\n)+"
_PPM = re.compile(rb"P[2356]" + _SPACE + rb"\d+" + _SPACE + rb"\d+" + _SPACE + rb"(\d+)")


def _as_stored(pixels: NDArray[Any], file: BinaryIO) -> NDArray[np.uint16]:
    """Return the numbers of a grey picture of more than 8 bits, which Pillow stretches to 16."""
    file.seek(0)
    found = _PPM.match(file.read(4096))
    most = int(found[1]) if found else 65535
    return np.rint(pixels * (most / 65535)).astype(np.uint16)


def _jpeg2000_bits(data: bytes) -> int:
    """Return the depth of the first component, from the SIZ segment of the codestream."""
    at = data.find(b"\xff\x4f\xff\x51")
    return (data[at + 42] & 127) + 1 if at >= 0 else 8


def _decoded(image: ImageFile.ImageFile, file: BinaryIO) -> NDArray[Any] | None:
    """Decode as Pillow does, by the same libraries, without its copies."""
    import imagecodecs

    file.seek(0)
    decode = imagecodecs.webp_decode if image.format == "WEBP" else imagecodecs.avif_decode
    pixels: NDArray[Any] = decode(file.read())
    return pixels if pixels.shape == (image.height, image.width, len(image.mode)) else None


def _stored(image: ImageFile.ImageFile, file: BinaryIO) -> NDArray[Any] | None:
    """Unpack rows that lie uncompressed in the file strip by strip: Pillow holds RGB in four bytes a pixel."""
    if len(image.tile) != 1 or image.tile[0][0] != "raw":
        return None
    _, extents, offset, args = image.tile[0]
    width, height = image.size
    raw, stride, direction = args if isinstance(args, tuple) else (args, 0, 1)
    if extents != (0, 0, width, height) or raw not in _BYTES:
        return None
    stride = stride or width * _BYTES[raw]
    out = np.empty((height, width, len(image.mode)), np.uint8)
    file.seek(offset)
    for top in range(0, height, _STRIP):
        rows = min(_STRIP, height - top)
        data = file.read(rows * stride)
        if len(data) < (rows - 1) * stride + width * _BYTES[raw]:
            raise ValueError("image file is truncated")
        strip = Image.frombytes(image.mode, (width, rows), data, "raw", raw, stride, direction)
        to = slice(top, top + rows) if direction > 0 else slice(height - top - rows, height - top)
        out[to] = np.asarray(strip)
    return out


def _array(image: Image.Image) -> NDArray[Any]:
    """Copy in strips: faster than np.asarray, and leaner."""
    first = np.asarray(image.crop((0, 0, image.width, min(image.height, _STRIP))))
    out = np.empty((image.height, *first.shape[1:]), first.dtype)
    for top in range(0, image.height, _STRIP):
        bottom = min(top + _STRIP, image.height)
        out[top:bottom] = np.asarray(image.crop((0, top, image.width, bottom)))
    return out
