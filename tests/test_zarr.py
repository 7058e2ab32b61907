"""Zarr arrays and OME-Zarr images as input and output: the bytes of arrays in memory, and what is said of them."""

import base64
import json
import os
import shutil
import struct
import subprocess
import sys
from itertools import permutations

import numpy as np
import ome_types
import pytest
import tifffile
from click.testing import CliRunner
from commands import said
from effort import EXAMPLES, JIT
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import picture
from test_parts import peak

import poolcli
from poolcli import files
from poolcli.cli import commands
from poolcli.images import ImageError, Reading, read_image, write_image
from poolcli.images.read import open_picture

zarr, zarrs = pytest.importorskip("zarr"), pytest.importorskip("zarrs")
from zarr.core.codec_pipeline import BatchedCodecPipeline  # noqa: E402
from zarr.storage import StorePath  # noqa: E402

WINDOW = {"kernel_size": 3, "stride": 2}
MAX = ("downsample", "-m", "max", "-F", 3, "-S", 2)


def command(*arguments):
    return CliRunner().invoke(commands, list(map(str, arguments)))


def run(*arguments):
    result = command(*arguments, "-q")
    assert result.exit_code == 0, result.output


def error_of(*arguments):
    """Return the one line that a command that fails says of it."""
    result = command(*arguments, "-q")
    assert result.exit_code in (1, 2), result.output
    lines = result.output.strip().splitlines()
    return lines[-1]


def stored(path, image, **options):
    """Write an array, in chunks of 16 unless told, and return its path."""
    options.setdefault("chunks", (1,) * (image.ndim - 2) + (16, 16))
    array = zarr.create_array(path, shape=image.shape, dtype=image.dtype, **options)
    array[...] = image
    return path


@pytest.fixture(params=["zarr", "zarrs"])
def package(request, monkeypatch):
    """Have a package decode and encode chunks, and return its name."""
    if request.param == "zarr":
        monkeypatch.setattr("poolcli.images.zarr.find_spec", lambda name: None)
    return request.param


AXES = {"t": "time", "c": "channel", "z": "space", "y": "space", "x": "space"}


def stored_ome(path, image, axes, scale, translation=None, version="0.5", **options):
    """Write an OME-Zarr image of two levels, of which the second is none of our business."""
    transformations = [{"type": "scale", "scale": scale}]
    if translation:
        transformations.append({"type": "translation", "translation": translation})
    entry = {
        "name": "cells",
        "axes": [{"name": name, "type": AXES[name]} for name in axes],
        "datasets": [
            {"path": "full", "coordinateTransformations": transformations},
            {"path": "half", "coordinateTransformations": [{"type": "scale", "scale": [2 * s for s in scale]}]},
        ],
        "type": "mean",
        "metadata": {"method": "of another program"},
    }
    zarr_format = 3 if version == "0.5" else 2
    if version == "0.5":
        attributes = {"ome": {"version": version, "multiscales": [entry]}}
    else:
        attributes = {"multiscales": [{**entry, "version": version}]}
    zarr.create_group(path, zarr_format=zarr_format, attributes={**attributes, "sample": "7b"})
    names = {"dimension_names": list(axes)} if zarr_format == 3 else {}
    stored(path / "full", image, zarr_format=zarr_format, **names, **options)
    stored(path / "half", image[..., ::2, ::2], zarr_format=zarr_format, **names)
    return path


def pooled(image, mode="max", **window):
    """Return what becomes of an array whose last two axes are rows and columns."""
    window = window or WINDOW
    planes = [poolcli.downsample(plane, mode, **window) for plane in image.reshape(-1, *image.shape[-2:])]
    return np.reshape(planes, (*image.shape[:-2], *planes[0].shape))


def opened(path):
    return zarr.open(path, mode="r")


VERSIONS = {
    "v2": {"zarr_format": 2},
    "v2 nested": {"zarr_format": 2, "chunk_key_encoding": {"name": "v2", "separator": "/"}, "order": "F"},
    "v3": {"zarr_format": 3, "dimension_names": ["c", "y", "x"]},
    "v3 plain": {"zarr_format": 3, "compressors": None},
    "v3 gzip": {"zarr_format": 3, "compressors": {"name": "gzip", "configuration": {"level": 2}}},
    "shards": {"zarr_format": 3, "shards": (1, 32, 48)},
    "index first": {"zarr_format": 3, "shards": {"shape": (1, 32, 48), "index_location": "start"}},
    "no fill value": {"zarr_format": 2, "fill_value": None},
    "deep chunks": {"zarr_format": 3, "chunks": (2, 16, 16)},
    "deep shards": {"zarr_format": 3, "shards": (4, 64, 32), "chunks": (2, 16, 16)},
}


@pytest.mark.usefixtures("package")
@pytest.mark.parametrize("version", VERSIONS)
def test_an_array_becomes_one_that_is_stored_alike(tmp_path, version):
    image = picture("uint16", (3, 70, 53), 1)
    source = stored(tmp_path / "a.zarr", image, attributes={"unit": "counts", "list": [1, 2]}, **VERSIONS[version])
    run(*MAX, source, "-o", tmp_path / "b.zarr")
    run(*MAX, source, "-o", tmp_path / "c.zarr", "--tile", "5x11")
    before, after = opened(source), opened(tmp_path / "b.zarr")
    np.testing.assert_array_equal(after[...], pooled(image))
    np.testing.assert_array_equal(opened(tmp_path / "c.zarr")[...], pooled(image))
    assert after.metadata.zarr_format == before.metadata.zarr_format
    assert after.chunks == before.chunks
    assert after.order == before.order
    assert after.compressors == before.compressors
    assert after.fill_value == before.fill_value
    if before.shards:
        assert after.metadata.codecs[0].index_location == before.metadata.codecs[0].index_location
    assert getattr(after.metadata, "dimension_names", None) == getattr(before.metadata, "dimension_names", None)
    if before.shards:  # 34 x 26 pixels need fewer chunks
        assert after.shards == tuple(
            min(shard, -(-n // chunk) * chunk)
            for shard, n, chunk in zip(before.shards, after.shape, after.chunks, strict=True)
        )
    said = dict(after.attrs)
    assert said.pop("poolcli").endswith("downsample --mode max --kernel-size 3 --stride 2")
    assert said == {"unit": "counts", "list": [1, 2]}
    names = [str(path.relative_to(tmp_path / "b.zarr")) for path in (tmp_path / "b.zarr").rglob("*")]
    assert ("0/0/0" in names or "c/0/0/0" in names) == (version not in ("v2", "no fill value"))


@pytest.mark.parametrize(
    "step",
    [
        ("downsample", "-m", "average", "-F", "3x2", "-S", 1, "-P", 1),
        ("downsample", "-m", "median", "--size", "9x7"),
        ("upsample", "-m", "bicubic", "-S", "1.5"),
        ("resize", "-m", "lanczos", "--scale", "40%"),
        ("upsample", "-m", "transposed", "-S", 2),
        ("downsample", "-m", "max", "--ignore", 7),
    ],
    ids=str,
)
def test_parts_of_a_step_have_the_pixels_of_the_whole(tmp_path, step):
    """A mode that goes in no parts goes as a whole; `.npy` is the way that other tests look at."""
    image = picture("uint8", (45, 53), 1)
    source = stored(tmp_path / "a.zarr", image)
    run(*step, source, "-o", tmp_path / "parts.zarr", "--tile", 9)
    run(*step, source, "-o", tmp_path / "whole.zarr")
    np.save(tmp_path / "a.npy", image)
    run(*step, tmp_path / "a.npy", "-o", tmp_path / "whole.npy")
    expected = np.load(tmp_path / "whole.npy")
    np.testing.assert_array_equal(opened(tmp_path / "whole.zarr")[...], expected)
    np.testing.assert_array_equal(opened(tmp_path / "parts.zarr")[...], expected)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("options", [(), ("--tile", "5x11")], ids=str)
def test_planes_of_kmax_lie_along_a_leading_axis(tmp_path, version, options):
    image = picture("uint16", (3, 70, 53), 1)
    source = stored(tmp_path / "a.zarr", image, **VERSIONS[version])
    run("downsample", "-m", "kmax", "--k", 4, "-F", 3, "-S", 2, source, "-o", tmp_path / "b.zarr", *options)
    made, before = opened(tmp_path / "b.zarr"), opened(source)
    expected = np.stack([poolcli.downsample(plane, "kmax", k=4, **WINDOW) for plane in image], 1)
    assert made.shape == (4, 3, 34, 26)
    np.testing.assert_array_equal(made[...], expected)
    assert made.chunks == (4, *before.chunks)
    assert bool(made.shards) == bool(before.shards)
    names = getattr(before.metadata, "dimension_names", None)
    assert getattr(made.metadata, "dimension_names", None) == (("k", *names) if names else None)


def test_planes_of_colour_lie_along_a_leading_axis_too(tmp_path):
    image = picture("uint8", (20, 16, 3), 1)
    write_image(image, tmp_path / "a.png")
    run("downsample", "-m", "kmax", "--k", 2, tmp_path / "a.png", "-o", tmp_path / "b.zarr")
    made = opened(tmp_path / "b.zarr")
    assert made.metadata.dimension_names == ("k", "y", "x", "c")
    np.testing.assert_array_equal(made[...], poolcli.downsample(image, "kmax", k=2))
    run("downsample", "-m", "kmax", "--k", 1, tmp_path / "a.png", "-o", tmp_path / "one.zarr")
    np.testing.assert_array_equal(opened(tmp_path / "one.zarr")[...], poolcli.downsample(image, "max"))


@settings(parent=EXAMPLES, max_examples=12 if JIT else 3)
@given(data=st.data())
def test_any_chunks_give_the_bytes_of_the_array(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("zarr")
    sides = st.integers(3, 40)
    shape = (*data.draw(st.lists(st.integers(1, 4), max_size=2)), data.draw(sides), data.draw(sides))
    chunks = tuple(data.draw(st.integers(1, n + 3)) for n in shape)
    options = {"zarr_format": data.draw(st.sampled_from([2, 3])), "chunks": chunks}
    if options["zarr_format"] == 3 and data.draw(st.booleans()):
        options["shards"] = tuple(chunk * data.draw(st.integers(1, 3)) for chunk in chunks)
    image = picture(data.draw(st.sampled_from(["uint8", "int32", "float32", "bool"])), shape, 1)
    source = stored(folder / "a.zarr", image, **options)
    tile = data.draw(st.sampled_from([None, "1x1", "4x30", "7x3", "100x100"]))
    run(*MAX, source, "-o", folder / "b.zarr", *(["--tile", tile] if tile else ["--memory", 1024]))
    assert opened(folder / "b.zarr")[...].tobytes() == pooled(image).tobytes()
    shutil.rmtree(folder)


@pytest.mark.parametrize("options", [{}, {"--tile": "5x11"}, {"--tile": "64x64"}], ids=str)
@pytest.mark.parametrize("shards", [None, (2, 16, 24)], ids=str)
def test_each_chunk_and_shard_is_written_once(tmp_path, monkeypatch, package, shards, options):
    image = picture("uint8", (4, 90, 70), 1)
    source = stored(tmp_path / "a.zarr", image, chunks=(2, 8, 8), shards=shards)
    written = []
    pipeline = zarrs.ZarrsCodecPipeline if package == "zarrs" and not shards else BatchedCodecPipeline
    write = pipeline.write

    async def noted(self, chunks, *more, **options):
        chunks = [*chunks]
        written.extend(place.path for place, *_ in chunks if isinstance(place, StorePath))  # and no chunks of shards
        await write(self, chunks, *more, **options)

    monkeypatch.setattr(pipeline, "write", noted)
    run(*MAX, source, "-o", tmp_path / "b.zarr", *(word for pair in options.items() for word in pair))
    assert len(written) == len({*written}) == 2 * (3 * 2 if shards else 6 * 5)
    np.testing.assert_array_equal(opened(tmp_path / "b.zarr")[...], pooled(image))


@pytest.mark.parametrize(
    ("names", "shape", "planes"),
    [
        (("t", "c", "z", "y", "x"), (2, 1, 3, 20, 16), 6),
        (("y", "x", "c"), (20, 16, 3), 1),
        (("t", "y", "x", "band"), (2, 20, 16, 3), 2),
        (("latitude", "longitude"), (20, 16), 1),
        (("time", "lat", "lon"), (2, 20, 16), 2),
        (("Y", "X"), (20, 16), 1),
        (None, (5, 20, 16), 5),
    ],
)
@pytest.mark.parametrize("zarr_format", [2, 3])
def test_axes_by_their_names(tmp_path, names, shape, planes, zarr_format):
    """Rows and columns are y and x, or the last two; one behind them is of channels; the others are of images."""
    image = picture("uint8", shape, 1)
    options = {"zarr_format": zarr_format, "chunks": shape}
    if names and zarr_format == 2:
        options["attributes"] = {"_ARRAY_DIMENSIONS": list(names)}
    elif names:
        options["dimension_names"] = list(names)
    source = stored(tmp_path / "a.zarr", image, **options)
    run(*MAX, source, "-o", tmp_path / "b.zarr")
    after = opened(tmp_path / "b.zarr")
    behind = names is not None and names[-1] in ("c", "band")
    expected = np.moveaxis(pooled(np.moveaxis(image, -1, 0)), 0, -1) if behind else pooled(image)
    np.testing.assert_array_equal(after[...], expected)
    if zarr_format == 2:
        assert after.attrs.get("_ARRAY_DIMENSIONS") == (list(names) if names else None)
    else:
        assert after.metadata.dimension_names == names
    with open_picture(source, Reading()) as opened_source:
        assert opened_source.frames == planes
        assert opened_source.read(planes - 1)[0].shape == (20, 16, *shape[-1:] * behind)


def test_layout_says_where_channels_are_if_no_name_does(tmp_path):
    image = picture("uint8", (20, 16, 3), 1)
    source = stored(tmp_path / "a.zarr", image, chunks=(8, 8, 3))
    run(*MAX, source, "-o", tmp_path / "b.zarr", "--layout", "hwc")
    np.testing.assert_array_equal(opened(tmp_path / "b.zarr")[...], poolcli.downsample(image, "max", **WINDOW))
    run(*MAX, source, "-o", tmp_path / "c.zarr", "--layout", "chw", "-P", 1)
    assert opened(tmp_path / "c.zarr").shape == (20, 8, 2)


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_ome_zarr_keeps_its_axes_and_moves_its_pixels(tmp_path, version):
    """Windows of 3 at 0, 2, ...: their centres are at 1, 3, ..., so at 10 + 0.5, 10 + 1.5, ... where pixels are 0.5."""
    image = picture("uint16", (2, 3, 41, 52), 1)
    scale, translation = [1.0, 2.0, 0.5, 0.25], [0.0, 5.0, 10.0, 20.0]
    source = stored_ome(tmp_path / "a.ome.zarr", image, "czyx", scale, translation, version)
    run(*MAX, source)
    made = opened(tmp_path / "a_max.ome.zarr")
    attributes = dict(made.attrs)
    assert attributes["sample"] == "7b"
    own = attributes["ome"] if version == "0.5" else attributes
    entry = own["multiscales"][0]
    assert (own if version == "0.5" else entry)["version"] == version
    assert [axis["name"] for axis in entry["axes"]] == ["c", "z", "y", "x"]
    assert entry["name"] == "cells"
    assert "metadata" not in entry
    assert entry["datasets"] == [
        {
            "path": "0",
            "coordinateTransformations": [
                {"type": "scale", "scale": [1.0, 2.0, 1.0, 0.5]},
                {"type": "translation", "translation": [0.0, 5.0, 10.5, 20.25]},
            ],
        }
    ]
    np.testing.assert_array_equal(made["0"][...], pooled(image))
    assert made["0"].metadata.zarr_format == (3 if version == "0.5" else 2)


@pytest.mark.parametrize(
    ("step", "scale", "translation"),
    [
        (("downsample", "-m", "average"), 2.0, 0.5),
        (("downsample", "-m", "max", "-F", 5, "-S", 4, "-P", 2, "-D", 1), 4.0, 0.0),
        (("downsample", "-m", "max", "--size", 8), 5.0, 2.0),
        (("upsample", "-m", "nearest", "-S", 4), 0.25, -0.375),
        (("resize", "-m", "bilinear", "--size", "20x20"), 2.0, 0.5),
        (("resize", "-m", "box", "--scale", "1.25"), 0.8, -0.1),
    ],
    ids=str,
)
def test_pixels_lie_at_their_centres(tmp_path, step, scale, translation):
    source = stored_ome(tmp_path / "a.ome.zarr", picture("uint8", (40, 40), 1), "yx", [1.0, 3.0])
    run(*step, source, "-o", tmp_path / "b.ome.zarr")
    given = opened(tmp_path / "b.ome.zarr").attrs["ome"]["multiscales"][0]["datasets"][0]["coordinateTransformations"]
    np.testing.assert_allclose(given[0]["scale"], [scale, 3 * scale])
    moved = [one["translation"] for one in given[1:]] or [[0.0, 0.0]]
    np.testing.assert_allclose(moved[0], [translation, 3 * translation], atol=1e-12)


def test_old_ome_zarr_is_read(tmp_path):
    """Version 0.1 names no axes, and says nothing of where pixels lie."""
    image = picture("uint8", (1, 2, 1, 20, 16), 1)
    attributes = {"multiscales": [{"version": "0.1", "datasets": [{"path": "0"}]}]}
    zarr.create_group(tmp_path / "a.zarr", zarr_format=2, attributes=attributes)
    stored(tmp_path / "a.zarr" / "0", image, zarr_format=2)
    run(*MAX, tmp_path / "a.zarr", "-o", tmp_path / "b.zarr")
    entry = opened(tmp_path / "b.zarr").attrs["multiscales"][0]
    assert [axis["name"] for axis in entry["axes"]] == ["t", "c", "z", "y", "x"]
    assert entry["version"] == "0.4"
    np.testing.assert_array_equal(opened(tmp_path / "b.zarr")["0"][...], pooled(image))


def outputs(folder):
    """Yield OME-Zarr images of every kind that is written."""
    image = picture("uint8", (2, 3, 41, 52), 1)
    omero = {"channels": [{"color": "FF0000", "window": {"start": 0, "end": 255, "min": 0, "max": 255}}] * 2}
    for version in ("0.4", "0.5"):
        source = stored_ome(folder / f"a{version}.ome.zarr", image, "czyx", [1.0, 2.0, 0.5, 0.5], version=version)
        group = zarr.open_group(source, mode="a")
        if version == "0.4":
            group.attrs["omero"] = omero
        else:
            group.attrs["ome"] = {**group.attrs["ome"], "omero": omero}
        run(*MAX, source)
        yield folder / f"a{version}_max.ome.zarr", pooled(image)
    tifffile.imwrite(folder / "pages.tif", image[0], photometric="minisblack")
    run(*MAX, folder / "pages.tif", "-o", folder / "pages.ome.zarr")
    yield folder / "pages.ome.zarr", pooled(image[0])
    colour = picture("uint8", (41, 52, 3), 1)
    write_image(colour, folder / "colour.png")
    run(*MAX, folder / "colour.png", "-o", folder / "colour.ome.zarr")
    yield folder / "colour.ome.zarr", pooled(np.moveaxis(colour, -1, 0))
    stored(folder / "plain.zarr", image, dimension_names=["t", "c", "y", "x"])
    run(*MAX, folder / "plain.zarr", "-o", folder / "plain.ome.zarr")
    yield folder / "plain.ome.zarr", pooled(image)


@pytest.mark.filterwarnings("ignore")  # of the validators
def test_ome_zarr_is_valid_and_opens_elsewhere(tmp_path):
    models, yaozarrs = pytest.importorskip("ome_zarr_models"), pytest.importorskip("yaozarrs")
    pytest.importorskip("ome_zarr")
    from ome_zarr.io import parse_url
    from ome_zarr.reader import Reader

    for path, expected in outputs(tmp_path):
        kind = type(models.open_ome_zarr(zarr.open_group(path, mode="r"))).__name__
        assert kind == "Image"
        yaozarrs.validate_zarr_store(str(path))
        node = next(iter(Reader(parse_url(path))()))
        np.testing.assert_array_equal(np.asarray(node.data[0]), expected)


def test_channels_of_omero_stay_while_there_are_as_many(tmp_path):
    path, _ = next(outputs(tmp_path))
    assert len(opened(path).attrs["omero"]["channels"]) == 2
    run(*MAX, tmp_path / "a0.4.ome.zarr", "-o", tmp_path / "one.ome.zarr", "--frame", 4)
    made = opened(tmp_path / "one.ome.zarr")
    assert made["0"].shape == (1, 1, 20, 25)
    assert "omero" not in dict(made.attrs)
    moved = made.attrs["multiscales"][0]["datasets"][0]["coordinateTransformations"][1]["translation"]
    assert moved == [1.0, 2.0, 0.5, 0.5]  # channel 1, plane 1 of three, of 2 each


def test_labels_of_an_image_are_told_to_be_lost(tmp_path):
    source = stored_ome(tmp_path / "a.ome.zarr", picture("uint8", (20, 16), 1), "yx", [1.0, 1.0])
    assert "does not keep" not in command(*MAX, source).output
    (source / "labels").mkdir()
    assert "the output does not keep its OME labels" in command(*MAX, source, "--overwrite").output


def test_zarr_to_other_formats(tmp_path):
    image = picture("uint8", (2, 3, 20, 16), 1)
    source = stored(tmp_path / "a.zarr", image)
    run(*MAX, source, "-o", tmp_path / "b.npy")
    np.testing.assert_array_equal(np.load(tmp_path / "b.npy"), pooled(image))
    run(*MAX, source, "-o", tmp_path / "b.tif")
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "b.tif"), pooled(image).reshape(6, 9, 7))
    run(*MAX, source, "-o", tmp_path / "b.png", "--frame", 4)
    np.testing.assert_array_equal(read_image(tmp_path / "b.png")[0], pooled(image)[1, 1])
    assert "JPEG holds one image, not 6" in error_of(*MAX, source, "-o", tmp_path / "b.jpg")


def test_other_formats_to_zarr(tmp_path):
    batch = picture("float32", (4, 20, 16, 2), 1)
    np.save(tmp_path / "a.npy", batch)
    for options in ((), ("--tile", "3x3")):
        run(*MAX, tmp_path / "a.npy", "-o", tmp_path / "b.zarr", "--overwrite", *options)
        made = opened(tmp_path / "b.zarr")
        np.testing.assert_array_equal(made[...], poolcli.downsample(batch, "max", **WINDOW))
        assert made.metadata.dimension_names == (None, "y", "x", "c")
        assert made.chunks == (1, 9, 7, 2)
    tifffile.imwrite(tmp_path / "a.tif", picture("uint16", (80, 96), 1), tile=(16, 32))
    run(*MAX, tmp_path / "a.tif", "-o", tmp_path / "c.zarr")
    assert opened(tmp_path / "c.zarr").chunks == (16, 32)  # those of the tiles
    pages = [picture("uint8", (20, 16), 1), picture("uint8", (20, 18), 1)]
    with tifffile.TiffWriter(tmp_path / "pages.tif") as tiff:
        for page in pages:
            tiff.write(page, contiguous=False)
    assert "do not fit in one array" in error_of(*MAX, tmp_path / "pages.tif", "-o", tmp_path / "d.zarr")
    assert not (tmp_path / "d.zarr").exists()


def test_other_dtypes_and_channels(tmp_path):
    """What depends on the dtype is left to the library; channels that are new come last, or in OME first."""
    image = picture("uint8", (1, 20, 16), 1)
    source = stored(
        tmp_path / "a.zarr", image, fill_value=3, filters=[{"name": "transpose", "configuration": {"order": [0, 2, 1]}}]
    )
    run(*MAX, source, "-o", tmp_path / "b.zarr", "--dtype", "float32")
    made = opened(tmp_path / "b.zarr")
    assert (made.dtype, made.fill_value) == (np.float32, 3.0)
    np.testing.assert_array_equal(made[...], pooled(image))
    run("downsample", "-m", "space-to-depth", source, "-o", tmp_path / "c.zarr")
    np.testing.assert_array_equal(opened(tmp_path / "c.zarr")[0], poolcli.downsample(image[0], "space-to-depth"))
    ome = stored_ome(tmp_path / "a.ome.zarr", image, "zyx", [2.0, 1.0, 1.0])
    group = zarr.open_group(ome, mode="a")
    own = group.attrs["ome"]
    own["multiscales"][0]["coordinateTransformations"] = [{"type": "scale", "scale": [1.0, 7.0, 7.0]}]
    group.attrs["ome"] = own
    run("downsample", "-m", "space-to-depth", ome, "-o", tmp_path / "d.ome.zarr")
    made = opened(tmp_path / "d.ome.zarr")
    entry = made.attrs["ome"]["multiscales"][0]
    assert entry["coordinateTransformations"] == [{"type": "scale", "scale": [1.0, 1.0, 7.0, 7.0]}]
    assert [axis["name"] for axis in made.attrs["ome"]["multiscales"][0]["axes"]] == ["c", "z", "y", "x"]
    np.testing.assert_array_equal(np.moveaxis(made["0"][:, 0], 0, -1), poolcli.downsample(image[0], "space-to-depth"))


def test_reduce_makes_a_row_of_each_plane(tmp_path):
    image = picture("uint8", (2, 2, 20, 16), 1)
    source = stored(tmp_path / "a.zarr", image, chunks=(2, 1, 8, 8))
    result = command("reduce", "-m", "gmp,gap", source, "--format", "jsonl")
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert [row["frame"] for row in rows] == [0, 1, 2, 3]
    assert [row["gmp_0"] for row in rows] == image.max((2, 3)).ravel().tolist()
    assert [row["gap_0"] for row in rows] == image.mean((2, 3)).ravel().tolist()


NODATA = {
    "attribute": ({"attributes": {"_FillValue": 9}}, "int16", 9),
    "attribute of xarray": (
        {"attributes": {"_FillValue": base64.b64encode(struct.pack("<d", -9.5)).decode()}}, "float32", -9.5,
    ),
    "fill value": ({"fill_value": -9}, "int16", -9),
    "both": ({"attributes": {"_FillValue": 9}, "fill_value": -9}, "int16", 9),
    "zero": ({"fill_value": 0}, "int16", None),
    "none": ({}, "int16", None),
}  # fmt: skip


@pytest.mark.parametrize("case", NODATA)
def test_auto_ignores_the_nodata_of_the_array(tmp_path, case):
    """The attribute says it; a fill value that is not 0 does where there is no attribute."""
    options, dtype, expected = NODATA[case]
    image = np.array([[9, -9, 2, 4], [0, 6, -9.5, 8]]).astype(dtype)
    source = stored(tmp_path / "a.zarr", image, **options)
    run("downsample", "-m", "average", source, "-o", tmp_path / "b.zarr", "--ignore", "auto")
    result = opened(tmp_path / "b.zarr")
    np.testing.assert_array_equal(result[...], poolcli.downsample(image, "average", ignore=expected))
    assert result.fill_value == opened(source).fill_value
    if expected is not None:
        said = base64.b64encode(struct.pack("<d", expected)).decode() if dtype == "float32" else expected
        assert result.attrs["_FillValue"] == said
    warned = command("downsample", "-m", "max", source, "-o", tmp_path / "c.zarr").output
    assert ("counts as any other value" in warned) == ("_FillValue" in opened(source).attrs)


def test_nodata_stays_as_far_as_the_dtype_holds_it(tmp_path):
    source = stored(tmp_path / "a.zarr", picture("int16", (20, 16), 1), fill_value=-9, attributes={"_FillValue": -9})
    for dtype, kept in (("int32", -9), ("uint8", None)):
        run(*MAX, source, "-o", tmp_path / f"{dtype}.zarr", "--dtype", dtype)
        made = opened(tmp_path / f"{dtype}.zarr")
        assert made.attrs.get("_FillValue") == kept
        assert made.fill_value == (kept or 0)


def test_folders_of_zarrs(tmp_path):
    """A Zarr in a folder is one input, whatever lies in it; so is one that a shell's pattern names."""
    image = picture("uint8", (20, 16), 1)
    stored(tmp_path / "in" / "a.zarr", image)
    stored_ome(tmp_path / "in" / "b.ome.zarr", image, "yx", [1.0, 1.0])
    write_image(image, tmp_path / "in" / "c.png")
    write_image(image, tmp_path / "in" / "a.zarr" / "thumbnail.png")
    run(*MAX, tmp_path / "in", "-r", "-o", f"{tmp_path}/out/")
    assert sorted(os.listdir(tmp_path / "out")) == ["a.zarr", "b.ome.zarr", "c.png"]
    run(*MAX, tmp_path / "in/*.zarr", "-o", f"{tmp_path}/some/")
    assert sorted(os.listdir(tmp_path / "some")) == ["a.zarr", "b.ome.zarr"]
    run(*MAX, tmp_path / "in" / "b.ome.zarr" / "full", "-o", tmp_path / "level.zarr")
    np.testing.assert_array_equal(opened(tmp_path / "level.zarr")[...], pooled(image))
    run(*MAX, tmp_path / "in/b.ome.zarr", "-o", f"{tmp_path}/slash.zarr/")  # as a shell completes it
    assert (tmp_path / "slash.zarr" / "zarr.json").exists()
    run(*MAX, tmp_path / "in/c.png", "-o", f"{tmp_path}/by/", "--format", "ome.zarr")
    assert os.listdir(tmp_path / "by") == ["c.ome.zarr"]


def test_overwrite_replaces_a_zarr_and_no_other_folder(tmp_path):
    image = picture("uint8", (20, 16), 1)
    source = stored(tmp_path / "a.zarr", image)
    target = stored(tmp_path / "b.zarr", picture("uint8", (3, 40, 40), 1))
    assert error_of(*MAX, source, "-o", target).endswith("exists; --overwrite replaces it, --skip-existing leaves it")
    run(*MAX, source, "-o", target, "--overwrite")
    np.testing.assert_array_equal(opened(target)[...], pooled(image))
    assert not (target / "c/2").exists()
    (tmp_path / "c.zarr").mkdir()
    (tmp_path / "c.zarr" / "thesis.txt").write_text("")
    assert "is a folder of another kind, which is never replaced" in error_of(
        *MAX, source, "-o", tmp_path / "c.zarr", "--overwrite"
    )
    assert os.listdir(tmp_path / "c.zarr") == ["thesis.txt"]
    assert "holds the input" in error_of(*MAX, stored(target / "inner", image), "-o", target, "--overwrite")
    run(*MAX, source, "-o", source, "--overwrite")
    np.testing.assert_array_equal(opened(source)[...], pooled(image))
    assert sorted(os.listdir(tmp_path)) == ["a.zarr", "b.zarr", "c.zarr"]


def damaged(folder):
    """Yield folders that are wrong, and what is said of each."""
    image = picture("uint8", (20, 16), 1)
    source = stored(folder / "bad.zarr", image)
    (source / "zarr.json").write_text("{")
    yield source, "damaged or unsupported: its metadata cannot be read"
    (folder / "none.zarr").mkdir()
    yield folder / "none.zarr", "a folder without zarr.json, .zarray, .zgroup is no image"
    source = stored(folder / "codec.zarr", image)
    text = (source / "zarr.json").read_text()
    (source / "zarr.json").write_text(text.replace('"zstd"', '"quantum"'))
    yield source, "its codec 'quantum' is not supported: save it with another, as zstd or blosc"
    source = stored(folder / "codec2.zarr", image, zarr_format=2)
    text = (source / ".zarray").read_text()
    (source / ".zarray").write_text(text.replace('"zstd"', '"quantum"'))
    yield source, "its codec 'quantum' is not supported: save it with another, as zstd or blosc"
    yield stored(folder / "complex.zarr", image.astype("complex64")), "dtype complex64 is not supported: use one of"
    yield stored(folder / "line.zarr", image[0], chunks=(8,)), "an array of 1 axes is not an image"
    yield stored(folder / "empty.zarr", image[:0], chunks=(8, 8)), "0 x 16 pixels are not an image"
    yield stored(folder / "void.zarr", image[None][:0], chunks=(1, 8, 8)), "an array (0, 20, 16) holds no image"
    order = stored(folder / "order.zarr", image, dimension_names=["x", "y"])
    yield order, "axes x, y are not supported: x must follow y"
    zarr.create_group(folder / "group.zarr")
    stored(folder / "group.zarr" / "wind", image)
    yield (
        folder / "group.zarr",
        "a group that is no OME-Zarr image, and holds wind: name one of them, as group.zarr/wind",
    )
    source = stored_ome(folder / "short.zarr", image, "yx", [1.0])
    yield source, "damaged or unsupported: a scale of 1 numbers for 2 axes"
    source = stored_ome(folder / "missing.zarr", image, "yx", [1.0, 1.0])
    shutil.rmtree(source / "full")
    yield source, "damaged or unsupported: its metadata cannot be read"
    source = stored(folder / "chunk.zarr", image)
    (source / "c/0/0").write_bytes(b"no zstd at all")
    yield source, "damaged or unsupported: its compressed pixels cannot be unpacked"


def test_what_is_wrong_takes_one_line(tmp_path):
    for source, words in damaged(tmp_path):
        line = error_of(*MAX, source, "-o", tmp_path / "out.zarr")
        assert line.startswith(f"error: {source}: {words}")
        assert not (tmp_path / "out.zarr").exists()
    assert not [name for name in os.listdir(tmp_path) if name.startswith(".")]


def test_what_an_output_cannot_be_takes_one_line(tmp_path):
    image = picture("uint8", (2, 20, 16), 1)
    source = stored(tmp_path / "a.zarr", image)
    out = tmp_path / "b.zarr"
    assert "ZARR is a folder, and standard output takes a file" in error_of(*MAX, source, "-o", "-", "--format", "zarr")
    planes = error_of("downsample", "-m", "kmax", "--k", 2, source, "-o", tmp_path / "b.ome.zarr")
    assert "an OME-Zarr has no axis for 2 images that are made of one: --combine mean makes one" in planes
    assert "must be a folder for them" in error_of(*MAX, source, source, "-o", source)
    six = stored(tmp_path / "six.zarr", image[None, None, None, None])
    assert "without names: a name that ends with .zarr alone" in error_of(*MAX, six, "-o", tmp_path / "b.ome.zarr")
    late = stored(tmp_path / "late.zarr", image[None], dimension_names=["z", "t", "y", "x"])
    assert "has time before channels before space, not z, t, y, x" in error_of(
        *MAX, late, "-o", tmp_path / "b.ome.zarr"
    )
    assert "20 x 16 pixels are more than the 100 allowed" in error_of(*MAX, source, "-o", out, "--max-pixels", 100)
    assert not out.exists()
    with pytest.raises(ImageError, match="no stream takes one"):
        write_image(image[0], sys.stdout.buffer, format="zarr")


def test_the_extra_is_named_where_it_is_missing(tmp_path, monkeypatch):
    source = stored(tmp_path / "a.zarr", picture("uint8", (20, 16), 1))
    monkeypatch.setitem(sys.modules, "zarr", None)
    line = error_of(*MAX, source, "-o", tmp_path / "b.npy")
    assert line == f"error: {source}: Zarr needs the package zarr: pip install 'poolcli-image[zarr]' brings it"


def test_nothing_imports_zarr_unless_it_is_needed(tmp_path):
    write_image(picture("uint8", (20, 16), 1), tmp_path / "a.png")
    code = "import sys; from poolcli.cli import commands; commands({}, standalone_mode=False); print(*sys.modules)"
    words = ["downsample", "-m", "max", str(tmp_path / "a.png"), "-o", str(tmp_path / "b.npy"), "-q"]
    done = subprocess.run([sys.executable, "-c", code.format(words)], capture_output=True, text=True, check=True)
    assert "poolcli.images.npy" in done.stdout.split()
    assert not [name for name in done.stdout.split() if name.partition(".")[0] == "zarr"]


WITHOUT = "import poolcli.images.zarr; poolcli.images.zarr.find_spec = lambda name: None"
LIMITED = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (9000, 9000))
from poolcli.cli import main
main()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no limit on the size of files")
def test_a_full_disk_leaves_nothing(tmp_path, package):
    """A limit on the size of files makes the first chunk fail as a full disk does, behind the metadata."""
    image = np.random.default_rng(1).integers(0, 256, (256, 256), np.uint8)
    source = stored(tmp_path / "a.zarr", image, chunks=(128, 128))
    words = ["downsample", "-m", "max", "-F", "1", str(source), "-o", str(tmp_path / "b.zarr"), "-q"]
    environment = {**os.environ, "POOLCLI_CACHE_DIR": str(tmp_path / "cache"), "NUMBA_DISABLE_JIT": "1"}
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT * (package == "zarr") + LIMITED, *words],
        capture_output=True,
        text=True,
        timeout=120,
        env=environment,
    )
    assert (done.returncode, done.stderr) == (1, f"error: {tmp_path / 'b.zarr'}: File too large\n")
    assert [name for name in sorted(os.listdir(tmp_path)) if name != "cache"] == ["a.zarr"]


def test_a_folder_that_is_given_up_takes_no_name(tmp_path):
    """Whoever goes on after `forget` has a folder that lacks what was in it."""

    def write(folder):
        (folder / "zarr.json").write_text("{}")
        files.forget()
        folder.mkdir(exist_ok=True)
        (folder / "chunk").write_text("")

    with pytest.raises(files.WriteError, match="given up"):
        files.place_folder(write, tmp_path / "a.zarr", False, lambda _: True)
    assert os.listdir(tmp_path) == []


def test_folders_that_were_left_behind_are_cleaned(tmp_path):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    left, other = (tmp_path / f"{files._MARK}{files._HOST}-{pid}-abc" for pid in (ended.pid, os.getpid()))
    left.mkdir()
    (left / "zarr.json").write_text("{}")
    other.touch()
    assert files.remove_left(tmp_path), "there is that of a process that lives"
    assert not left.exists()
    other.unlink()
    assert not files.remove_left(tmp_path)
    left.mkdir()
    source = stored(tmp_path / "a.zarr", picture("uint8", (20, 16), 1))
    run(*MAX, source, "-o", tmp_path / "b.zarr")
    assert sorted(os.listdir(tmp_path)) == ["a.zarr", "b.zarr"]


def test_python_reads_and_writes_zarr(tmp_path):
    image = picture("uint8", (20, 16, 3), 1)
    write_image(image, tmp_path / "a.zarr")
    np.testing.assert_array_equal(read_image(tmp_path / "a.zarr")[0], image)
    assert opened(tmp_path / "a.zarr").metadata.dimension_names == ("y", "x", "c")
    write_image(image, tmp_path / "b.ome.zarr")
    again, info = read_image(tmp_path / "b.ome.zarr", frame=1)
    np.testing.assert_array_equal(again, image[..., 1])
    assert (info.format, info.frames, info.stack.names, info.stack.lengths) == ("ZARR", 3, ("c",), (3,))
    with pytest.raises(ImageError, match="holds 3 frames"):
        read_image(tmp_path / "b.ome.zarr")


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the most memory is read from /proc")
def test_memory_is_bounded(tmp_path):
    steps = {"max": ("downsample", "-m", "max"), "median": ("downsample", "-m", "median", "-F", 3, "-S", 2)}
    peaks = {}
    for height in (10_000, 20_000):
        array = zarr.create_array(tmp_path / f"{height}.zarr", shape=(height, 20_000), chunks=(512, 512), dtype="u1")
        band = np.random.default_rng(1).integers(0, 256, (512, 20_000), np.uint8)
        for top in range(0, height, 512):
            array[top : top + 512] = band[: height - top]
        for name, step in steps.items():
            more = ("--max-pixels", 10**9, "--memory", "100M", "--overwrite", "-q")
            peaks[name, height] = peak(*step, tmp_path / f"{height}.zarr", "-o", tmp_path / "out.zarr", *more)
    for name in steps:
        assert peaks[name, 20_000] < 400
        assert peaks[name, 20_000] < 1.1 * peaks[name, 10_000]


MICROMETER, NANOMETER = "UnitsLength.MICROMETER", "UnitsLength.NANOMETER"
SIZES = {"T": 2, "C": 3, "Z": 4}
MEASURED = {
    "PhysicalSizeX": 0.1, "PhysicalSizeY": 200.0, "PhysicalSizeYUnit": "nm", "PhysicalSizeZ": 0.5,
    "TimeIncrement": 30.0, "TimeIncrementUnit": "s",
}  # fmt: skip


def image_said(folder):
    """Return what the group of an OME-Zarr says of its image, and its largest array."""
    group = zarr.open_group(folder, mode="r")
    return group.attrs["ome"]["multiscales"][0], group["0"]


@pytest.mark.parametrize("axes", ["".join(axes) for axes in permutations("TCZ")])
@pytest.mark.parametrize("step", [("downsample", "-m", "max"), ("pyramid", "-m", "max", "--levels", 1)], ids=str)
def test_the_pages_of_an_ome_tiff_become_planes_of_an_ome_zarr(tmp_path, axes, step):
    image = picture("uint16", (*(SIZES[axis] for axis in axes), 20, 16), 1)
    tifffile.imwrite(tmp_path / "a.ome.tif", image, ome=True, metadata={"axes": f"{axes}YX", **MEASURED})
    assert said(*step, tmp_path / "a.ome.tif", "-o", tmp_path / "b.ome.zarr") == ""
    about, array = image_said(tmp_path / "b.ome.zarr")
    ordered = image.transpose(*(axes.index(axis) for axis in "TCZ"), 3, 4)
    small = ordered.reshape(2, 3, 4, 10, 2, 8, 2).max((4, 6))
    np.testing.assert_array_equal(array[...], ordered if step[0] == "pyramid" else small)
    assert array.metadata.dimension_names == ("t", "c", "z", "y", "x")
    units = {axis["name"]: axis.get("unit") for axis in about["axes"]}
    assert units == {"t": "second", "c": None, "z": "micrometer", "y": "nanometer", "x": "micrometer"}
    level = (
        {"type": "scale", "scale": [30, 1, 0.5, 400, 0.2]},
        {"type": "translation", "translation": [0, 0, 0, 100, 0.05]},
    )
    assert about["datasets"][-1]["coordinateTransformations"] == [*level]
    if step[0] == "pyramid":
        assert about["datasets"][0]["coordinateTransformations"] == [{"type": "scale", "scale": [30, 1, 0.5, 200, 0.1]}]
        np.testing.assert_array_equal(zarr.open_group(tmp_path / "b.ome.zarr", mode="r")["1"][...], small)


@pytest.mark.parametrize("axes", ["TZCYX", "ZCYX", "CYX", "ZYX", "YX"])
def test_the_pages_of_imagej_become_planes_of_an_ome_zarr(tmp_path, axes):
    image = picture("uint8", (*(SIZES[axis] for axis in axes[:-2]), 20, 16), 1)
    metadata = {"axes": axes, "unit": "um", "spacing": 0.5, "finterval": 30.0}
    tifffile.imwrite(tmp_path / "a.tif", image, imagej=True, resolution=(10, 5), metadata=metadata)
    assert said(*MAX[:3], tmp_path / "a.tif", "-o", tmp_path / "b.ome.zarr") == ""
    about, array = image_said(tmp_path / "b.ome.zarr")
    names = "".join(axis for axis in "TCZ" if axis in axes)
    planes = image.transpose(*(axes.index(axis) for axis in names), image.ndim - 2, image.ndim - 1)
    small = planes.reshape(*planes.shape[:-2], 10, 2, 8, 2).max((-3, -1))
    np.testing.assert_array_equal(array[...], small)
    assert [axis["name"] for axis in about["axes"]] == [*names.lower(), "y", "x"]
    scale = {"T": 30, "C": 1, "Z": 0.5}
    assert about["datasets"][0]["coordinateTransformations"][0]["scale"] == [*(scale[axis] for axis in names), 0.4, 0.2]


def test_what_a_zarr_does_not_keep_of_a_tiff_is_told(tmp_path):
    source, out = tmp_path / "a.tif", tmp_path / "b.zarr"
    image, metadata = (
        picture("uint8", (3, 20, 16), 1),
        {"axes": "CYX", "PhysicalSizeX": 0.1, "Channel": {"Name": [*"abc"]}},
    )
    tifffile.imwrite(source, image, ome=True, photometric="minisblack", metadata=metadata)

    def lost(*more):
        line = said(*MAX[:3], source, "-o", out, "--overwrite", *more)
        return line.removeprefix(f"warning: {source}: the output does not keep its ").strip()

    assert lost() == "OME pixel size and channel names"
    assert opened(out).metadata.dimension_names == ("c", "y", "x")
    assert lost("--frame", 1) == "OME axes, pixel size and channel names"
    assert lost("--strip") == ""
    scale = (33550, 12, 3, (10.0, 10.0, 0.0)), (33922, 12, 6, (0.0, 0.0, 0.0, 5.0, 6.0, 0.0))
    key = (34735, 3, 4, (1, 1, 0, 0))
    tifffile.imwrite(source, image[0], extratags=[(*tag, True) for tag in (*scale, key)])
    assert lost() == "GeoTIFF CRS, pixel size and origin"


def test_colours_in_pages_that_are_channels_have_an_axis_of_their_own(tmp_path):
    """No OME-Zarr has two axes of channels."""
    image = picture("uint8", (2, 20, 16, 3), 1)
    metadata = {"axes": "CYXS", "PhysicalSizeX": 0.1}
    tifffile.imwrite(tmp_path / "a.ome.tif", image, ome=True, photometric="rgb", metadata=metadata)
    line = said(*MAX[:3], tmp_path / "a.ome.tif", "-o", tmp_path / "b.ome.zarr")
    _, array = image_said(tmp_path / "b.ome.zarr")
    small = image.reshape(2, 10, 2, 8, 2, 3).max((2, 4))
    np.testing.assert_array_equal(np.moveaxis(array[...], 0, -1), small)
    assert line == f"warning: {tmp_path / 'a.ome.tif'}: the output does not keep its OME axes\n"


@pytest.mark.parametrize("axes", ["TCZYX", "CZYX", "TZYX", "CYX", "YX"])
def test_the_planes_of_an_ome_zarr_become_pages_of_an_ome_tiff(tmp_path, axes):
    """There and back: the axes, the sizes of pixels, twice as large each time, and the values."""
    image = picture("uint16", (*(SIZES[axis] for axis in axes[:-2]), 40, 32), 1)
    first, last = tmp_path / "a.ome.tif", tmp_path / "c.ome.tif"
    tifffile.imwrite(first, image, ome=True, metadata={"axes": axes, **MEASURED})
    assert said(*MAX[:3], first, "-o", tmp_path / "b.ome.zarr") == ""
    assert said(*MAX[:3], tmp_path / "b.ome.zarr", "-o", last) == ""
    with tifffile.TiffFile(last) as tiff:
        (series,) = tiff.series
        assert series.axes == axes
        small = image.reshape(*image.shape[:-2], 10, 4, 8, 4).max((-3, -1))
        np.testing.assert_array_equal(series.asarray(), small)
    pixels = ome_types.from_tiff(last).images[0].pixels
    assert [*map(str, (pixels.physical_size_x_unit, pixels.physical_size_y_unit))] == [MICROMETER, NANOMETER]
    assert (pixels.physical_size_x, pixels.physical_size_y) == (0.4, 800)
    if "Z" in axes:
        assert pixels.physical_size_z == 0.5
    if "T" in axes:
        assert pixels.time_increment == 30
    command("downsample", "-m", "max", tmp_path / "b.ome.zarr", "--frame", 0, "-o", tmp_path / "one.ome.tif")
    with tifffile.TiffFile(tmp_path / "one.ome.tif") as tiff:
        assert [one.axes for one in tiff.series] == ["YX"]


@pytest.mark.parametrize("channels", [None, 5, ["DAPI", "GFP"], [{"label": None}, {}]], ids=str)
def test_names_of_channels_that_are_none_are_not_worth_the_image(tmp_path, channels):
    source = stored_ome(tmp_path / "a.ome.zarr", picture("uint8", (2, 20, 16), 1), ("c", "y", "x"), [1, 1, 1])
    group = zarr.open_group(source, mode="a")
    group.attrs["ome"] = {**group.attrs["ome"], "omero": {"channels": channels}}
    run(*MAX[:3], source, "-o", tmp_path / "b.ome.tif")
    found = ome_types.from_tiff(tmp_path / "b.ome.tif").images[0].pixels.channels
    assert [channel.name for channel in found] == [None, None]


def test_names_of_channels_go_from_an_ome_zarr_to_an_ome_tiff(tmp_path):
    axes, window = ("c", "y", "x"), {"min": 0, "max": 255, "start": 0, "end": 255}
    source = stored_ome(tmp_path / "a.ome.zarr", picture("uint8", (2, 20, 16), 1), axes, [1, 1, 1])
    group = zarr.open_group(source, mode="a")
    channels = [{"label": name, "color": "FFFFFF", "window": window} for name in ("DAPI", "GFP")]
    group.attrs["ome"] = {**group.attrs["ome"], "omero": {"channels": channels}}
    assert said(*MAX[:3], source, "-o", tmp_path / "b.ome.tif") == ""
    channels = ome_types.from_tiff(tmp_path / "b.ome.tif").images[0].pixels.channels
    assert [channel.name for channel in channels] == ["DAPI", "GFP"]
