"""Parameters of the modes: one table for the checks of the API and for the options of the command line."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Any, TypedDict, TypeVar

Row = TypeVar("Row")

DTYPES = (
    "bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float16", "float32", "float64"
)  # fmt: skip
"""What images may be of; here, for the command line to know without NumPy."""

SAME = ("same", "same-lower")
"""Words for padding that follows from the size: the odd pixel goes after the image, or before it."""


class Parameters(TypedDict, total=False):
    """What a mode takes beside what all of its function take."""

    q: float
    k: int
    combine: str
    count_include_pad: bool
    p: float
    norm: str
    lam: float
    beta: float
    seed: int
    weights: Any
    levels: int | tuple[int, ...]
    pool: str
    order: str
    center: bool
    power: float
    log: bool
    top_k: int
    matrix: bool
    cubic_a: float
    lobes: int
    coordinates: str
    border: str
    fill: float
    rounding: str


class Convolution(Parameters, total=False):
    """What `upsample` takes beside these."""

    indices: Any
    enlarge: str
    kernel_size: int | tuple[int, int]
    padding: int | tuple[int, int] | tuple[int, int, int, int] | str
    output_padding: int | tuple[int, int]
    dilation: int | tuple[int, int]
    groups: int


@dataclass(frozen=True)
class Parameter:
    """One parameter: its type, its default, the values that it may take."""

    name: str
    type: type
    default: Any
    help: str
    low: float = -math.inf
    high: float = math.inf
    above: bool = False  # `low` itself is not allowed
    choices: tuple[str, ...] = ()
    counts: tuple[int, ...] = ()  # how many numbers there may be, of several; any unless given
    choices_in: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # of some modes; the first is the default
    help_in: Mapping[str, str] = field(default_factory=dict)  # of some modes

    def of(self, mode: str) -> Parameter:
        """Return the parameter as a mode has it."""
        choices = self.choices_in.get(mode, self.choices)
        default = choices[0] if mode in self.choices_in else self.default
        return replace(self, choices=choices, default=default, help=self.help_in.get(mode, self.help))

    @property
    def allowed(self) -> str:
        """Return the allowed values in words."""
        if self.counts:
            several = " or ".join(f"{count}" for count in self.counts[1:])
            words = "".join(f", or {word}" for word in self.choices)
            return f"a whole number from {self.low:g} to {_short(self.high)}, or {several} of them{words}"
        if self.choices:
            return " or ".join((*self.choices, "a path") if self.type is object else self.choices)
        if self.type is bool:
            return "True or False"
        if self.type is object:
            return "a path or a mapping of arrays"
        if self.type is tuple:
            upper = f" to {self.high:g}" if self.high < math.inf else ""
            return f"whole numbers from {self.low:g}{upper}"
        kind = {int: "a whole number", str: "a name"}.get(self.type, "a finite number")
        if self.high < math.inf:
            return f"{kind} from {_short(self.low)} to {_short(self.high)}"
        if self.low > -math.inf:
            return f"{kind} {'above' if self.above else 'of at least'} {self.low:g}"
        return kind

    @property
    def shown(self) -> str:
        """Return the default as help shows it."""
        if self.type is tuple:
            return ",".join(map(str, self.default))
        return f"{self.default:g}" if self.type is float else str(self.default)

    def check(self, value: Any) -> Any:
        """Return the value as this parameter's type, or raise a ValueError that tells what is allowed."""
        if self.type is object or (value is None and self.default is None):
            return value
        if self.type is tuple:
            return self._check_all(value)
        try:
            number = self.type(value)
            right = number == value and not (isinstance(value, bool) and self.type is not bool)
        except (TypeError, ValueError, OverflowError):
            right = False
        if right and self.choices:
            right = number in self.choices
        elif right and self.type not in (bool, str):
            right = self.low <= number <= self.high and not (self.above and number == self.low)
            right = right and abs(number) < math.inf
        if not right:
            raise ValueError(f"{self.name}={value!r} is not allowed: {self.name} must be {self.allowed}")
        return number

    def _check_all(self, value: Any) -> tuple[int, ...] | str:
        if isinstance(value, str) and value in self.choices:
            return value
        try:
            numbers = tuple(
                operator.index(number) for number in (value if isinstance(value, (tuple, list)) else [value])
            )
        except TypeError:
            numbers = ()
        right = numbers and self.low <= min(numbers) and max(numbers) <= self.high and not isinstance(value, bool)
        if not right or (self.counts and len(numbers) not in self.counts):
            raise ValueError(f"{self.name}={value!r} is not allowed: {self.name} must be {self.allowed}")
        return numbers


def _short(number: float) -> str:
    powers: dict[float, str] = {2**31: "2^31", 2**63 - 1: "2^63 - 1"}
    return powers.get(number, f"{number:g}")


_CONVOLVING = ("transposed", "resize-conv", "subpixel")

PARAMETERS: Mapping[str, Parameter] = {
    parameter.name: parameter
    for parameter in (
        Parameter("q", float, 50.0, "rank of the value, in percent of the sorted window", 0, 100),
        Parameter("k", int, 2, "how many of the largest values", 1),
        Parameter("combine", str, "planes", "what becomes of the k values", choices=("planes", "mean")),
        Parameter("count_include_pad", bool, False, "count the padding in n"),
        Parameter("p", float, 3.0, "exponent", 0, above=True),
        Parameter("norm", str, "size", "divide the root by n (size), the sum by n (mean), nothing (sum)",
                  choices=("size", "mean", "sum"), choices_in={"lip": ("weights", "count")},
                  help_in={"lip": "divide by the sum of the weights (weights), or by that and n (count)"}),
        Parameter("lam", float, 0.5, "share of the maximum", 0, 1),
        Parameter("beta", float, 1.0, "sharpness: multiplies the values before the exponential"),
        Parameter("seed", int, 0, "number that the draws depend on", 0, 2**63 - 1),
        Parameter("weights", object, None, "file with the weights of the network",
                  choices_in=dict.fromkeys(_CONVOLVING, ("bilinear", "box", "gaussian")),
                  help_in=dict.fromkeys(_CONVOLVING, "weights of the convolution")),
        Parameter("levels", tuple, (1, 2, 4), "bins along each axis, level after level", 1, 1024),
        Parameter("pool", str, "max", "mode of every bin"),
        Parameter("order", str, "rows", "read rows or columns one after the other", choices=("rows", "columns"),
                  choices_in=dict.fromkeys(("subpixel", "depth-to-space", "space-to-depth"), ("crd", "dcr")),
                  help_in={**dict.fromkeys(("subpixel", "depth-to-space"),
                                           "order of the channels that become S x S pixels, as in ONNX"),
                           "space-to-depth": "order of the channels that F x F pixels become, as in ONNX"}),
        Parameter("center", bool, False, "subtract the mean of each channel first"),
        Parameter("power", float, 1.0, "exponent of the eigenvalues", 0, above=True),
        Parameter("log", bool, False, "take the logarithm of the eigenvalues"),
        Parameter("top_k", int, 0, "how many of the largest eigenvalues stay, 0 for all", 0),
        Parameter("matrix", bool, False, "give the whole matrix, not its upper triangle"),
        Parameter("cubic_a", float, -0.5, "slope of the cubic at distance 1; -0.75 in PyTorch and OpenCV", -3, 3),
        Parameter("lobes", int, 3, "of the sinc, to each side", 1, 16),
        Parameter("coordinates", str, "half-pixel", "where the pixels of the output lie", choices=(
            "half-pixel", "align-corners", "asymmetric", "half-pixel-symmetric", "pytorch-half-pixel")),
        Parameter("border", str, "edge", "what lies beyond the image",
                  choices=("edge", "reflect", "wrap", "constant", "exclude"),
                  choices_in=dict.fromkeys(("resize-conv", "subpixel"), ("edge", "reflect", "wrap", "constant"))),
        Parameter("fill", float, 0.0, "value of the constant border"),
        Parameter("rounding", str, "half-up", "which of two pixels is nearest",
                  choices=("half-up", "half-down", "floor", "ceil")),
        Parameter("indices", object, None, "file of where max took its values from"),
        Parameter("kernel_size", tuple, None, "window of the weights, in pixels", 1, 2**31, counts=(1, 2)),
        Parameter("padding", tuple, None, "pixels cut off around the output, all beyond S times the input unless given",
                  0, 2**31, choices=SAME, counts=(1, 2, 4)),
        Parameter("output_padding", tuple, None, "pixels added after the output", 0, 2**31, counts=(1, 2)),
        Parameter("dilation", tuple, None, "distance between the weights, in pixels", 1, 2**31, counts=(1, 2)),
        Parameter("groups", int, 1, "how many groups of channels are convolved, each by itself", 1, 2**31),
        Parameter("enlarge", str, "nearest", "what comes before the convolution", choices=("nearest", "bilinear")),
    )
}  # fmt: skip


def find(modes: Mapping[str, Row], mode: Any) -> Row:
    """Return the row of a mode in a table, or raise a ValueError that lists the modes."""
    if not isinstance(mode, str) or mode not in modes:
        raise ValueError(unknown("mode", mode, modes))
    return modes[mode]


_OTHER_NAMES = {"mean": "average", "avg": "average", "linear": "bilinear", "triangle": "bilinear", "cubic": "bicubic",
                "maximum": "max", "minimum": "min", "mode": "majority", "box": "average", "area": "average",
                "commonest": "majority", "global_average": "gap", "global_max": "gmp", "softmax": "soft",
                "deconvolution": "transposed", "conv_transpose": "transposed", "pixel_shuffle": "subpixel",
                "pixel_unshuffle": "space-to-depth", "neighbor": "nearest", "neighbour": "nearest"}  # fmt: skip
"""What others call our modes."""

_POOL = re.compile(r"[-_ ]?pool(ing)?[-_]?([12]d)?$")

_ARGUMENTS = (
    "kernel_size",
    "stride",
    "padding",
    "wide_padding",
    "dilation",
    "ceil",
    "size",
    "scale",
    "dtype",
    "layout",
    "antialias",
)


def unknown(kind: str, name: Any, names: Iterable[str], beside: Iterable[str] = ()) -> str:
    """Return what is said of a name that there is not: which one is near, if one is, and all that there are.

    >>> unknown("mode", "Mean", ["max", "average"])
    "there is no mode 'Mean', did you mean average? The modes are max, average"
    >>> unknown("mode", "x", ["max", "average"])
    "there is no mode 'x': the modes are max, average"
    """
    names, low = [*names], _POOL.sub("", str(name).lower()).replace("-", "_")
    low = low if low in names or low in _OTHER_NAMES else str(name).lower()
    known = low if low in names else _OTHER_NAMES.get(low)
    near = [known] if known in names else get_close_matches(low, [*names, *beside], 1, 0.55)
    hint = f", did you mean {near[0]}? The" if near else ": the"
    return f"there is no {kind} {name!r}{hint} {kind}s are {', '.join(names)}"


def flag(name: str, value: Any) -> bool:
    """Return True or False, or raise a ValueError: the text "no" is true to Python.

    >>> flag("ceil", 1)
    True
    """
    return bool(Parameter(name, bool, False, "").check(value))


def resolve(
    mode: str,
    takes: tuple[str, ...],
    given: Mapping[str, Any],
    modes: Mapping[str, tuple[str, ...]],
    inner: str = "",
) -> Any:
    """Return all parameters of a mode: those given, checked, and the defaults of the others.

    `modes` tells what each mode takes; a parameter that this one does not take is an error that names those that do.
    `inner` is the mode that this one applies.
    """
    known = dict.fromkeys(name for names in modes.values() for name in names)
    for name in given:
        if name not in known:
            raise TypeError(unknown("parameter", name, known, _ARGUMENTS))
        if name not in takes:
            fitting = ", ".join(other for other, names in modes.items() if name in names)
            raise ValueError(f"mode {mode!r} takes no {name}: the modes that do are {fitting}")
    rows = {name: PARAMETERS[name].of(inner or mode) for name in takes}
    return {name: row.check(given[name]) if name in given else row.default for name, row in rows.items()}
