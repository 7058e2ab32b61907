"""What TIFFs say of their pixels, OME, ImageJ, GeoTIFF and GDAL: it stays true in what is made of them."""

import struct
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import rasterio
import tifffile
from commands import said
from effort import EXAMPLES
from hypothesis import given
from hypothesis import strategies as st

import poolcli

KEYS = (1, 1, 0, 3, 1024, 0, 1, 1, 1025, 0, 1, 1, 3072, 0, 1, 32633)
POINTS = (*KEYS[:11], 2, *KEYS[12:])
STATISTICS = """<GDALMetadata>
  <Item name="NAME">a map</Item>
  <Item name="STATISTICS_MEAN" sample="0">7.5</Item>
  <Item name="DESCRIPTION" sample="0" role="description">height</Item>
</GDALMetadata>
"""


def tag(number, kind, value):
    value = value.encode() + b"\0" if kind == 2 else value
    return (number, kind, len(value), value, False)


def geotiff(path, image, keys=KEYS, **options):
    """Write pixels of 10 x 20 metres whose first corner, or centre, is at 500000, 4000."""
    places = [(33550, 12, (10.0, 20.0, 0.0)), (33922, 12, (0.0, 0.0, 0.0, 500000.0, 4000.0, 0.0)), (34735, 3, keys)]
    tags = [tag(*place) for place in (*places, *options.pop("more", ()))]
    tifffile.imwrite(path, image, extratags=tags, metadata=None, **{"photometric": "minisblack", **options})


def tags_of(path, *numbers, page=0):
    with tifffile.TiffFile(path) as file:
        return [file.pages[page].tags.valueof(number) for number in numbers]


def geotransform(path, page=0):
    """Return x, its steps along columns and rows, and y likewise, of the first corner, as GDAL has them."""
    scale, point, matrix, keys = tags_of(path, 33550, 33922, 34264, 34735, page=page)
    half = 0.5 if keys and keys[11] == 2 else 0.0
    if matrix:
        a, b, _, x, c, d, _, y = matrix[:8]
    else:
        a, b, c, d = scale[0], 0.0, 0.0, -scale[1]
        x, y = point[3] - point[0] * a, point[4] - point[1] * d
    return [x - half * (a + b), a, b, y - half * (c + d), c, d]


PLACES = {
    "downsample -m max": [500000, 20, 0, 4000, 0, -40],
    "downsample -m max -F 3 -S 2": [500005, 20, 0, 3990, 0, -40],
    "downsample -m max -F 3 -S 2 --padding 1": [499995, 20, 0, 4010, 0, -40],
    "downsample -m max -F 2x3 -S 2 --dilation 2": [500015, 20, 0, 3990, 0, -40],
    "downsample -m max --size 4x5": [500000, 20, 0, 4000, 0, -40],
    "resize -m bicubic --size 4x5": [500000, 20, 0, 4000, 0, -40],
    "resize -m nearest --scale 0.5": [500000, 20, 0, 4000, 0, -40],
    "upsample -m nearest -S 2": [500000, 5, 0, 4000, 0, -10],
    "upsample -m bilinear --size 22x28 --coordinates align-corners": [
        500003.333333,
        3.333333,
        0,
        3993.333333,
        0,
        -6.666667,
    ],
    "gradient -m max": [500000, 10, 0, 4000, 0, -20],
}


@pytest.mark.parametrize("keys", [KEYS, POINTS], ids=["areas", "points"])
@pytest.mark.parametrize("line", PLACES)
def test_georeferences_that_can_be_read(line, keys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    geotiff("a.tif", np.arange(80, dtype=np.uint8).reshape(8, 10), keys)
    assert said(*line.split(), "a.tif", "-o", "b.tif") == ""
    x, right, _, y, _, down = PLACES[line]
    shift = (-5, 10) if keys is POINTS else (0, 0)  # half a pixel of the file
    expected = [x + shift[0], right, 0, y + shift[1], 0, down]
    np.testing.assert_allclose(geotransform("b.tif"), expected, atol=1e-5)
    assert tags_of("b.tif", 34735) == [keys]


def test_gdal_reads_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    geotiff("a.tif", np.arange(80, dtype=np.uint8).reshape(8, 10), more=[(42112, 2, STATISTICS)])
    said("downsample", "-m", "max", "-F", "3", "-S", "2", "a.tif", "-o", "b.tif")
    with rasterio.open("b.tif") as found:  # which is GDAL
        assert found.transform.to_gdal() == (500005, 20, 0, 3990, 0, -40)
        assert "UTM zone 33N" in found.crs.to_wkt()
        assert found.tags()["NAME"] == "a map"
        assert found.descriptions == ("height",)
        assert found.tags(1) == {}


def coordinates(shape, transform):
    """Return x and y of the centres of pixels."""
    x, a, b, y, c, d = transform
    row, column = np.meshgrid(np.arange(shape[0]) + 0.5, np.arange(shape[1]) + 0.5, indexing="ij")
    return np.stack([x + a * column + b * row, y + c * column + d * row], -1)


@EXAMPLES
@given(
    line=st.one_of(
        st.builds(
            "downsample -m average -F {} -S {} --padding {}".format,
            st.sampled_from(["2x3", "4", "5x2"]), st.sampled_from(["1", "2x3", "3"]),
            st.sampled_from(["0", "1", "same"]),
        ),
        st.builds("resize -m bilinear --no-antialias --size {}x{}".format, st.integers(9, 60), st.integers(9, 60)),
        st.builds("upsample -m bicubic --scale {} --coordinates {}".format,
                  st.sampled_from(["2", "1.5x3"]), st.sampled_from(["half-pixel", "align-corners", "asymmetric"])),
    ),
    keys=st.sampled_from([KEYS, POINTS]),
    kind=st.sampled_from(["scale", "matrix"]),
    tiled=st.booleans(),
)  # fmt: skip
def test_a_map_of_its_own_coordinates_stays_one(tmp_path_factory, line, keys, kind, tiled):
    """Blends of straight lines lie on them: what a pixel says is where it is."""
    folder = tmp_path_factory.mktemp("map")
    turned = (3.0, 1.0, 0, 70.0, 0.5, -2.0, 0, 90.0, 0, 0, 0, 0, 0, 0, 0, 1.0)
    straight = [(33550, 12, (3.0, 2.0, 0.0)), (33922, 12, (2.0, 1.0, 0.0, 70.0, 90.0, 0.0))]
    places = [(34264, 12, turned)] if kind == "matrix" else straight
    tags = [tag(*place) for place in (*places, (34735, 3, keys))]
    for values in (np.zeros((30, 32, 2)), None):  # the second time with its own coordinates
        image = coordinates((30, 32), geotransform(folder / "a.tif")) if values is None else values
        tifffile.imwrite(
            folder / "a.tif", image, extratags=tags, photometric="minisblack", planarconfig="contig", metadata=None
        )
    parts = ("--tile", "7x9") if tiled else ()
    lines = said(*line.split(), *parts, folder / "a.tif", "-o", folder / "b.tif")
    assert "does not keep" not in lines  # it may tell of proportions
    out = tifffile.imread(folder / "b.tif")
    rows, columns = (slice(n // 3, n - n // 3) for n in out.shape[:2])  # no pixel that the border changes
    expected = coordinates(out.shape, geotransform(folder / "b.tif"))
    np.testing.assert_allclose(out[rows, columns], expected[rows, columns], rtol=1e-9)


def test_control_points_lie_on_the_same_pixels(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    points = (1.0, 1.0, 0.0, 7.0, 50.0, 0.0, 9.0, 5.0, 0.0, 8.0, 49.0, 3.0)
    tifffile.imwrite("a.tif", np.zeros((8, 10), np.uint8), extratags=[tag(33922, 12, points)], metadata=None)
    said("downsample", "-m", "max", "-F", "3", "-S", "2", "a.tif", "-o", "b.tif")
    assert tags_of("b.tif", 33922) == [(0.25, 0.25, 0.0, 7.0, 50.0, 0.0, 4.25, 2.25, 0.0, 8.0, 49.0, 3.0)]


def test_pages_palettes_and_bands_of_maps(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    colormap = np.arange(768, dtype=np.uint16).reshape(3, 256) * 85
    geotiff("a.tif", np.arange(80, dtype=np.uint8).reshape(8, 10), photometric="palette", colormap=colormap)
    assert said("downsample", "-m", "majority", "a.tif", "-o", "b.tif") == ""
    assert said("downsample", "-m", "average", "a.tif", "-o", "c.tif") == ""
    assert tags_of("b.tif", 277, 262) == [1, 3]
    assert tags_of("c.tif", 277, 262) == [3, 2]
    for name in ("b.tif", "c.tif"):
        assert geotransform(name) == [500000, 20, 0, 4000, 0, -40]
    geotiff("d.tif", np.zeros((2, 8, 10), np.uint8))
    assert said("downsample", "-m", "kmax", "--k", "2", "d.tif", "-o", "e.tif") == ""
    assert [geotransform("e.tif", page) for page in range(4)] == [[500000, 20, 0, 4000, 0, -40]] * 4
    geotiff("f.tif", np.zeros((8, 10), np.uint8), more=[(42112, 2, STATISTICS)])
    assert said("downsample", "-m", "space-to-depth", "f.tif", "-o", "g.tif") == ""
    assert geotransform("g.tif") == [500000, 20, 0, 4000, 0, -40]
    items = ElementTree.fromstring(tags_of("g.tif", 42112)[0])
    assert [item.get("name") for item in items] == ["NAME"]  # the others are of a band that is no more


def test_polynomials_of_cameras_are_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    geotiff("a.tif", np.zeros((8, 10), np.uint8), more=[(50844, 12, (1.0,) * 92)])
    line = "warning: a.tif: the output does not keep its GeoTIFF RPC\n"
    assert said("downsample", "-m", "max", "a.tif", "-o", "b.tif") == line


def test_a_picture_that_is_turned_loses_its_place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    geotiff("a.tif", np.zeros((8, 10), np.uint8), more=[(274, 3, (6,))])
    line = "warning: a.tif: the output does not keep its GeoTIFF CRS, pixel size and origin\n"
    assert said("downsample", "-m", "max", "a.tif", "-o", "b.tif") == line
    assert tags_of("b.tif", 256, 33550, 34735) == [4, None, None]


AXES = {
    "axes": "TZCYX",
    "PhysicalSizeX": 0.1,
    "PhysicalSizeY": 0.25,
    "PhysicalSizeZ": 1.5,
    "PhysicalSizeXUnit": "µm",
    "Channel": {"Name": ["DAPI", "GFP", "Cy5", "Brightfield"], "Color": [255, -16776961, 3, 4]},
}


def stack(dtype="uint8"):
    """Return 2 times, 3 slices, 4 channels of 10 x 14 pixels."""
    return np.random.default_rng(0).integers(0, 200, (2, 3, 4, 10, 14)).astype(dtype)


def read_ome(path):
    """Return the pixels of OME-XML as ome-types understands it, and the series as tifffile does."""
    ome_types = pytest.importorskip("ome_types")
    with tifffile.TiffFile(path) as file:
        (series,) = file.series
        return ome_types.from_xml(file.ome_metadata).images[0].pixels, series.axes, series.asarray()


def test_ome_axes_channels_and_sizes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    image = stack()
    tifffile.imwrite("a.ome.tif", image, ome=True, photometric="minisblack", metadata=AXES)
    assert said("downsample", "-m", "max", "-F", "3", "-S", "2", "a.ome.tif", "-o", "b.tif") == ""
    pixels, axes, values = read_ome("b.tif")
    assert (axes, values.shape) == ("TZCYX", (2, 3, 4, 4, 6))
    np.testing.assert_array_equal(values[1, 2, 3], poolcli.downsample(image[1, 2, 3], "max", kernel_size=3, stride=2))
    assert (pixels.size_x, pixels.size_y, pixels.size_c, pixels.size_z, pixels.size_t) == (6, 4, 4, 3, 2)
    assert (pixels.physical_size_x, pixels.physical_size_y, pixels.physical_size_z) == (0.2, 0.5, 1.5)
    assert pixels.physical_size_x_unit.value == "µm"
    assert [channel.name for channel in pixels.channels] == ["DAPI", "GFP", "Cy5", "Brightfield"]
    assert pixels.channels[1].color.as_rgb_tuple() == (255, 0, 0)
    assert said("resize", "-m", "bicubic", "--size", "20x28", "--dtype", "float32", "a.ome.tif", "-o", "c.tif") == ""
    pixels, axes, values = read_ome("c.tif")
    assert (pixels.type.value, values.dtype, values.shape) == ("float", np.float32, (2, 3, 4, 20, 28))
    assert (pixels.physical_size_x, pixels.physical_size_y) == (0.05, 0.125)


def test_one_page_of_ome_keeps_what_is_true_of_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    image = stack()
    tifffile.imwrite("a.ome.tif", image, ome=True, photometric="minisblack", metadata=AXES)
    line = "warning: a.ome.tif: the output does not keep its OME axes\n"
    for parts in ((), ("--tile", "2x3")):
        assert (
            said("downsample", "-m", "max", "--frame", "18", *parts, "a.ome.tif", "-o", "b.tif", "--overwrite") == line
        )
        pixels, axes, values = read_ome("b.tif")
        assert axes == "YX"
        np.testing.assert_array_equal(values, poolcli.downsample(image[1, 1, 2], "max"))
        assert [channel.name for channel in pixels.channels] == ["Cy5"]
        assert (pixels.physical_size_x, pixels.physical_size_y, pixels.size_c, pixels.size_z) == (0.2, 0.5, 1, 1)


STRANGER = """<?xml version="1.0" encoding="UTF-8"?>
<ome:OME xmlns:ome="http://www.openmicroscopy.org/Schemas/OME/2016-06"
  xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" UUID="urn:uuid:c4f1e2a0-0000-4000-8000-000000000001"
  xsi:schemaLocation="http://www.openmicroscopy.org/Schemas/OME/2016-06 http://www.openmicroscopy.org/Schemas/OME/2016-06/ome.xsd">
  <ome:Image ID="Image:0" Name="cells &amp; more">
    <ome:Pixels BigEndian="true" DimensionOrder="XYZCT" ID="Pixels:0" PhysicalSizeX="0.3" PhysicalSizeY="0.3"
      SignificantBits="12" SizeC="2" SizeT="1" SizeX="14" SizeY="10" SizeZ="3" Type="uint16">
      <ome:Channel ID="Channel:0:0" Name="first" SamplesPerPixel="1"/>
      <ome:Channel ID="Channel:0:1" Name="second" SamplesPerPixel="1"/>
      <ome:TiffData FirstC="1" FirstT="0" FirstZ="0" IFD="0" PlaneCount="3">
        <ome:UUID FileName="another.ome.tif">urn:uuid:c4f1e2a0-0000-4000-8000-000000000001</ome:UUID>
      </ome:TiffData>
      <ome:TiffData FirstC="0" FirstT="0" FirstZ="0" IFD="3" PlaneCount="3">
        <ome:UUID FileName="another.ome.tif">urn:uuid:c4f1e2a0-0000-4000-8000-000000000001</ome:UUID>
      </ome:TiffData>
      <ome:Plane DeltaT="5.0" TheC="0" TheT="0" TheZ="1"/>
      <ome:Plane DeltaT="7.0" TheC="1" TheT="0" TheZ="1"/>
    </ome:Pixels>
    <ome:ROIRef ID="ROI:0"/>
  </ome:Image>
  <ome:ROI ID="ROI:0"><ome:Union><ome:Point ID="Shape:0" X="3" Y="3"/></ome:Union></ome:ROI>
</ome:OME>"""


def test_a_strangers_ome_in_its_own_order(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pages = np.random.default_rng(1).integers(0, 4000, (6, 10, 14)).astype(">u2")
    tifffile.imwrite(
        "a.tif", pages, byteorder=">", description=STRANGER.encode(), metadata=None, photometric="minisblack"
    )
    line = "warning: a.tif: the output does not keep its OME regions\n"
    assert said("downsample", "-m", "max", "a.tif", "-o", "b.tif") == line
    pixels, axes, values = read_ome("b.tif")
    assert (axes, values.shape) == ("CZYX", (2, 3, 5, 7))
    np.testing.assert_array_equal(values[1, 2], poolcli.downsample(pages[2], "max"))  # whose channel comes first
    np.testing.assert_array_equal(values[0, 1], poolcli.downsample(pages[4], "max"))
    assert [channel.name for channel in pixels.channels] == ["first", "second"]
    assert (pixels.physical_size_x, pixels.significant_bits, len(pixels.planes)) == (0.6, 12, 2)
    with tifffile.TiffFile("b.tif") as file:
        assert "UUID" not in file.ome_metadata
        assert 'Name="cells &amp; more"' in file.ome_metadata
    said("downsample", "-m", "max", "--frame", "1", "--dtype", "uint8", "a.tif", "-o", "c.tif")
    pixels, axes, values = read_ome("c.tif")
    assert [channel.name for channel in pixels.channels] == ["second"]
    assert [(plane.delta_t, plane.the_c, plane.the_z) for plane in pixels.planes] == [(7.0, 0, 0)]
    assert (pixels.type.value, pixels.significant_bits) == ("uint8", None)


def test_ome_of_colours(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    image = np.random.default_rng(0).integers(0, 200, (3, 8, 10, 3)).astype(np.uint8)
    metadata = {"axes": "ZYXS", "PhysicalSizeX": 2.0}
    tifffile.imwrite("a.ome.tif", image, ome=True, photometric="rgb", metadata=metadata)
    assert said("downsample", "-m", "max", "a.ome.tif", "-o", "b.tif") == ""
    pixels, axes, values = read_ome("b.tif")
    assert (axes, values.shape, pixels.physical_size_x) == ("ZYXS", (3, 4, 5, 3), 4.0)
    np.testing.assert_array_equal(values, poolcli.downsample(image, "max"))


@pytest.mark.parametrize(
    ("line", "lost"),
    [
        ("downsample -m max -o b.npy", "axes, pixel size and channel names"),
        ("downsample -m max --frame 0 -o b.png", "axes, pixel size and channel names"),
        ("downsample -m kmax --k 2 -o b.tif", "axes, pixel size and channel names"),  # whose pages are others
        ("downsample -m max --dtype int64 -o b.tif", "axes, pixel size and channel names"),  # OME has no such type
        ("downsample -m space-to-depth -o b.tif", "axes, pixel size and channel names"),
        ("downsample -m max --strip -o b.tif", ""),
    ],
)
def test_what_an_output_cannot_hold_is_told(line, lost, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tifffile.imwrite("a.tif", stack(), ome=True, photometric="minisblack", metadata=AXES)
    expected = f"warning: a.tif: the output does not keep its OME {lost}\n" if lost else ""
    assert said(*line.split(), "a.tif") == expected
    if line.endswith(".tif"):
        with tifffile.TiffFile("b.tif") as file:
            assert not file.is_ome


def test_a_text_of_keys_keeps_its_bytes(tmp_path, monkeypatch):
    """The keys say where in it a name begins and how long it is."""
    monkeypatch.chdir(tmp_path)
    for name in ("Lübeck|".encode(), "Lübeck|".encode("cp1252")):
        tags = [
            tag(34735, 3, (*KEYS[:3], 1, 1026, 34737, len(name), 0)),
            (34737, 2, len(name) + 1, name + b"\0", False),
        ]
        tifffile.imwrite("a.tif", np.zeros((8, 8), np.uint8), extratags=tags, metadata=None)
        assert said("downsample", "-m", "max", "a.tif", "-o", "b.tif", "--overwrite") == ""
        with open("b.tif", "rb") as file:
            assert name + b"\0" in file.read()


def test_ome_that_is_damaged_or_too_deep_is_left_out(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    deep = "<a>" * 5000 + "</a>" * 5000
    whole = STRANGER.replace('SizeZ="3"', 'SizeZ="1"').replace('SizeC="2"', 'SizeC="1"')
    for text in (whole.replace("<ome:ROIRef", f"{deep}<ome:ROIRef"), whole.replace('SizeT="1"', ""), whole[9:]):
        description = text.encode()
        tifffile.imwrite("a.tif", np.zeros((10, 14), np.uint8), description=description, metadata=None)
        lines = said("downsample", "-m", "max", "a.tif", "-o", "b.tif", "--overwrite")
        assert lines.startswith("warning: a.tif: the output does not keep its OME ")
        assert lines.count("\n") == 1
        assert tags_of("b.tif", 270) == [""]


def test_pages_of_which_ome_does_not_speak(tmp_path, monkeypatch):
    """Some pages of a set of files, or another size than that of the pages: none of it is taken over."""
    monkeypatch.chdir(tmp_path)
    for name, shape in {"some": (2, 10, 14), "other": (6, 8, 8)}.items():
        tifffile.imwrite(
            f"{name}.tif", np.zeros(shape, np.uint16), description=STRANGER.encode(), metadata=None,
            photometric="minisblack",
        )  # fmt: skip
        lost = "axes, pixel size, channel names and regions"
        line = f"warning: {name}.tif: the output does not keep its OME {lost}\n"
        assert said("downsample", "-m", "max", f"{name}.tif") == line


LABELS = [f"plane {number}" for number in range(24)]
IMAGEJ = {
    "axes": "TZCYX",
    "unit": "um",
    "spacing": 1.5,
    "mode": "composite",
    "min": 3.0,
    "max": 190.0,
    "Labels": LABELS,
    "Ranges": (0.0, 10.0, 0.0, 20.0, 0.0, 30.0, 0.0, 40.0),
    "LUTs": [np.full((3, 256), number, np.uint8) for number in range(4)],
}


@pytest.mark.parametrize("compression", ["default", "fast"])
def test_imagej(compression, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    image = stack()
    tifffile.imwrite("a.tif", image, imagej=True, resolution=(5.0, 2.5), metadata=IMAGEJ)
    line = ("downsample", "-m", "max", "-F", "3", "-S", "2", "--compression", compression)
    assert said(*line, "a.tif", "-o", "b.tif") == ""
    with tifffile.TiffFile("b.tif") as file:
        (series,), known = file.series, file.imagej_metadata
        assert (series.kind, series.axes, series.shape) == ("imagej", "TZCYX", (2, 3, 4, 4, 6))
        np.testing.assert_array_equal(
            series.asarray()[1, 2, 3], poolcli.downsample(image[1, 2, 3], "max", kernel_size=3, stride=2)
        )
        assert file.pages[0].tags.valueof(282) == (5, 2)
        assert file.pages[0].tags.valueof(283) == (5, 4)
        assert (known["unit"], known["spacing"], known["mode"]) == ("um", 1.5, "composite")
        assert (known["xorigin"], known["yorigin"]) == (-0.25, -0.25)  # its corner is half a pixel further in
        assert (known["Labels"], known["Ranges"], known["min"]) == (LABELS, IMAGEJ["Ranges"], 3.0)
        assert [int(table[0, 0]) for table in known["LUTs"]] == [0, 1, 2, 3]
        if compression == "fast":  # ImageJ reads the first page's offset and all that follows
            offsets = [page.dataoffsets[0] for page in file.pages]
            assert np.diff(offsets).tolist() == [24] * 23


def test_planes_behind_one_page_are_all_read(tmp_path, monkeypatch):
    """ImageJ writes one directory where a stack is larger than 4 GB."""
    monkeypatch.chdir(tmp_path)
    tifffile.imwrite("pages.tif", stack(), imagej=True, resolution=(5.0, 2.5), metadata=IMAGEJ)
    content = bytearray(Path("pages.tif").read_bytes())
    order = {b"II": "<", b"MM": ">"}[bytes(content[:2])]
    (first,) = struct.unpack_from(f"{order}I", content, 4)
    (tags,) = struct.unpack_from(f"{order}H", content, first)
    struct.pack_into(f"{order}I", content, first + 2 + 12 * tags, 0)  # no page follows
    Path("one.tif").write_bytes(content)
    with tifffile.TiffFile("one.tif") as file:
        assert len(file.pages) == 1
    for name in ("pages", "one"):
        for more in ((), ("--tile", "2")):
            said("downsample", "-m", "max", f"{name}.tif", "-o", f"{name}_max.tif", "--overwrite", *more)
        with tifffile.TiffFile(f"{name}_max.tif") as file:
            assert (file.series[0].axes, file.series[0].shape) == ("TZCYX", (2, 3, 4, 5, 7))
    np.testing.assert_array_equal(tifffile.imread("one_max.tif"), tifffile.imread("pages_max.tif"))
    said("downsample", "-m", "max", "one.tif", "-o", "last.tif", "--frame", "23")
    np.testing.assert_array_equal(tifffile.imread("last.tif"), tifffile.imread("pages_max.tif")[1, 2, 3])


def test_one_page_of_imagej_and_another_dtype(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tifffile.imwrite("a.tif", stack(), imagej=True, resolution=(5.0, 2.5), metadata=IMAGEJ)
    line = "warning: a.tif: the output does not keep its ImageJ axes\n"
    assert said("downsample", "-m", "max", "--frame", "18", "a.tif", "-o", "b.tif") == line
    with tifffile.TiffFile("b.tif") as file:
        known = file.imagej_metadata
        assert (known["unit"], known["Labels"], known["Ranges"]) == ("um", "plane 18", (0.0, 30.0))
        assert int(known["LUTs"][0, 0]) == 2
        assert "channels" not in known
        assert file.pages[0].tags.valueof(282) == (5, 2)
    assert said("upsample", "-m", "nearest", "--dtype", "uint16", "a.tif", "-o", "c.tif") == ""
    with tifffile.TiffFile("c.tif") as file:
        assert file.series[0].shape == (2, 3, 4, 20, 28)
        assert not {"min", "max", "Ranges", "xorigin"} & {*file.imagej_metadata}
        assert file.pages[0].tags.valueof(282) == (10, 1)


def test_planes_of_one_imagej_page_have_its_pixel_size(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tifffile.imwrite("a.tif", stack(), imagej=True, resolution=(5.0, 2.5), metadata=IMAGEJ)
    line = "warning: a.tif: the output does not keep its ImageJ axes and labels\n"
    assert said("downsample", "-m", "kmax", "--k", "2", "a.tif", "-o", "b.tif") == line
    with tifffile.TiffFile("b.tif") as file:
        assert (len(file.pages), file.series[0].shape) == (48, (48, 5, 7))
        assert (file.imagej_metadata["unit"], "Labels" in file.imagej_metadata) == ("um", False)
        assert {page.tags.valueof(283) for page in file.pages} == {(5, 4)}


@pytest.mark.parametrize("resolution", [(2**32 - 1, 1), (1, 2**32 - 1)])
def test_pixel_sizes_beyond_those_that_tags_hold(resolution, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    metadata = {"unit": "um"}
    tifffile.imwrite(
        "a.tif", np.zeros((8, 8), np.uint8), imagej=True, resolution=(resolution, (3, 1)), metadata=metadata
    )
    command = ("upsample", "-m", "nearest") if resolution[1] == 1 else ("downsample", "-m", "max")
    assert said(*command, "a.tif", "-o", "b.tif") == ""
    assert tags_of("b.tif", 282, 283) == [(1, 1), (1, 1)]


def test_regions_of_imagej_are_those_of_other_pixels(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tifffile.imwrite("a.tif", stack()[0, 0, 0], imagej=True, metadata={"ROI": b"Iout", "Info": "of a microscope"})
    assert said("downsample", "-m", "max", "a.tif", "-o", "b.tif") == (
        "warning: a.tif: the output does not keep its ImageJ regions\n"
    )
    with tifffile.TiffFile("b.tif") as file:
        assert file.imagej_metadata["Info"] == "of a microscope"
        assert "ROI" not in file.imagej_metadata


def test_images_read_in_python_keep_it_at_their_size(tmp_path):
    path, copy, small = (tmp_path / name for name in ("a.tif", "b.tif", "c.tif"))
    geotiff(path, np.arange(80, dtype=np.uint8).reshape(8, 10))
    image, info = poolcli.read_image(path)
    poolcli.write_image(image.astype(np.float32), copy, info)
    assert geotransform(copy) == geotransform(path)
    poolcli.write_image(poolcli.downsample(image, "max"), small, info)
    assert tags_of(small, 33550, 33922, 34735) == [None, None, None]
    poolcli.write_image(image, small, info, strip=True, overwrite=True)
    assert tags_of(small, 33550) == [None]
    tifffile.imwrite(path, stack(), ome=True, photometric="minisblack", metadata=AXES)
    page, info = poolcli.read_image(path, frame=2)
    poolcli.write_image(page, copy, info, overwrite=True)
    pixels, axes, _ = read_ome(copy)
    assert (axes, pixels.physical_size_x, pixels.channels[0].name) == ("YX", 0.1, "Cy5")
