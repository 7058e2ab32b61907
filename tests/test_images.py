"""Images in and out: every value comes back, whatever wrote the file, and what a file says beside them is kept."""

import io
import pickle
import re
import struct
import sys
import zlib
from itertools import product
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from commands import process, said
from effort import JIT
from pictures import packed_tiff, png_chunk, tiff_file
from PIL import Image, ImageCms

import poolcli
from poolcli.files import WriteError, check_free
from poolcli.images import Info, Reading, Writing
from poolcli.images.fitting import check_labels
from poolcli.images.formats import FORMATS, HEAD, WRITABLE, sniff
from poolcli.images.read import open_picture
from poolcli.images.write import write_frames

pytestmark = pytest.mark.skipif(not JIT, reason="files are read and written alike, compiled or not")

DTYPES = ("uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64", "float16", "float32", "float64")


def numbers(shape, dtype):
    """Return values from the whole range of a dtype."""
    rng = np.random.default_rng(0)
    dtype = np.dtype(dtype)
    if dtype.kind == "f":
        return rng.standard_normal(shape).astype(dtype)
    if dtype.kind == "b":
        return rng.integers(0, 2, shape).astype(bool)
    limits = np.iinfo(dtype)
    return rng.integers(limits.min, limits.max, shape, dtype=dtype, endpoint=True)


def written(array, ending, info=None, **options):
    file = io.BytesIO()
    poolcli.write_image(array, file, info, format=ending, **options)
    return file.getvalue()


def saved(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def assert_same(left, right):
    assert left.dtype == right.dtype
    np.testing.assert_array_equal(left, right)


EXACT = [
    *product(("png",), ("uint8", "uint16"), (1, 2, 3, 4)),
    *product(("tif", "npy"), DTYPES, (1, 2, 3, 4, 5, 64)),
    *product(("tga", "jp2"), ("uint8",), (1, 2, 3, 4)),
    *product(("webp",), ("uint8",), (3, 4)),
    *product(("bmp",), ("uint8",), (1, 3)),
    ("ppm", "uint8", 3),
    ("pgm", "uint8", 1),
    ("pgm", "uint16", 1),
    ("pfm", "float32", 1),
    ("jp2", "uint16", 1),
    ("ico", "uint8", 4),
    ("npy", "bool", 3),
]


@pytest.mark.parametrize(("ending", "dtype", "channels"), EXACT)
@pytest.mark.parametrize("size", [(5, 7), (1, 9), (9, 1), (1, 1)])
def test_what_is_written_is_read(ending, dtype, channels, size):
    array = numbers(size if channels == 1 else (*size, channels), dtype)
    assert_same(poolcli.read_image(written(array, ending))[0], array)


@pytest.mark.parametrize("compression", ["fast", "default", "max"])
@pytest.mark.parametrize(
    ("ending", "dtype"), [("tif", "float32"), ("tif", "int16"), ("png", "uint16"), ("webp", "uint8")]
)
def test_compression_changes_no_value(ending, dtype, compression):
    array = numbers((40, 30, 3), dtype)
    assert_same(poolcli.read_image(written(array, ending, compression=compression))[0], array)


@pytest.mark.parametrize("layout", [{}, {"tile": (16, 16)}, {"bigtiff": True}, {"byteorder": ">"}], ids=str)
@pytest.mark.parametrize("compression", [None, "lzw", "zlib", "zstd"])
@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5, 64])
def test_tiff_of_others(channels, planar, compression, layout):
    layout = dict(layout)
    file_layout = {name: layout.pop(name) for name in ("bigtiff", "byteorder") if name in layout}
    for dtype in DTYPES:
        array = numbers((20, 24, channels), dtype)
        stored = np.moveaxis(array, -1, 0) if planar == "separate" else array
        if channels == 1:
            array = stored = array[..., 0]
        file = io.BytesIO()
        with tifffile.TiffWriter(file, **file_layout) as tiff:
            tiff.write(
                stored,
                photometric="rgb" if channels in (3, 4) else "minisblack",
                planarconfig=planar if channels > 1 else None,
                compression=None if dtype.endswith("64") and compression == "lzw" else compression,
                **layout,
            )
        assert_same(poolcli.read_image(file.getvalue())[0], array)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_tiff_whose_white_is_0(dtype):
    array = numbers((5, 7), dtype)
    file = io.BytesIO()
    tifffile.imwrite(file, array, photometric="miniswhite")
    assert_same(poolcli.read_image(file.getvalue())[0], np.iinfo(dtype).max - array)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("PNG", {}),
        ("TIFF", {}),
        ("TIFF", {"compression": "group4"}),
        ("TIFF", {"compression": "packbits"}),
        ("BMP", {}),
    ],
)
def test_one_bit_becomes_grey(kind, options):
    array = numbers((5, 11), bool)
    data = saved(Image.fromarray(array), kind, **options)
    assert_same(poolcli.read_image(data)[0], array * np.uint8(255))


def test_16_bit_colour_is_not_what_pillow_makes_of_it():
    array = numbers((5, 7, 3), "uint16")
    data = written(array, "png")
    assert np.asarray(Image.open(io.BytesIO(data))).dtype == np.uint8
    assert_same(poolcli.read_image(data)[0], array)


def png(bits, colour_type, row, width, transparent=None, palette=None):
    """Return a PNG file of one row, made by hand."""
    parts = [png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, 1, bits, colour_type, 0, 0, 0))]
    parts += [png_chunk(kind, data) for kind, data in ((b"PLTE", palette), (b"tRNS", transparent)) if data]
    parts += [png_chunk(b"IDAT", zlib.compress(b"\0" + row)), png_chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.mark.parametrize(
    ("bits", "row", "values"),
    [
        (1, b"\x40", [[0, 255], [255, 0]]),
        (2, b"\x10", [[0, 255], [85, 0]]),
        (4, b"\x01", [[0, 255], [17, 0]]),
        (8, b"\0\1", [[0, 255], [1, 0]]),
        (16, b"\0\0\0\1", [[0, 65535], [1, 0]]),
    ],
)
def test_one_transparent_grey_in_every_depth(bits, row, values):
    image, info = poolcli.read_image(png(bits, 0, row, 2, transparent=b"\0\1"))
    assert image.tolist() == [values]
    assert info.alpha


def test_palettes_are_expanded_or_kept():
    data = png(2, 3, b"\x1b", 4, transparent=b"\x00\x80", palette=bytes(range(12)))
    expanded, info = poolcli.read_image(data)
    assert expanded.tolist() == [[[0, 1, 2, 0], [3, 4, 5, 128], [6, 7, 8, 255], [9, 10, 11, 255]]]
    assert info.alpha
    indices, info = poolcli.read_image(data, keep_palette=True)
    assert indices.tolist() == [[0, 1, 2, 3]]
    assert info.palette.tolist() == expanded[0].tolist()
    again, back = poolcli.read_image(written(indices, "png", info), keep_palette=True)
    assert again.tolist() == indices.tolist()
    assert back.palette.tolist() == info.palette.tolist()
    assert poolcli.read_image(written(indices, "webp", info))[0].tolist() == expanded.tolist()


@pytest.mark.parametrize("ending", ["png", "tif", "gif"])
def test_opaque_palettes_are_kept(ending):
    palette = np.arange(30, dtype=np.uint8).reshape(10, 3)
    indices = np.arange(10, dtype=np.uint8).reshape(2, 5)
    again, info = poolcli.read_image(written(indices, ending, Info(palette=palette)), keep_palette=True)
    assert again.tolist() == indices.tolist()
    assert info.palette[:10].tolist() == palette.tolist()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_once(kind, orientation):
    image = np.zeros((16, 24, 3), np.uint8)
    image[:8, :12] = 200  # bright at the upper left
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = orientation, "camera"
    data = saved(Image.fromarray(image), kind, exif=exif.tobytes())
    array, info = poolcli.read_image(data)
    expected = [image, image[:, ::-1], image[::-1, ::-1], image[::-1]]
    expected += [plane.swapaxes(0, 1) for plane in (image, image[::-1], image[::-1, ::-1], image[:, ::-1])]
    assert array.shape == expected[orientation - 1].shape
    assert np.abs(array.astype(int) - expected[orientation - 1]).max() < 20  # JPEG and WebP lose a little
    for ending in ("png", "jpg", "tif", "webp"):
        back = Image.open(io.BytesIO(written(array, ending, info)))
        assert back.getexif().get(0x0112, 1) == 1
        assert back.getexif()[0x010F] == "camera"
        assert poolcli.read_image(written(array, ending, info))[0].shape == array.shape


ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
XMP = b"<x:xmpmeta xmlns:x='adobe:ns:meta/' tiff:Orientation=\"6\"><dc:title>a</dc:title></x:xmpmeta>"


def described():
    """Return a JPEG file that says all that can be said."""
    exif = Image.Exif()
    exif[0x010F], exif[0x0112], exif[0x0100] = "camera", 6, 24
    details, place = exif.get_ifd(0x8769), exif.get_ifd(0x8825)
    details[0xA002], details[0xA003], details[0x9003] = 24, 16, "2026:01:02 03:04:05"
    place[1], place[2] = "N", (52.0, 30.0, 0.5)
    exif[0x8769], exif[0x8825] = details, place
    picture = Image.fromarray(np.full((16, 24, 3), 99, np.uint8))
    return saved(picture, "JPEG", exif=exif.tobytes(), icc_profile=ICC, xmp=XMP, dpi=(300, 200))


@pytest.mark.parametrize("ending", ["png", "jpg", "tif", "webp", "avif"])
def test_metadata_is_carried_over(ending):
    array, info = poolcli.read_image(described())
    data = written(array, ending, info)
    back = Image.open(io.BytesIO(data))
    exif = back.getexif()
    assert exif[0x010F] == "camera"
    assert exif.get(0x0112, 1) == 1
    assert ending == "tif" or 0x0100 not in exif  # the width: a TIFF file's own
    assert exif.get_ifd(0x8769)[0x9003] == "2026:01:02 03:04:05"
    assert 0xA002 not in exif.get_ifd(0x8769)
    assert exif.get_ifd(0x8825)[2] == (52.0, 30.0, 0.5)
    assert back.info["icc_profile"] == ICC
    _, again = poolcli.read_image(data)
    assert b'tiff:Orientation="1"' in again.xmp
    assert b"<dc:title>a" in again.xmp
    if ending in ("png", "jpg", "tif"):
        assert again.dpi == pytest.approx((300, 200), abs=0.01)


@pytest.mark.parametrize("ending", ["png", "jpg", "tif", "webp", "avif"])
def test_strip_leaves_only_the_pixels(ending):
    array, info = poolcli.read_image(described())
    data = written(array, ending, info, strip=True)
    back = Image.open(io.BytesIO(data))
    assert b"camera" not in data
    assert not {"icc_profile", "xmp", "XML:com.adobe.xmp", "comment"} & set(back.info)


def test_16_bit_colour_with_metadata():
    array = numbers((5, 7, 3), "uint16")
    _, info = poolcli.read_image(described())
    for ending in ("png", "tif"):
        again, back = poolcli.read_image(written(array, ending, info))
        assert_same(again, array)
        assert (back.icc, back.exif is not None) == (ICC, True)


def cmyk():
    picture = Image.new("CMYK", (4, 3), (0, 255, 255, 0))
    return picture, saved(picture, "JPEG", quality=100)


def test_cmyk_without_a_profile_is_refused_unless_asked_for():
    picture, data = cmyk()
    with pytest.raises(poolcli.ImageError, match="CMYK has no colour profile"):
        poolcli.read_image(data)
    array, info = poolcli.read_image(data, convert=True)
    assert np.abs(array.astype(int) - np.asarray(picture.convert("RGB"))).max() <= 2
    assert not info.alpha


@pytest.mark.parametrize("premultiplied", [False, True])
def test_alpha_of_tiff_stays_as_it_is(premultiplied):
    array = numbers((4, 5, 4), "uint16")
    info = Info(alpha=True, premultiplied=premultiplied)
    again, back = poolcli.read_image(written(array, "tif", info))
    assert_same(again, array)
    assert (back.alpha, back.premultiplied) == (True, premultiplied)


def test_bands_are_not_alpha():
    array = numbers((4, 5, 4), "uint8")
    again, info = poolcli.read_image(written(array, "tif", Info(alpha=False)))
    assert_same(again, array)
    assert info.alpha is False
    with pytest.raises(poolcli.ImageError, match=r"PNG cannot hold 4 bands of uint8: \.tif, \.npy can"):
        written(array, "png", Info(alpha=False))


REFUSED = [
    ("jpg", "uint8", 4, "JPEG cannot hold RGBA of uint8: .png, .tif"),
    ("webp", "uint16", 3, "WEBP cannot hold RGB of uint16: .png, .tif, .npy can, or convert=True"),
    ("gif", "uint16", 1, "GIF cannot hold grey of uint16"),
    ("avif", "uint16", 3, "AVIF cannot hold RGB of uint16"),
    ("jpg", "uint16", 1, "JPEG cannot hold grey of uint16"),
    ("bmp", "uint8", 4, "BMP cannot hold RGBA of uint8"),
    ("ppm", "uint8", 4, "PPM cannot hold RGBA of uint8"),
    ("png", "float32", 1, "PNG cannot hold grey of float32: .tif, .pfm, .npy can, or convert=True"),
    ("png", "int8", 3, "PNG cannot hold RGB of int8"),
]


@pytest.mark.parametrize(("ending", "dtype", "channels", "message"), REFUSED)
def test_what_a_format_cannot_hold_is_refused_or_converted(ending, dtype, channels, message, tmp_path):
    array = numbers((6, 5) if channels == 1 else (6, 5, channels), dtype)
    target = tmp_path / f"a.{ending}"
    with pytest.raises(poolcli.ImageError) as error:
        poolcli.write_image(array, target)
    assert str(error.value).startswith(message)
    assert not list(tmp_path.iterdir())
    poolcli.write_image(array, target, convert=True)
    assert poolcli.read_image(target)[0].dtype == np.uint8


def test_conversion_scales_and_lays_over_the_background():
    array = np.array([[[0, 0, 0, 0], [65535, 0, 257, 65535], [65535, 65535, 65535, 32768]]], np.uint16)
    image, _ = poolcli.read_image(written(array, "ppm", convert=True, background="#00ff80"))
    assert image.tolist() == [[[0, 255, 128], [255, 0, 1], [128, 255, 192]]]
    floats = np.array([[-1, 0, 0.5, 1, 7, np.nan, np.inf]], np.float32)
    assert poolcli.read_image(written(floats, "pgm", convert=True))[0].tolist() == [[0, 0, 128, 255, 255, 0, 255]]


@pytest.mark.parametrize(
    ("ending", "side"), [("jpg", 65501), ("webp", 16384), ("gif", 65536), ("ico", 257), ("tga", 65536)]
)
def test_sides_beyond_a_format_are_refused(ending, side):
    array = np.zeros((1, side, 4 if ending == "ico" else 3), np.uint8)
    with pytest.raises(poolcli.ImageError, match=f"at most {side - 1} pixels a side, not 1 x {side}: .* can"):
        written(array, ending)


def animation(kind, frames=3, **options):
    pictures = [Image.new("RGB", (6, 4), (80 * i, 10, 255 - 80 * i)) for i in range(frames)]
    return saved(pictures[0], kind, save_all=True, append_images=pictures[1:], **options)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "TIFF"])
def test_every_frame_is_there(kind):
    data = animation(kind, **({} if kind == "TIFF" else {"duration": [100, 200, 300], "loop": 0}))
    with open_picture(data, Reading()) as picture:
        assert picture.frames == 3
        for i in (2, 0, 1):
            array, info = picture.read(i)
            assert (array == [80 * i, 10, 255 - 80 * i]).all()
            assert kind == "TIFF" or (info.duration, info.loop) == (100 * (i + 1), 0)
    with pytest.raises(poolcli.ImageError, match="holds 3 frames: frame takes one of them, 0 to 2"):
        poolcli.read_image(data)
    assert poolcli.read_image(data, frame=1)[0][0, 0].tolist() == [80, 10, 175]
    with pytest.raises(poolcli.ImageError, match="there is no frame 3: the file holds 3, 0 to 2"):
        poolcli.read_image(data, frame=3)


def test_smaller_copies_and_masks_of_a_tiff_page_are_no_frames():
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as tiff:
        tiff.write(np.full((8, 8), 7, np.uint8))
        tiff.write(np.full((4, 4), 7, np.uint8), subfiletype=1)
    assert poolcli.read_image(file.getvalue())[0].shape == (8, 8)


def test_arrays_of_pictures():
    file = io.BytesIO()
    batch = numbers((3, 4, 5, 6), "float32")
    np.save(file, batch)
    with open_picture(file.getvalue(), Reading()) as picture:
        assert picture.frames == 3
        assert_same(picture.read(2)[0], batch[2])
    with open_picture(file.getvalue(), Reading(layout="chw")) as picture:
        assert_same(picture.read(1)[0], np.moveaxis(batch[1], 0, -1))
    file = io.BytesIO()
    np.save(file, np.asfortranarray(batch).astype(">f4"))
    with open_picture(file.getvalue(), Reading()) as picture:
        assert_same(picture.read(2)[0], batch[2])


def test_sources_and_targets(tmp_path):
    array = numbers((4, 5), "uint8")
    poolcli.write_image(array, tmp_path / "a.png")
    data = (tmp_path / "a.png").read_bytes()
    for source in (tmp_path / "a.png", str(tmp_path / "a.png"), data, io.BytesIO(data)):
        assert_same(poolcli.read_image(source)[0], array)
    with pytest.raises(poolcli.ImageError, match="exists; overwrite=True replaces it"):
        poolcli.write_image(array, tmp_path / "a.png")
    poolcli.write_image(array.T, tmp_path / "a.png", overwrite=True)
    assert_same(poolcli.read_image(tmp_path / "a.png")[0], array.T)
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_deep_pictures_that_pillow_would_flatten():
    ppm = b"P3 2 1 65535\n0 1 2 3 4 65535\n"
    with pytest.raises(poolcli.ImageError, match="PPM colour of 16 bits would lose its lower bits"):
        poolcli.read_image(ppm)
    inside = imagecodecs.png_encode(numbers((16, 16, 3), "uint16"))
    icon = struct.pack("<HHHBBBBHHII", 0, 1, 1, 16, 16, 0, 0, 1, 32, len(inside), 22) + inside
    with pytest.raises(poolcli.ImageError, match="ICO colour of 16 bits would lose its lower bits"):
        poolcli.read_image(icon)


def test_reading_leaves_the_limit_of_pillow_alone(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    array = numbers((9, 9), "uint8")
    assert_same(poolcli.read_image(written(array, "bmp"))[0], array)
    assert Image.MAX_IMAGE_PIXELS == 10


def frames_of(data):
    with open_picture(data, Reading()) as picture:
        return [picture.read(i) for i in range(picture.frames)]


def written_frames(frames, ending, **options):
    file = io.BytesIO()
    write_frames(frames, len(frames), file, ending, Writing(**options))
    return file.getvalue()


UNPACKED = [
    ("BMP", {}),
    ("TGA", {}),
    ("TGA", {"orientation": 1}),
    ("TGA", {"compression": "tga_rle"}),
    ("WEBP", {}),
    ("AVIF", {}),
    ("AVIF", {"subsampling": "4:4:4"}),
]


@pytest.mark.parametrize(
    ("kind", "options", "mode"),
    [("PPM", {}, "RGB"), *((*case, mode) for case, mode in product(UNPACKED, ("RGB", "RGBA")))],
    ids=str,
)
@pytest.mark.parametrize("size", [(5, 7), (33, 700), (1, 1)])
def test_rows_that_pillow_does_not_unpack_are_as_it_would(kind, options, mode, size):
    image = Image.fromarray(numbers((*size[::-1], len(mode)), "uint8"))
    file = saved(image, kind, **options)
    assert_same(poolcli.read_image(file)[0], np.array(Image.open(io.BytesIO(file))))
    with pytest.raises(poolcli.ImageError, match=r"damaged|truncated|not a supported"):
        poolcli.read_image(file[: len(file) * 2 // 3 - 20])


@pytest.mark.parametrize("ending", ["gif", "png", "webp"])
@pytest.mark.parametrize("order", ["oto", "tot", "too", "ott"])
def test_frames_with_and_without_clear_parts(order, ending):
    opaque = np.full((16, 16, 3), (200, 10, 20), np.uint8)
    clear = np.dstack([opaque, np.full((16, 16), 255, np.uint8)])
    clear[:8] = 0
    frames = [
        (opaque, Info(alpha=False, duration=50 + i)) if kind == "o" else (clear, Info(alpha=True, duration=50 + i))
        for i, kind in enumerate(order)
    ]
    again = frames_of(written_frames(frames, ending))
    # Alike frames that follow each other may be one, shown for both their times.
    runs = [kind for i, kind in enumerate(order) if len(again) == 3 or order[i - 1 : i] != kind]
    assert len(again) == len(runs)
    for (image, _), kind in zip(again, runs, strict=True):
        seen = image if image.shape[2] == 4 else np.dstack([image, np.full((16, 16), 255, np.uint8)])
        assert (seen[8:] == (200, 10, 20, 255)).all()
        assert (seen[:8, :, 3] == (0 if kind == "t" else 255)).all()


def test_gif_by_conversion_keeps_what_is_clear():
    image = numbers((40, 40, 4), "uint8")
    image[..., 3] = 255
    image[:20, :, 3] = 30
    again, _ = poolcli.read_image(written(image, "gif", convert=True))
    assert (again[:20, :, 3] == 0).all()
    assert (again[20:, :, 3] == 255).all()
    assert np.abs(again[20:, :, :3].astype(int) - image[20:, :, :3]).mean() < 30


@pytest.mark.parametrize("ending", ["gif", "webp"])
def test_pages_that_are_alike_are_not_merged_in_silence(ending):
    pages = [(np.full((8, 8, 3), value, np.uint8), Info()) for value in (0, 9, 9)]
    with pytest.raises(poolcli.ImageError, match=r"merges pages that are alike, 3 to 2: \.tif holds all"):
        written_frames(pages, ending)
    assert len(frames_of(written_frames(pages, "tif"))) == 3


def test_grey_of_12_bits_keeps_its_numbers():
    pgm = b"P5\n2 2\n4095\n" + np.array([0, 1, 100, 4095], ">u2").tobytes()
    assert_same(poolcli.read_image(pgm)[0], np.uint16([[0, 1], [100, 4095]]))


@pytest.mark.parametrize(("ending", "kind"), [item for item in WRITABLE.items() if not item[1].marks])
def test_what_is_written_is_known_by_its_first_bytes_alone(ending, kind):
    shade = next(iter(kind.holds))
    shape = (9, 8) if shade == "grey" else (9, 8, {"grey+alpha": 2, "RGB": 3, "RGBA": 4}[shade])
    head = written(numbers(shape, kind.holds[shade][0]), ending)[:HEAD]
    found = sniff(head)
    assert found.load() is kind.load()
    known = [row for row in FORMATS if row.begins and not row.weak and re.match(row.begins, head, re.DOTALL)]
    assert known == ([] if found.weak else [found])


@pytest.mark.parametrize("side", [16, 148, 160, 200])
def test_icons_are_not_taken_for_tga(side):
    array = numbers((side, side, 3), "uint8")  # its size in bytes stands where the depth of a TGA does
    image, info = poolcli.read_image(saved(Image.fromarray(array), "ICO", sizes=[(side, side)]))
    assert_same(image, array)
    assert info.format == "ICO"


@pytest.mark.parametrize("compression", [None, "tga_rle"])
@pytest.mark.parametrize("mode", ["P", "L", "LA", "RGB", "RGBA"])
def test_tga_is_not_taken_for_an_icon(mode, compression):
    picture = Image.fromarray(numbers((9, 12, 3), "uint8")).convert(mode)
    image, info = poolcli.read_image(saved(picture, "TGA", compression=compression))
    assert_same(image, np.array(picture.convert("RGB") if mode == "P" else picture))
    assert info.format == "TGA"


def test_alpha_of_a_tiff_whose_white_is_0():
    file = io.BytesIO()
    array = np.full((4, 4, 2), (10, 200), np.uint8)
    tifffile.imwrite(file, array, photometric="miniswhite", planarconfig="contig", extrasamples=["unassalpha"])
    assert poolcli.read_image(file.getvalue())[0][0, 0].tolist() == [245, 200]


@pytest.mark.parametrize("ending", ["png", "jp2", "pgm", "tif", "npy"])
def test_big_endian_arrays(ending):
    array = np.array([[1, 256], [3, 4]], ">u2")
    assert poolcli.read_image(written(array, ending))[0].tolist() == array.tolist()


def test_premultiplied_colour_is_divided_out_for_arrays():
    array = np.full((2, 2, 4), (64, 0, 0, 64), np.uint8)
    again, _ = poolcli.read_image(written(array, "npy", Info(alpha=True, premultiplied=True)))
    assert again[0, 0].tolist() == [255, 0, 0, 64]


def test_the_fallback_of_an_animation_is_no_frame():
    frames = [Image.new("RGB", (6, 4), (60 * i, 9, 9)) for i in range(4)]
    data = saved(frames[0], "PNG", save_all=True, append_images=frames[1:], duration=70, default_image=True)
    again = frames_of(data)
    assert [image[0, 0, 0] for image, _ in again] == [60, 120, 180]


def test_an_animation_that_runs_once_does_so_in_other_formats():
    data = animation("GIF", duration=50)
    for ending in ("png", "webp"):
        assert frames_of(written_frames(frames_of(data), ending))[0][1].loop == 1


def test_palettes_with_one_clear_index_in_gif():
    palette = np.array([[9, 9, 9, 255], [1, 2, 3, 0], [7, 7, 7, 255]], np.uint8)
    indices = np.array([[0, 1, 2]], np.uint8)
    again, info = poolcli.read_image(written(indices, "gif", Info(palette=palette)), keep_palette=True)
    assert again.tolist() == indices.tolist()
    assert info.palette[:3, 3].tolist() == [255, 0, 255]


def test_background_of_grey_where_there_is_no_colour():
    image = np.zeros((2, 2, 2), np.uint8)
    again, _ = poolcli.read_image(written(image, "pgm", convert=True, background="red"))
    assert again.tolist() == [[76, 76], [76, 76]]


def test_wrong_arguments_of_the_api():
    array = numbers((4, 4, 3), "uint8")
    for options in ({"quality": 0}, {"quality": 300}, {"compression": "most"}):
        with pytest.raises(ValueError, match="is not allowed: it must be"):
            written(array, "webp", **options)
    with pytest.raises(poolcli.ImageError, match="no file has such a name"):
        poolcli.read_image("a\0b")
    file = io.BytesIO()
    Image.fromarray(array).save(file, "PNG")
    assert_same(poolcli.read_image(file)[0], array)
    assert_same(poolcli.read_image(bytearray(file.getvalue()))[0], array)
    assert_same(poolcli.read_image(written(array, "png", Info(alpha=True)))[0], array)
    with pytest.raises(poolcli.ImageError, match=r"JPEG cannot hold all that the file says: .*strip=True"):
        written(array, "jpg", Info(xmp=b"x" * 70_000))


def refused(case, folder):
    """Make each of the errors that an argument would have prevented."""
    array = numbers((8, 9, 3), "uint8")
    labels = Info(palette=numbers((9, 3), "uint8"))
    if case == "max_pixels":
        poolcli.read_image(written(array, "png"), max_pixels=9)
    elif case == "frame":
        write_frames([(array, Info())] * 2, 2, io.BytesIO(), "jpg", Writing())
    elif case == "convert":
        written(array.astype(np.float32), "png")
    elif case == "strip":
        written(array, "jpg", Info(xmp=b"x" * 70_000))
    elif case == "format":
        written(array, "foo")
    elif case == "keep_palette":
        check_labels(labels, WRITABLE[".jpg"], Writing())
    elif case == "overwrite":
        for _ in range(2):
            poolcli.write_image(array, folder / "a.png")


@pytest.mark.parametrize("case", ["max_pixels", "frame", "convert", "strip", "format", "keep_palette", "overwrite"])
def test_errors_carry_the_argument_that_helps(case, tmp_path):
    with pytest.raises(poolcli.ImageError) as error:
        refused(case, tmp_path)
    assert error.value.remedy == case
    again = pickle.loads(pickle.dumps(error.value))
    assert (str(again), again.remedy) == (str(error.value), case)


def test_errors_of_files_come_back_from_other_processes(tmp_path):
    (tmp_path / "a").touch()
    with pytest.raises(WriteError, match="exists; overwrite=True replaces it") as error:
        check_free(tmp_path / "a", False)
    again = pickle.loads(pickle.dumps(error.value))
    assert (str(again), again.path, again.remedy) == (str(error.value), tmp_path / "a", "overwrite")


def test_no_text_of_the_library_names_an_option():
    package = Path(poolcli.__file__).parent
    for path in [package / "files.py", *(package / "images").glob("*.py")]:
        assert not re.search("--[a-z]", path.read_text()), path.name


def test_tiff_of_channels_of_unequal_bits_reaches_from_black_to_white():
    values = np.zeros((2, 4, 3), int)
    values[0] = 31, 63, 31
    image, _ = poolcli.read_image(packed_tiff(values, (5, 6, 5), 2))
    assert image.dtype == np.uint8
    assert (image[0] == 255).all()
    assert (image[1] == 0).all()


@pytest.mark.parametrize("bits", [1, 2, 3, 4, 5, 6, 7, 8])
@pytest.mark.parametrize("photometric", [0, 1, 2], ids=["white is 0", "black is 0", "RGB"])
def test_tiff_of_few_bits_reaches_from_black_to_white(photometric, bits, tmp_path):
    channels, most = 3 if photometric == 2 else 1, 2**bits - 1
    values = np.random.default_rng(bits).integers(0, 2**bits, (5, 7, channels))
    values[0, :2] = [[0], [most]]
    (tmp_path / "a.tif").write_bytes(packed_tiff(values, bits, photometric))
    image, _ = poolcli.read_image(tmp_path / "a.tif")
    expected = np.rint((most - values if photometric == 0 else values) * 255 / most)
    assert (image.dtype, image.min(), image.max()) == (np.uint8, 0, 255)
    np.testing.assert_array_equal(image.reshape(5, 7, channels), expected)


@pytest.mark.parametrize(
    ("ending", "kind"),
    [("jfif", "JPEG"), ("mpo", "JPEG"), ("j2c", "JPEG2000"), ("jpf", "JPEG2000"), ("avifs", "AVIF"), ("svs", "TIFF")],
)
def test_other_endings_are_found_in_folders(ending, kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    usual = next(row.endings[0] for row in FORMATS if row.name == kind)
    poolcli.write_image(np.full((4, 6, 3), 90, np.uint8), f"a{usual}")
    (tmp_path / "in").mkdir()
    Path(f"a{usual}").rename(f"in/a.{ending}")
    assert said("downsample", "-m", "max", "in", "-o", "out/") == ""
    written = f"out/a.{ending}" if f".{ending}" in WRITABLE else "out/a.png"
    assert poolcli.read_image(written)[0].shape == (2, 3, 3)


def test_files_are_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("text.png").write_text("no image")
    for name, why in (("nope.png", "no such file"), ("text.png", "not a supported image")):
        with pytest.raises(poolcli.ImageError, match=rf"^{re.escape(name)}: .*{why}"):
            poolcli.read_image(Path(name))


def test_chunks_of_pixels_follow_each_other(tmp_path):
    header = struct.pack(">IIBBBBB", 4, 2, 8, 0, 0, 0, 0)
    rows = zlib.compress(bytes(10), 0)
    parts = png_chunk(b"IDAT", rows[:6]), png_chunk(b"IDAT", rows[6:])
    start, end = b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header), png_chunk(b"IEND", b"")
    (tmp_path / "a.png").write_bytes(start + b"".join(parts) + end)
    assert poolcli.read_image(tmp_path / "a.png")[0].shape == (2, 4)
    (tmp_path / "b.png").write_bytes(start + parts[0] + png_chunk(b"tEXt", b"a\0b") + parts[1] + end)
    with pytest.raises(poolcli.ImageError, match="damaged or unsupported: its chunks of pixels, IDAT, do not follow"):
        poolcli.read_image(tmp_path / "b.png")


def test_a_tiff_whose_width_is_a_text_is_damaged(tmp_path):
    data = bytearray(packed_tiff(np.zeros((3, 5, 1), int), 8, 1))
    assert data[10:14] == struct.pack("<HH", 256, 3)
    data[12:14] = struct.pack("<H", 2)  # letters
    (tmp_path / "a.tif").write_bytes(data)
    with pytest.raises(poolcli.ImageError, match="damaged or unsupported: its size is no number"):
        poolcli.read_image(tmp_path / "a.tif")


def interlaced(values, bits, colour, palette=b""):
    """Return an interlaced PNG file of (H, W, C), whose rows are not filtered."""
    height, width, _ = values.shape
    rows = b""
    for y, x, down, across in ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2),
                               (1, 0, 2, 1)):  # fmt: skip
        part = values[y::down, x::across]
        if part.size:
            digits = (part[..., None] >> np.arange(bits)[::-1]) & 1
            packed = np.packbits(digits.astype(np.uint8).reshape(len(part), -1), axis=1)
            rows += b"".join(b"\0" + row.tobytes() for row in packed)
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 1)
    data = zlib.compress(rows)
    middle = (png_chunk(b"PLTE", palette) if palette else b"") + png_chunk(b"IDAT", data)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + middle + png_chunk(b"IEND", b"")


@pytest.mark.parametrize(("bits", "colour"), [(1, 0), (4, 0), (8, 0), (8, 2), (16, 2), (8, 4), (16, 6), (8, 3), (2, 3)])
@pytest.mark.parametrize("shape", [(9, 11), (1, 1), (3, 2), (1, 20), (20, 1)], ids=str)
def test_interlaced_images(shape, bits, colour):
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    random = np.random.default_rng(bits)
    values = random.integers(0, 2**bits, (*shape, channels))
    palette = random.integers(0, 256, (2**bits, 3), dtype=np.uint8)
    image, _ = poolcli.read_image(interlaced(values, bits, colour, palette.tobytes() if colour == 3 else b""))
    expected = palette[values[..., 0]] if colour == 3 else values * (255 // (2**bits - 1) if bits < 8 else 1)
    np.testing.assert_array_equal(image.reshape(expected.shape), expected)
    assert image.dtype == (np.uint16 if bits == 16 else np.uint8)


def test_decoders_say_nothing_of_their_own(tmp_path):
    """In a process of its own: pytest takes what is logged."""
    (tmp_path / "a.png").write_bytes(interlaced(np.zeros((9, 11, 3), int), 8, 2))
    result = process("downsample", "-m", "max", "a.png", "-o", "b.png", folder=tmp_path)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def jp2_of_profile(data, profile):
    """Return a JPEG 2000 file of boxes that says its colour by a profile, not by a number."""
    header, colour = data.index(b"jp2h") - 4, data.index(b"colr") - 4
    before, after = data[header + 8 : colour], data[colour + 15 :]
    box = struct.pack(">I", 11 + len(profile)) + b"colr\2\0\0" + profile
    header_length = int.from_bytes(data[header : header + 4]) + len(box) - 15
    return data[:header] + struct.pack(">I", header_length) + b"jp2h" + before + box + after


@pytest.mark.parametrize("codec", ["jp2", "j2k", "jp2 with a profile"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("bits", [1, 4, 8, 10, 12, 16])
def test_jpeg_2000_gives_its_numbers(bits, channels, codec):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    array = numbers((20, 30, channels), "uint16") >> (16 - bits)
    array = array.astype(np.uint8 if bits <= 8 else np.uint16).squeeze()
    data = imagecodecs.jpeg2k_encode(array, level=0, reversible=True, bitspersample=bits, codecformat=codec[:3])
    if "profile" in codec:
        data = jp2_of_profile(data, profile)
    expected = np.rint(array * (255 / (2**bits - 1))).astype(np.uint8) if bits < 8 else array
    image, info = poolcli.read_image(data)
    assert_same(image, expected)
    assert info.icc == (profile if "profile" in codec else None)


@pytest.mark.parametrize("dtype", ["int8", "int16", "uint32"])
def test_jpeg_2000_of_other_numbers(dtype):
    array = numbers((20, 30), dtype) >> (8 if dtype == "uint32" else 0)
    options = {"bitspersample": 24} if dtype == "uint32" else {}
    data = imagecodecs.jpeg2k_encode(array, level=0, reversible=True, **options)
    assert_same(poolcli.read_image(data)[0], array)


def rgb_of(luma_chroma, coefficients, limits):
    """Return RGB of luma and chroma, by the formulas of TIFF 6.0, section 21."""
    black, scale = np.array(limits[::2]), np.array([255, 127, 127]) / np.diff(limits)[::2]
    y, cb, cr = np.moveaxis((luma_chroma - black) * scale, -1, 0)
    red, green, blue = coefficients
    r, b = y + cr * (2 - 2 * red), y + cb * (2 - 2 * blue)
    return np.clip(np.rint(np.stack([r, (y - blue * b - red * r) / green, b], -1)), 0, 255)


@pytest.mark.parametrize("compression", [1, 8], ids=["raw", "zlib"])
@pytest.mark.parametrize(("down", "across"), [(1, 1), (1, 2), (2, 2), (2, 4)])
@pytest.mark.parametrize("coefficients", [(0.299, 0.587, 0.114), (0.2126, 0.7152, 0.0722)], ids=["BT.601", "BT.709"])
@pytest.mark.parametrize("limits", [(0, 255, 128, 255, 128, 255), (16, 235, 128, 240, 128, 240)], ids=["full", "video"])
def test_luma_and_chroma_of_tiff(limits, coefficients, down, across, compression):
    values = numbers((16, 32, 3), "uint8").astype(int)
    values[..., 1:] = np.repeat(np.repeat(values[::down, ::across, 1:], down, 0), across, 1)
    luma = values[..., 0].reshape(16 // down, down, 32 // across, across).swapaxes(1, 2)
    units = [luma.reshape(*luma.shape[:2], -1), values[::down, ::across, 1:]]
    data = np.concatenate(units, axis=2).astype(np.uint8).tobytes()
    rationals = [(round(value * 10_000), 10_000) for value in coefficients], [(value, 1) for value in limits]
    more = {259: compression, 529: ("II", rationals[0]), 530: [across, down], 532: ("II", rationals[1])}
    file = tiff_file((16, 32), [8, 8, 8], 6, data if compression == 1 else zlib.compress(data), more)
    image, _ = poolcli.read_image(file)
    far = np.abs(image - rgb_of(values, coefficients, limits)).max()
    assert far <= (1 if limits[0] == 0 else 3)  # libtiff rounds before it multiplies


@pytest.mark.parametrize("planar", [1, 2], ids=["together", "apart"])
@pytest.mark.parametrize("wide", [False, True], ids=["8 bits", "16 bits"])
@pytest.mark.parametrize(("extra", "alpha"), [(0, False), (1, True), (2, True)])
def test_alpha_beside_the_indices_of_a_tiff(extra, alpha, wide, planar):
    indices, more = numbers((20, 30, 2), "uint8").transpose(2, 0, 1)
    palette = numbers((256, 3), "uint16") if wide else numbers((256, 3), "uint8").astype(np.uint16) * 257
    data = np.stack([indices, more], axis=-1 if planar == 1 else 0).tobytes()
    tags = {284: planar, 320: palette.T.ravel().tolist(), 338: extra}
    if planar == 2:
        tags |= {273: ("I", [0, 600]), 279: ("I", [600, 600])}
    image, info = poolcli.read_image(tiff_file((20, 30), [8, 8], 3, data, tags))
    colours = palette[indices] if wide else palette[indices] // 257
    assert_same(image, np.dstack([colours, more * np.uint16(257)]) if wide else np.dstack([colours, more]).astype("u1"))
    assert (info.alpha, info.premultiplied, info.palette) == (alpha, extra == 1, None)


def test_indices_that_are_all_opaque_are_kept():
    indices = numbers((20, 30), "uint8")
    tags = {320: [257 * value for value in range(256)] * 3, 338: 2}
    data = tiff_file((20, 30), [8, 8], 3, np.dstack([indices, np.full((20, 30), 255, np.uint8)]).tobytes(), tags)
    image, info = poolcli.read_image(data, keep_palette=True)
    assert_same(image, indices)
    assert info.palette.tolist() == [[value] * 3 for value in range(256)]


def described_badly():
    """Return files of good pixels, and of what they say beside them that is damaged."""
    picture = Image.fromarray(numbers((20, 30, 3), "uint8"))
    plain = saved(picture, "PNG")
    jpeg = saved(picture, "JPEG")
    raw_exif = b"Raw profile type exif\0\0" + zlib.compress(b"\nexif\n 10\nno hex\n")
    chunks = {
        "profile cut": (b"iCCP", b"x"), "EXIF": (b"eXIf", b"junk"), "EXIF as text": (b"zTXt", raw_exif),
        "text": (b"zTXt", b"a\0\7junk"), "resolution": (b"pHYs", b"\0"), "gamma": (b"gAMA", b"\0"),
    }  # fmt: skip
    for name, chunk in chunks.items():
        yield f"a.png {name}", plain[:33] + png_chunk(*chunk) + plain[33:]
        frames = saved(picture.quantize(16), "PNG", save_all=True, append_images=[picture.quantize(8)])
        yield f"a.png {name}, frames", frames[:33] + png_chunk(*chunk) + frames[33:]
    yield "a.png check sum", plain[:33] + png_chunk(b"tEXt", b"a\0b")[:-1] + b"?" + plain[33:]
    segments = {0xE0: b"JFIF\0", 0xE2: b"ICC_PROFILE\0", 0xED: b"Photoshop 3.0\0008BIM\4\4", 0xEE: b"Adobe"}
    for kind, content in segments.items():
        segment = struct.pack(">BBH", 0xFF, kind, 2 + len(content)) + content
        yield f"a.jpg {content[:5].decode()}", jpeg[:2] + segment + jpeg[2:]
    yield "a.webp EXIF", saved(picture, "WEBP", lossless=True, exif=b"Exif\0\0junk")


def described_tiff():
    """Return TIFF files of good pixels with a tag that has the wrong type or value."""
    data = numbers((20, 30, 3), "uint8").tobytes()
    tags = {
        "description": {270: ("s", b"\xff\xfe")}, "numbers": {270: [1, 2, 3]}, "profile": {34675: [1, 2, 3]},
        "EXIF": {34665: ("I", 9_999_999)}, "resolution": {282: ("s", b"abc\0"), 283: 5, 296: 2},
        "orientation": {274: ("s", b"abc\0")}, "orientations": {274: [1, 2]}, "no orientation": {274: 77},
        "XMP of 4 GB": {700: ("I", 4_000_000_000)}, "XMP": {700: [1, 2, 300]}, "float": {34675: ("f", [0.5])},
        "profile of text": {34675: ("s", b"none")}, "microscope": {34412: ("B", [1] * 20)},
        "shape": {270: ("s", b'{"shape": [7, 9, 9]}')}, "axes": {270: ("s", b"ImageJ=1.53\nimages=x\n")},
        "OME without sizes": {270: ("s", b"<OME><Image><Pixels SizeX='x'/></Image></OME>")},
        "OME of text": {270: ("s", b"<OME")}, "OME that ends": {270: ("s", b"<OME><Image></OME>")},
        "keys": {33550: ("s", b"abc\0"), 34735: [1, 1, 0], 34737: [1, 2]}, "tie points": {33922: [1, 2, 3]},
        "ImageJ": {270: ("s", b"ImageJ=1\nchannels=nan\nxorigin=inf\nyorigin=?\n"), 282: 5, 50839: [1, 2]},
    }  # fmt: skip
    return [(f"a.tif {name}", tiff_file((20, 30), [8, 8, 8], 2, data, more)) for name, more in tags.items()]


BADLY_DESCRIBED = dict([*described_badly(), *described_tiff()])


@pytest.mark.parametrize("case", BADLY_DESCRIBED)
def test_what_is_said_beside_the_pixels_never_refuses_them(case, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name, data = case.split()[0], BADLY_DESCRIBED[case]
    for image, _ in frames_of(data):
        assert image.shape == (20, 30, 3)
        if name != "a.jpg" and "frames" not in case:
            assert_same(image, numbers((20, 30, 3), "uint8"))
    Path(name).write_bytes(data)
    lines = said("downsample", "-m", "max", name, "-o", "out.tif").splitlines()
    assert len(lines) <= 1
    assert all(line.startswith(f"warning: {name}: ") for line in lines)


def test_cmyk_with_a_damaged_profile():
    data = saved(Image.new("CMYK", (4, 3), (0, 255, 255, 0)), "JPEG", icc_profile=b"none")
    with pytest.raises(poolcli.ImageError, match=r"CMYK has a damaged colour profile.*: convert=True"):
        poolcli.read_image(data)
    assert poolcli.read_image(data, convert=True)[0].shape == (3, 4, 3)


def claiming():
    """Return small files that say that they are 17,000 x 17,000."""
    picture = Image.fromarray(numbers((16, 16, 3), "uint8"))
    claimed = struct.pack("<HH", 17000, 17000)
    gif = bytearray(saved(picture.quantize(4), "GIF"))
    gif[6:10] = claimed
    yield "GIF, the screen", gif
    frame = gif.index(b",", 13)
    yield "GIF, the frame", gif[: frame + 5] + claimed + gif[frame + 9 :]
    late = b"," + struct.pack("<HHHHB", 0, 0, 65535, 65535, 0) + b"\2\2\x4c\1\0;"
    yield "GIF, a later frame", saved(picture.quantize(4), "GIF")[:-1] + b"!\xf9\4\x08\0\0\0\0" + late
    for progressive, start in ((False, b"\xff\xc0"), (True, b"\xff\xc2")):
        jpeg = bytearray(saved(picture, "JPEG", progressive=progressive))
        at = jpeg.index(start) + 5
        jpeg[at : at + 4] = struct.pack(">HH", 17000, 17000)
        yield f"JPEG, progressive {progressive}", jpeg
    stream = bytearray(imagecodecs.jpeg2k_encode(numbers((16, 16), "uint8"), level=0, codecformat="j2k"))
    stream[8:16] = stream[24:32] = struct.pack(">II", 17000, 17000)
    yield "JPEG 2000", stream
    parts = bytearray(saved(Image.new("RGB", (512, 512)), "JPEG2000", no_jp2=True, precinct_size=(64, 64)))
    parts[8:16] = parts[24:32] = struct.pack(">II", 8900, 8900)
    at = parts.index(b"\xff\x52")
    parts[at + 14 : at + 15 + parts[at + 9]] = b"\x11" * (parts[at + 9] + 1)
    yield "JPEG 2000 of parts of 2 x 2", parts
    packed = zlib.compress(bytes(3))
    tiles = {259: 8, 322: 1, 323: 1}
    yield "TIFF of tiles of one pixel", tiff_file((17000, 17000), [8, 8, 8], 2, packed, tiles)
    large = {259: 8, 322: 60000, 323: 60000}
    yield "TIFF of a tile that is larger", tiff_file((10, 10), [8, 8, 8], 2, packed, large)
    yield "TIFF in JPEG 2000", tiff_file((17000, 17000), [8], 1, bytes(stream), {259: 33003})
    yield "TIFF of facsimile", tiff_file((17000, 17000), [1], 0, bytes(10), {259: 3})


CLAIMING = dict(claiming())


@pytest.mark.parametrize("case", CLAIMING)
def test_small_files_that_claim_much_are_refused_at_once(case):
    with (
        pytest.raises(poolcli.ImageError, match=r"not believed|pixels are more|truncated|tiles and strips"),
        open_picture(bytes(CLAIMING[case]), Reading()) as picture,
    ):
        picture.read()


def test_parts_of_jpeg_2000_are_no_lie():
    picture = Image.fromarray(numbers((300, 500, 3), "uint8"))
    for size in ((32, 32), (64, 128)):
        data = saved(picture, "JPEG2000", precinct_size=size, codeblock_size=(16, 16))
        assert_same(poolcli.read_image(data)[0], np.array(picture))


def test_more_is_believed_where_more_is_allowed():
    data = bytes(CLAIMING["GIF, the screen"])
    with pytest.raises(poolcli.ImageError, match=r"17000 x 17000 pixels in a file of .* are not believed") as error:
        poolcli.read_image(data)
    assert error.value.remedy == "max_pixels"
    with open_picture(data, Reading(max_pixels=2_000_000_000)) as picture:
        assert picture.frames == 1


def test_frames_that_are_many_and_large_for_their_file_are_refused():
    frames = [Image.new("P", (4000, 4000), i % 2) for i in range(2)]
    data = saved(frames[0], "GIF", save_all=True, append_images=[frames[1]])
    with pytest.raises(poolcli.ImageError, match=r"2 frames of 4000 x 4000 pixels in a file of .* are not believed"):
        poolcli.read_image(data, max_pixels=20_000_000)
    assert frames_of(data)[1][0].shape[:2] == (4000, 4000)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF", "JPEG", "JPEG2000", "AVIF"])
def test_large_images_of_one_colour_are_believed(kind):
    options = {"TIFF": {"compression": "tiff_deflate"}, "JPEG": {"progressive": True}}.get(kind, {})
    data = saved(Image.new("P" if kind == "GIF" else "RGB", (4000, 4000)), kind, **options)
    assert poolcli.read_image(data)[0].shape[:2] == (4000, 4000)


def unpackable():
    """Return files whose headers are right and whose pixels are not, each with what the codec says of them."""
    picture = Image.fromarray(numbers((40, 40, 3), "uint8"))
    png, jpeg, cut = saved(picture, "PNG"), saved(picture, "JPEG"), saved(picture, "JPEG2000")
    yield "PNG", png[:-400] + bytes(range(200)) + png[-200:]
    yield "JPEG", jpeg.replace(b"\xff\xdb", b"\xff\xfe")  # its tables are comments
    yield "JPEG 2000", cut[:-400] + cut[-200:]
    gif = bytearray(saved(picture.quantize(16), "GIF"))
    gif[-300:-100] = b"\xff" * 200
    yield "GIF", bytes(gif)
    for name, number in (("LZW", 5), ("deflate", 8), ("PackBits", 32773), ("JPEG", 7)):
        yield f"TIFF of {name}", tiff_file((40, 40), [8, 8, 8], 2, b"\xff\0" * 50, {259: number})


UNPACKABLE = dict(unpackable())


@pytest.mark.parametrize("case", UNPACKABLE)
def test_what_codecs_say_of_damaged_pixels_is_the_cause(case):
    with pytest.raises(poolcli.ImageError) as error:
        poolcli.read_image(UNPACKABLE[case])
    assert str(error.value) in (
        "damaged or unsupported: its compressed pixels cannot be unpacked",
        "damaged or unsupported: truncated",
    )
    assert error.value.__cause__ is not None


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_headers_that_are_damaged_are_no_other_kind_of_file(kind):
    data = saved(Image.new("RGB", (40, 40)), kind)
    with pytest.raises(poolcli.ImageError, match="damaged or unsupported: its header cannot be read"):
        poolcli.read_image(data[:10] + b"\0\xff" * 20)


def test_debug_shows_the_cause(tmp_path):
    (tmp_path / "a.tif").write_bytes(UNPACKABLE["TIFF of LZW"])
    line = "error: a.tif: damaged or unsupported: its compressed pixels cannot be unpacked\n"
    usual = process("downsample", "-m", "max", "a.tif", folder=tmp_path)
    assert (usual.returncode, usual.stderr) == (1, line)
    shown = process("downsample", "-m", "max", "a.tif", "--debug", folder=tmp_path)
    assert "lzw_decode" in shown.stderr
    assert shown.stderr.endswith(line)


def test_codecs_that_are_not_known_are_named():
    for number, name in ((32809, "THUNDERSCAN"), (60001, "60001")):
        data = tiff_file((4, 4), [8], 1, bytes(16), {259: number})
        with pytest.raises(poolcli.ImageError, match=f"TIFF of compression {name} is not supported: save it with LZW"):
            poolcli.read_image(data)


def test_pillow_has_no_limit_of_its_own(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    data = saved(Image.new("CMYK", (40, 40)), "TIFF")
    assert poolcli.read_image(data, convert=True)[0].shape == (40, 40, 3)
    assert Image.MAX_IMAGE_PIXELS == 10


def bmp(rows, bits, fields, header):
    """Return a BMP file of pixels, from the top down, whose channels are these fields of bits."""
    height, width = rows.shape
    data = rows.astype(f"<u{bits // 8}").tobytes()
    compression = 0 if not fields else 3 if len(fields) == 3 or header > 40 else 6
    info = struct.pack("<IiiHHIIiiII", header, width, -height, 1, bits, compression, len(data), 0, 0, 0, 0)
    info += struct.pack(f"<{len(fields)}I", *fields)
    info = info.ljust(header, b"\0")
    return struct.pack("<2sIHHI", b"BM", 14 + len(info) + len(data), 0, 0, 14 + len(info)) + info + data


FIELDS = {
    "565": (16, (0xF800, 0x7E0, 0x1F)), "555": (16, (0x7C00, 0x3E0, 0x1F)), "444": (16, (0xF00, 0xF0, 0xF)),
    "4444": (16, (0xF00, 0xF0, 0xF, 0xF000)), "1555": (16, (0x7C00, 0x3E0, 0x1F, 0x8000)),
    "BGR 565": (16, (0x1F, 0x7E0, 0xF800)), "BGRA": (32, (0xFF0000, 0xFF00, 0xFF, 0xFF000000)),
    "RGBA": (32, (0xFF, 0xFF00, 0xFF0000, 0xFF000000)), "GBAR": (32, (0xFF00, 0xFF0000, 0xFF000000, 0xFF)),
    "332": (16, (0xE0, 0x1C, 0x3)), "10 bits": (32, (0x3FF00000, 0xFFC00, 0x3FF)),
}  # fmt: skip


@pytest.mark.parametrize("header", [40, 56, 108, 124])
@pytest.mark.parametrize("case", FIELDS)
def test_fields_of_bits_in_bmp(case, header):
    bits, fields = FIELDS[case]
    rows, expected = np.zeros((6, 8), np.uint64), []
    for seed, field in enumerate(fields):
        depth = field.bit_count()
        values = np.random.default_rng(seed).integers(0, 2**depth, (6, 8))
        values[0, :2] = 2**depth - 1, 0
        rows |= values.astype(np.uint64) * np.uint64(field & -field)
        expected.append(values if depth > 8 else np.rint(values * 255 / (2**depth - 1)))
    image, info = poolcli.read_image(bmp(rows, bits, fields, header))
    assert_same(image, np.stack(expected, -1).astype(np.uint16 if case == "10 bits" else np.uint8))
    assert info.alpha == (len(fields) == 4)


def test_bmp_of_16_bits_without_fields():
    rows = np.array([[0x7FFF, 0x7C00, 0x1F, 1]])
    expected = [[[255, 255, 255], [255, 0, 0], [0, 0, 255], [0, 0, 8]]]
    assert poolcli.read_image(bmp(rows, 16, (), 40))[0].tolist() == expected


def test_fields_that_are_none():
    for fields, why in (((0xF0F0, 0x7, 0x8), "do not follow"), ((0, 0x7, 0x8), "do not follow")):
        with pytest.raises(poolcli.ImageError, match=why):
            poolcli.read_image(bmp(np.zeros((2, 2)), 16, fields, 40))
    with pytest.raises(poolcli.ImageError, match="unequal depth above 8 bits is not supported: save it as"):
        poolcli.read_image(bmp(np.zeros((2, 2)), 32, (0x3FF00000, 0xFFC00, 0x3FF, 0xC0000000), 56))


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("bits", [10, 12])
def test_deep_avif_gives_its_numbers(bits, channels):
    array = (numbers((24, 16, channels), "uint16") >> (16 - bits)).squeeze()
    data = imagecodecs.avif_encode(array, level=100, bitspersample=bits, speed=8)
    assert_same(imagecodecs.avif_decode(data), array)  # lossless
    assert_same(poolcli.read_image(data)[0], array)


@pytest.mark.parametrize("largest", [1023, 4095, 65535])
def test_deep_ppm_gives_its_numbers(largest):
    array = np.minimum(numbers((5, 7, 3), "uint16"), np.uint16(largest))
    data = b"P6\n# a comment\n7 5\n%d\n" % largest + array.astype(">u2").tobytes()
    assert_same(poolcli.read_image(data)[0], array)
    with pytest.raises(poolcli.ImageError, match="truncated"):
        poolcli.read_image(data[:-1])


def srgb_of_lab(lab):
    """Return sRGB from 0 to 255 of CIELAB under D50, by the formulas of CIE 15 and IEC 61966-2-1."""
    f = (lab[..., 0] + 16) / 116
    f = np.stack([f + lab[..., 1] / 500, f, f - lab[..., 2] / 200], -1)
    xyz = np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29)) * [0.9642, 1, 0.8249]
    adapted = [[3.1339, -1.6169, -0.4906], [-0.9788, 1.9161, 0.0335], [0.0719, -0.2290, 1.4052]]
    light = np.clip(xyz @ np.transpose(adapted), 0, 1)
    return 255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def test_cielab_of_8_bits_becomes_rgb():
    lab = np.array([[[0, 0, 0], [255, 0, 0], [128, 0, 0], [140, 40, 30], [170, -30, 20], [100, 10, -40]]])
    image, _ = poolcli.read_image(tiff_file((1, 6), [8, 8, 8], 8, lab.astype(np.int8).tobytes()))
    assert np.abs(image - srgb_of_lab(lab * [100 / 255, 1, 1])).max() < 3
    deep = tiff_file((1, 6), [16, 16, 16], 8, bytes(36))
    with pytest.raises(poolcli.ImageError, match="TIFF of CIELAB values is not supported: convert it to RGB"):
        poolcli.read_image(deep)


def test_floats_whose_white_is_the_smallest_are_refused():
    data = tiff_file((1, 2), [32], 0, np.float32([0, 1]).tobytes(), {339: 3})
    with pytest.raises(poolcli.ImageError, match=r"smallest float32 is not supported, .*: save it with black as the"):
        poolcli.read_image(data)


def old_jpeg(jpeg, size, as_tables):
    """Return a TIFF file of old-style JPEG: the whole file, or its tables and its scan in places of their own."""
    if not as_tables:
        begin = 8 + 2 + 12 * 12 + 4
        return tiff_file(size, [8, 8, 8], 6, jpeg, {259: 6, 513: ("I", begin), 514: ("I", len(jpeg)), 530: [1, 1]})
    at, found = 2, {}
    while jpeg[at + 1] != 0xDA:
        end = at + 2 + int.from_bytes(jpeg[at + 2 : at + 4])
        content, kind = jpeg[at + 4 : end], jpeg[at + 1]
        while kind in (0xDB, 0xC4) and content:
            length = 65 if kind == 0xDB else 17 + sum(content[1:17])
            found[kind, content[0]], content = content[1:length], content[length:]
        at = end
    scan = jpeg[at + 2 + int.from_bytes(jpeg[at + 2 : at + 4]) : -2]
    data, places = scan, []
    for kind, numbers_of in ((0xDB, (0, 1, 1)), (0xC4, (0, 1, 1)), (0xC4, (16, 17, 17))):
        for number in numbers_of:
            places.append(8 + 2 + 12 * 14 + 4 + len(data))
            data += found[kind, number]
    tables = {519: ("I", places[:3]), 520: ("I", places[3:6]), 521: ("I", places[6:])}
    more = {259: 6, 279: ("I", len(scan)), 512: 1, 530: [1, 1], **tables}
    return tiff_file(size, [8, 8, 8], 6, data, more)


@pytest.mark.parametrize("as_tables", [False, True])
def test_old_jpeg_in_tiff(as_tables):
    jpeg = saved(Image.fromarray(numbers((32, 48, 3), "uint8")), "JPEG", subsampling=0)
    image, _ = poolcli.read_image(old_jpeg(jpeg, (32, 48), as_tables))
    assert np.abs(image.astype(int) - np.array(Image.open(io.BytesIO(jpeg)))).max() <= 1


def test_a_png_in_an_icon_is_not_larger_than_allowed():
    inside = saved(Image.new("1", (3000, 3000)), "PNG")
    icon = struct.pack("<HHHBBBBHHII", 0, 1, 1, 16, 16, 0, 0, 1, 32, len(inside), 22) + inside
    with pytest.raises(poolcli.ImageError, match="3000 x 3000 pixels are more than the 1000000 allowed"):
        poolcli.read_image(icon, max_pixels=1_000_000)


def png_of_rows(width, height, rows, colour=0, interlaced=False):
    """Return a PNG of ones that claims a height, and holds so many rows."""
    raw = b"".join(b"\0" + bytes([1]) * width for _ in range(rows))
    head = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, interlaced)
    parts = [png_chunk(b"IHDR", head), png_chunk(b"PLTE", bytes(range(6)))][: 2 if colour == 3 else 1]
    parts += [png_chunk(b"IDAT", zlib.compress(raw)), png_chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.mark.parametrize(
    ("claimed", "rows", "colour", "keep_palette"),
    [
        (40, 20, 0, False),
        (40, 39, 3, False),
        (40, 39, 3, True),
        (1_100_000, 1_099_999, 0, False),
        (2**30, 20, 0, False),
    ],
)
def test_a_png_of_fewer_rows_than_it_claims_is_truncated(claimed, rows, colour, keep_palette):
    with pytest.raises(poolcli.ImageError, match="truncated"):
        poolcli.read_image(png_of_rows(8, claimed, rows, colour), keep_palette=keep_palette, max_pixels=2**40)
    whole, _ = poolcli.read_image(png_of_rows(8, 40, 40, colour), keep_palette=keep_palette)
    assert whole.shape[:2] == (40, 8)


def test_frames_of_fewer_rows_than_they_claim_are_truncated():
    file = io.BytesIO()
    picture = Image.new("L", (8, 40), 1)
    picture.save(file, "PNG", save_all=True, append_images=[Image.new("L", (8, 40), 9)])
    data = file.getvalue()
    assert poolcli.read_image(data, frame=1)[0].max() == 9
    at = data.index(b"fdAT")
    length = struct.unpack(">I", data[at - 4 : at])[0]
    short = data[at + 4 : at + 8] + zlib.compress(bytes(20))
    broken = data[: at - 4] + png_chunk(b"fdAT", short) + data[at + length + 8 :]
    with pytest.raises(poolcli.ImageError, match="truncated"):
        poolcli.read_image(broken, frame=1)


def test_an_interlaced_palette_is_whole():
    """Its seven passes have the bytes that their rows and columns need, and no others."""
    height, width, raw = 5, 13, b""
    passes = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
    for row, column, down, across in passes:
        raw += (b"\0" + bytes([1]) * len(range(column, width, across))) * len(range(row, height, down))
    head = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 1)) + png_chunk(b"PLTE", bytes(6))
    for stream, whole in ((raw, True), (raw[:-1], False)):
        data = b"\x89PNG\r\n\x1a\n" + head + png_chunk(b"IDAT", zlib.compress(stream)) + png_chunk(b"IEND", b"")
        if whole:
            assert poolcli.read_image(data, keep_palette=True)[0].tolist() == [[1] * width] * height
        else:
            with pytest.raises(poolcli.ImageError, match="truncated"):
                poolcli.read_image(data, keep_palette=True)


@pytest.mark.skipif(sys.platform != "linux", reason="only where a library shows what it is linked with")
def test_libtiff_prints_nothing_of_a_damaged_file(tmp_path):
    """The strip of luma and chroma lies beyond the file, which libtiff would tell by a line of its own."""
    file = io.BytesIO()
    Image.new("YCbCr", (24, 20)).save(file, "TIFF", compression="tiff_lzw")
    data = bytearray(file.getvalue())
    at = struct.unpack("<I", data[4:8])[0]
    for entry in range(at + 2, at + 2 + 12 * data[at], 12):
        if struct.unpack("<H", data[entry : entry + 2])[0] == 273:  # StripOffsets
            data[entry + 8 : entry + 12] = struct.pack("<I", 1 << 20)
    (tmp_path / "a.tif").write_bytes(data)
    result = process("downsample", "-m", "max", "a.tif", folder=tmp_path)
    assert result.stderr == "error: a.tif: damaged or unsupported: its compressed pixels cannot be unpacked\n"


def test_an_animation_that_claims_much_for_few_bytes_is_not_believed():
    file = io.BytesIO()
    frames = [Image.new("RGB", (24, 20), (shade, 0, 0)) for shade in (0, 99, 200)]
    frames[0].save(file, "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    data = bytearray(file.getvalue())
    at = data.index(b"VP8X") + 12
    data[at : at + 3] = (5_000_000).to_bytes(3, "little")  # the width of the canvas
    with pytest.raises(poolcli.ImageError, match=r"3 frames of 20 x 5000001 pixels in a file of \d+ bytes are not bel"):
        poolcli.read_image(bytes(data), frame=0)


def test_a_jpeg_that_claims_much_for_few_bytes_is_not_believed():
    file = io.BytesIO()
    Image.new("RGB", (16, 16)).save(file, "JPEG")
    data = file.getvalue()
    at = data.index(b"\xff\xc0") + 5
    large = data[:at] + struct.pack(">HH", 15_000, 15_000) + data[at + 4 :]
    comment = b"\xff\xfe" + struct.pack(">H", 60_002) + bytes(60_000)
    padded = large[:2] + comment * 8 + large[2:]  # 480 kB, for which 512 pixels a byte would be believed
    with pytest.raises(poolcli.ImageError, match=r"15000 x 15000 pixels in a file of \d+ bytes are not believed"):
        poolcli.read_image(padded)
