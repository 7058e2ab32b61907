"""Why a target is missed, and what was tried: of a work, or of all of a group that have no reason of their own."""

from __future__ import annotations

from collections.abc import Mapping

UNKNOWN = "not known yet."

_START = (
    "Python with NumPy, Pillow, Click and Numba takes 0.25 s to start, and kernels 0.08 s to load from the cache, "
    "before the first pixel is computed. The image is decoded meanwhile. Tried: no registries of Numba's compiler "
    "(0.1 s less), no garbage collection while modules are imported, NumPy without threads of its own."
)
_FIRST = (
    "Numba takes four fifths of it, its types and its code, and LLVM the rest. Tried: loops compiled for the taps and "
    "the planes that they have (a fifth less), no machine code of functions that become part of others and a launcher "
    "without a parallel loop of Numba's (two fifths less), both kept; lower levels of LLVM (a tenth less)."
)
_MAJORITY = (
    "the window of 16 is sorted by a network of 63 exchanges. Tried: counters as wide as the values (a quarter less, "
    "kept); windows of four are in registers."
)
_BYTES = (
    "bytes become floats, and are rounded once. Peers use weights of 16 bits and round after each of the two passes. "
    "Tried: tiles for the first-level cache, eight rows at a time, and to convert once for two outputs."
)
_MEMORY = "both move all numbers once, at the speed of the memory. Tried: stores past the cache, which gain 5 %."
_DECODER = "the decoder of this format needs the whole image, and copies of it."

REASONS: Mapping[tuple[str, str], str] = {
    (
        "downsample",
        "min 2x2/2 uint8 RGB",
    ): "the kernel is that of max, which meets its target; OpenCV's minimum is faster than its maximum.",
    (
        "downsample",
        "average 2x2/2 uint16 RGB",
    ): "both read the image at the speed of the memory, about 25 GB/s: 1.0 to 1.1 in all runs.",
    (
        "downsample",
        "average 8x8/8 float32 RGB",
    ): "both read the image at the speed of the memory, about 28 GB/s: 1.0 to 1.1 in all runs.",
    (
        "downsample",
        "majority 2x2/2 uint64 labels",
    ): "the smaller of two unsigned numbers of 64 bits takes several instructions here, of 8 to 32 bits one.",
    ("downsample", "max 3x3/1 float32 RGB"): "comparisons that keep NaN take three instructions, and OpenCV's, which "
    "lose it, one. Tried: windows that slide (a fifth less, kept).",
    ("downsample", "average 2x2/2 uint8 grey"): "LLVM deals pairs of bytes out with three shuffles a vector, where "
    "OpenCV adds them by one instruction. Three rounded means, without leaving bytes, are kept (1.6 times faster).",
    ("downsample", "median 3x3/1 uint8 grey"): "each window is sorted in registers. Tried: each column sorted once for "
    "three windows (a third slower: its three rows leave the first-level cache).",
    ("downsample", "median 31x31/1 uint8 RGB"): "of noise. Photographs take 1.2 to 1.5 times OpenCV's time, where that "
    "skips digits that are empty. Tried: histograms of columns in 16 bits (12 times faster than to sort, kept).",
    **{("downsample", f"majority 4x4/4 {dtype} labels"): _MAJORITY for dtype in ("uint8", "uint16", "uint64")},
    ("upsample", ""): _BYTES,
    ("resize", ""): _BYTES,
    ("reduce", "gap uint8"): "both read the image at the speed of the memory, about 25 GB/s: 1.0 to 1.4 in all runs.",
    (
        "reduce",
        "soft float32",
    ): "sums of many weights in float32 would err by more than 1e-6: they are of float64, with half the lanes.",
    (
        "reduce",
        "covariance of a map, float32",
    ): "against NumPy's product in float32; sums here are of float64, as those that NumPy takes twice the time for.",
    (
        "backward",
        "",
    ): f"{_MEMORY} The ratio follows the state of the memory: 0.36 to 0.40 where both get new pages, 0.76 "
    "where both use pages again, and more while the host of a virtual machine takes pages back: huge pages, which "
    "NumPy asks for and PyTorch does not, then take 50 ms in the place of 5.",
    ("maps", ""): f"{_MEMORY} PyTorch's additions of neighbours are written with the processor's own instructions.",
    ("files", ""): _START,
    ("files", "average 2x2 of a TIFF into another"): f"{_START} TIFF is compressed, which takes 0.08 s; the fastest "
    "peers write it as it is.",
    ("folders", ""): f"{_START} A file more takes as long as in the fastest script.",
    ("pyramids", "pyramid of average"): "GDAL reads the image once, and makes each level of the rounded one before: "
    "poolcli reads it twice, for level 1 and for the sums of all others. Tried, and kept: tiles copied as they are "
    "stored, as GDAL does, and sums of 16 bits (both 1.5 times faster).",
    (
        "pyramids",
        "pyramid of average, OME-Zarr",
    ): "of 105 megapixels: Python with Numba takes 0.4 s of it to start, and Zarr 0.2 s; of 420 it is faster than "
    "TensorStore. Tried, and kept: zarrs for the chunks (twice as fast).",
    ("start", ""): _FIRST,
    **{("start", f"{mode} 2x2 of a small PNG"): _START for mode in ("average", "gem")},
    ("memory", ""): _DECODER,
}
