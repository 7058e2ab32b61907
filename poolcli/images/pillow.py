"""What Pillow reads and writes; a format's own class says what is different about it."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import ContextDecorator, suppress
from dataclasses import replace
from functools import partial
from threading import Lock
from typing import Any, BinaryIO, ClassVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, UnidentifiedImageError
from PIL.ExifTags import IFD

from poolcli.images.fitting import alike
from poolcli.images.metadata import DAMAGED, clean, dpi_of, orientation_of, upright, upright_xmp, with_software
from poolcli.images.types import (
    Codec,
    Density,
    Frame,
    ImageError,
    Info,
    NoPictureError,
    Reading,
    Writing,
    check_size,
    damaged,
)

for _name in ("tifffile", "imagecodecs"):  # else what they find odd goes to stderr
    logging.getLogger(_name).addHandler(logging.NullHandler())

_STRIP = 256  # rows; np.asarray of a whole image holds it three times
_BYTES = {"RGB": 3, "BGR": 3, "BGRX": 4, "RGBA": 4, "BGRA": 4}  # a pixel, by Pillow's name of its layout
BEGIN = 4096  # bytes, in which a file says how deep its colour is
_MOMENT = 100  # milliseconds

MODERN = Density(80_000_000, 100)
"""Of codecs that need next to no bytes for images of one colour: photographs have up to 10 pixels in a byte, and tiles
of satellites that are almost empty 100. 80 megapixels of RGBA take OpenJPEG 6 s and 2 GB: any file may have them."""


class Unlimited(ContextDecorator):
    """Takes away Pillow's own limit, which belongs to the whole process, while any thread reads: ours is checked."""

    _lock, _within, _limit = Lock(), 0, Image.MAX_IMAGE_PIXELS

    def __enter__(self) -> None:
        with self._lock:
            if not Unlimited._within:
                Unlimited._limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
            Unlimited._within += 1

    def __exit__(self, *error: object) -> None:
        with self._lock:
            Unlimited._within -= 1
            if not Unlimited._within:
                Image.MAX_IMAGE_PIXELS = Unlimited._limit


class Pillow(Codec):
    """A format that Pillow knows by the same name."""

    name: ClassVar[str]
    density: ClassVar[Density] = Density(2**62, 0)
    """What is believed of a small file: by default, any image. Those that are not compressed, or by deflate, end early,
    and a WebP of 34 bytes has 268 megapixels, in 2 s and 1.1 GB."""
    keeps: ClassVar[frozenset[str]] = frozenset()
    """What is written beside the pixels, by Pillow's names: icc_profile, exif, xmp, dpi, and for the record comment, or
    software, which is a field of EXIF."""

    @Unlimited()
    def __init__(self, file: BinaryIO, reading: Reading) -> None:
        self._file, self._reading = file, reading
        self._image = self._open()
        self._size = self._image.size
        self._palette = colours_of(self._image)
        check_size(*self._size, len(self._image.getbands()), reading)
        self.frames = getattr(self._image, "n_frames", 1)
        self.density.check(*self._size, self.frames, file.seek(0, io.SEEK_END), reading)

    def _open(self) -> ImageFile.ImageFile:
        """Read the header; where what is said beside the pixels prevents that, that of the pixels alone."""
        try:
            return _opened(self._file, self.name)
        except Exception as error:
            if "too large" in str(error):  # a bomb: decompressed it is many times the file
                raise damaged("its text is too large") from error
            with suppress(Exception):
                bare = self._bare()
                image = _opened(bare, self.name)
                self._file, self.warnings = bare, (DAMAGED,)
                return image
            raise

    def _bare(self) -> BinaryIO:
        """Return the file without what it says beside its pixels, or raise whatever it does where it cannot."""
        raise NotImplementedError

    @Unlimited()
    def read(self, frame: int) -> Frame:
        """Return one of the images."""
        self._seek(frame)
        pixels, info = self._pixels()
        exif = self._exif(self._image.getexif)
        pixels = upright(pixels, orientation_of(exif))
        info = replace(info, frames=self.frames, **described(self._image, exif))
        if self.frames > 1 and info.palette is None and info.alpha and (pixels[..., -1] == 255).all():
            return np.ascontiguousarray(pixels[..., :-1]), replace(info, alpha=False)
        return pixels, info

    def _exif(self, read: Callable[[], Image.Exif]) -> Image.Exif:
        """Return the EXIF, or none where it is damaged."""
        try:
            exif = read()
            for ifd in (IFD.Exif, IFD.GPSInfo):
                exif.get_ifd(ifd)
            return exif
        except Exception:
            self.warnings = (DAMAGED,)
            return Image.Exif()

    def _seek(self, frame: int) -> None:
        """Make one of the images that which is decoded: after those before it, over which it may be drawn."""
        image = self._image
        for step in range(image.tell() + 1 if frame >= image.tell() else 0, frame + 1):
            image.seek(step)
            if image.size != self._size:  # Pillow would take as much memory as a damaged frame claims
                raise damaged("a frame is larger than the image")

    def _refuse_deep(self) -> None:
        """Raise an ImageError for images that Pillow would cut down to 8 bits without a word."""
        self._file.seek(0)
        bits = self._bits(self._file.read(BEGIN))
        if bits > 8 and self._image.mode in ("L", "LA", "RGB", "RGBA"):
            way = "save it as TIFF or 16-bit PNG"
            raise ImageError(f"{self.name} colour of {bits} bits would lose its lower bits: {way}")

    def _bits(self, head: bytes) -> int:
        """Return the depth of a value."""
        return 8

    def _pixels(self) -> Frame:
        image = self._image
        decoded = self._decoded()
        if decoded is not None:
            return decoded, Info(self.name, alpha=decoded.ndim == 3 and decoded.shape[2] in (2, 4))
        self._refuse_deep()
        image.load()
        if image.mode == "P" and self._reading.keep_palette:
            return _array(image), Info(self.name, alpha=False, palette=palette_of(image))
        plain = partial(_plain, reading=self._reading)
        pixels = _array(image, plain) if image.mode in ("P", "PA") else _array(plain(image))
        alpha = pixels.ndim == 3 and pixels.shape[2] in (2, 4)
        return self._as_stored(pixels), Info(self.name, alpha=alpha, colours=colours_of(image))

    def _decoded(self) -> NDArray[Any] | None:
        """Return the pixels, deeper or at less cost than from Pillow, or None where it alone decodes them."""
        return _stored(self._image, self._file) if self._is_plain else None

    def _as_stored(self, pixels: NDArray[Any]) -> NDArray[Any]:
        """Return the numbers of the file, where Pillow changes them."""
        return pixels.astype(pixels.dtype.newbyteorder("="), copy=False) if pixels.dtype.kind in "iu" else pixels

    @property
    def _is_plain(self) -> bool:
        """Return whether RGB or RGBA is all that there is."""
        return self.frames == 1 and self._image.mode in ("RGB", "RGBA") and "transparency" not in self._image.info

    def _whole(self, decode: Callable[[bytes], NDArray[Any]]) -> NDArray[Any] | None:
        """Decode as Pillow does, by the same library, without its copies."""
        if not self._is_plain:
            return None
        self._file.seek(0)
        pixels = decode(self._file.read())
        image = self._image
        return pixels if pixels.shape == (image.height, image.width, len(image.mode)) else None

    @classmethod
    def encode(cls, file: BinaryIO, frames: Iterator[Frame], count: int, writing: Writing) -> None:
        """Write one image, or an animation."""
        pictures = alike(list(frames))
        infos = [info for _, info in pictures]
        first, *others = [cls._picture(image, info, writing) for image, info in pictures]
        options = cls._options(first, writing) | ({} if writing.strip else cls._described(infos[0], writing))
        if others:
            if {picture.size for picture in others} != {first.size}:
                way = "frame=N takes one, .tif holds all"
                raise ImageError(f"{cls.name} holds frames of one size only: {way}", "frame")
            options |= {"save_all": True, "append_images": others, **cls._times(infos)}
        try:
            first.save(file, cls.name, **options)
        except Exception as error:  # encoders raise what they like
            raise ImageError(f"cannot be encoded as {cls.name}: {error}".splitlines()[0]) from error
        if others:
            cls._finish(file, pictures)

    @classmethod
    def _picture(cls, image: NDArray[Any], info: Info, writing: Writing) -> Image.Image:
        """Return an image as Pillow has it."""
        picture = Image.fromarray(image)
        if info.palette is not None:
            picture.putpalette(info.palette[:, :3].tobytes())
            if info.palette.shape[1] == 4:
                picture.info["transparency"] = info.palette[:, 3].tobytes()
        return picture

    @classmethod
    def _options(cls, picture: Image.Image, writing: Writing) -> dict[str, Any]:
        """Return what Pillow's writer is told of how to encode."""
        return {}

    @classmethod
    def _described(cls, info: Info, writing: Writing) -> dict[str, Any]:
        """Return what it is told of what the file says beside the pixels."""
        exif = with_software(info.exif, writing.record) if "software" in cls.keeps else info.exif
        said = {"icc_profile": info.icc, "exif": exif, "xmp": info.xmp, "dpi": info.dpi, "comment": writing.record}
        return {name: value for name, value in said.items() if name in cls.keeps and value}

    @classmethod
    def _times(cls, infos: Sequence[Info]) -> dict[str, Any]:
        """Return times and repetitions; pages that have none are shown for a moment each, for ever."""
        if all(info.duration is None for info in infos):
            return {"duration": _MOMENT, "loop": 0}
        loop = infos[0].loop
        return {"duration": [round(info.duration or 0) for info in infos], "loop": 1 if loop is None else loop}

    @classmethod
    def _finish(cls, file: BinaryIO, pictures: Sequence[Frame]) -> None:
        """Raise an ImageError if pages were merged because they are alike: only in time is that no loss."""
        if all(info.duration is None for _, info in pictures):
            with Unlimited(), Image.open(file) as made:
                frames = getattr(made, "n_frames", 1)
            if frames != len(pictures):
                raise ImageError(f"{cls.name} merges pages that are alike, {len(pictures)} to {frames}: .tif holds all")


def _opened(file: BinaryIO, name: str) -> ImageFile.ImageFile:
    """Read the header as that of one format: Pillow would start another program for EPS, and has some nobody checks."""
    try:
        return Image.open(file, formats=(name,))
    except UnidentifiedImageError as error:
        raise NoPictureError("not a supported image") from error


def _plain(image: Image.Image, reading: Reading) -> Image.Image:
    """Return an image of a mode that an array holds."""
    mode = image.mode
    if mode in ("P", "PA"):
        return image.convert("RGBA" if image.has_transparency_data else "RGB")
    if mode in ("L", "RGB") and image.has_transparency_data:
        return image.convert("LA" if mode == "L" else "RGBA")
    if mode in ("L", "LA", "RGB", "RGBA", "I", "F") or mode.startswith("I;16"):
        return image
    if mode == "CMYK":
        return _from_cmyk(image, reading)
    if mode == "LAB":
        return _from_lab(image)
    target = {"1": "L", "La": "LA", "RGBX": "RGB", "RGBa": "RGBA", "YCbCr": "RGB"}.get(mode)
    if target is None:
        raise ImageError(f"images of mode {mode} are not supported: convert to RGB")
    return image.convert(target)


def _from_cmyk(image: Image.Image, reading: Reading) -> Image.Image:
    profile = image.info.pop("icc_profile", None)  # of CMYK: what is returned is sRGB
    if profile:
        from PIL import ImageCms

        with suppress(ImageCms.PyCMSError, OSError):  # damaged, or none of CMYK
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
            if converted is not None:
                return converted
    if reading.convert:
        return image.convert("RGB")
    has, way = "a damaged" if profile else "no", "convert=True uses an approximate formula"
    raise ImageError(f"CMYK has {has} colour profile, so its exact colours are not known: {way}", "convert")


def _from_lab(image: Image.Image) -> Image.Image:
    """Return sRGB of CIELAB."""
    from PIL import ImageCms

    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    converted = ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB")
    assert converted is not None
    image.info.pop("icc_profile", None)
    return converted


def palette_of(image: Image.Image) -> NDArray[np.uint8]:
    """Return the colours of a palette, (n, 3), or (n, 4) where some are transparent."""
    assert image.palette is not None
    mode, data = image.palette.getdata()
    colours = max(len(data) // len(mode.partition(";")[0]), 1)
    entries = Image.new("P", (colours, 1))  # not a copy of the image, which would be decoded for it
    entries.putdata(range(colours))
    entries.putpalette(data, mode)
    entries.info = {name: image.info[name] for name in ("transparency",) if name in image.info}
    palette: NDArray[np.uint8] = np.asarray(entries.convert("RGBA" if image.has_transparency_data else "RGB"))[0]
    return palette


def colours_of(image: Image.Image) -> NDArray[np.uint8] | None:
    """Return the palette of an image that has one, for pixels that are expanded."""
    return palette_of(image) if image.mode == "P" and image.palette is not None else None


def described(image: Image.Image, exif: Image.Exif) -> dict[str, Any]:
    """Return what an `Info` has of what Pillow read beside the pixels."""
    info = image.info
    return {
        "icc": info.get("icc_profile") or None,
        "exif": clean(exif),
        "xmp": upright_xmp(info.get("xmp") or info.get("XML:com.adobe.xmp")),
        "dpi": dpi_of(info),
        "duration": info.get("duration"),
        "loop": info.get("loop"),
    }


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
            raise damaged("truncated")
        strip = Image.frombytes(image.mode, (width, rows), data, "raw", raw, stride, direction)
        to = slice(top, top + rows) if direction > 0 else slice(height - top - rows, height - top)
        out[to] = np.asarray(strip)
    return out


def _array(image: Image.Image, made: Callable[[Image.Image], Image.Image] = lambda strip: strip) -> NDArray[Any]:
    """Copy what is made of each strip: faster than np.asarray, and leaner."""
    out: NDArray[Any] | None = None
    for top in range(0, image.height, _STRIP):
        bottom = min(top + _STRIP, image.height)
        strip = np.asarray(made(image.crop((0, top, image.width, bottom))))
        out = np.empty((image.height, *strip.shape[1:]), strip.dtype) if out is None else out
        out[top:bottom] = strip
    assert out is not None
    return out
