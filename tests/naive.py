"""The plain twin of every operator: loops over windows, lists of values, the formula; slow and obvious.

Nothing here rounds, saturates or knows a dtype: values go in as Python numbers and come out as Python numbers, so that
a test can say how far from the true value a result may be.
"""

import math
from typing import NamedTuple

import numpy as np


class Place(NamedTuple):
    """Where a value of the output stands."""

    row: int
    column: int
    channel: int


def taps(n, kernel_size, stride, padding=0, dilation=1, ceil=False, size=None):
    """Return, for each window along an axis of n, the positions of its taps in the padded axis, and the padding."""
    if size is not None:
        return [list(range(math.floor(i * n / size), math.ceil((i + 1) * n / size))) for i in range(size)], 0
    span = dilation * (kernel_size - 1) + 1
    if padding in ("same", "same-lower"):
        windows = math.ceil(n / stride)
        total = max((windows - 1) * stride + span - n, 0)
        before, after = total // 2, total - total // 2
        if padding == "same-lower":
            before, after = after, before
    else:
        before, after = padding if isinstance(padding, tuple) else (padding, padding)
        steps = (n + before + after - span) / stride
        windows = (math.ceil(steps) if ceil else math.floor(steps)) + 1
        if ceil and (windows - 1) * stride >= n + before:
            windows -= 1
    return [[i * stride - before + k * dilation for k in range(kernel_size)] for i in range(windows)], after


def downsample(image, mode, *, kernel_size=2, stride=None, padding=0, dilation=1, ceil=False, size=None, **parameters):
    """Return the pooled (H, W, C) image as an array of Python numbers, before any rounding."""
    found = windows(image.shape, kernel_size, stride, padding, dilation, ceil, size)
    out = np.empty((*np.add(list(found)[-1], 1), image.shape[2]), object)
    image = marked(image, parameters["ignore"]) if parameters.get("ignore") is not None else image
    for (i, j), (inside, padded) in found.items():
        for c in range(image.shape[2]):
            out[i, j, c] = pool(image, mode, inside, Place(i, j, c), padded, **parameters)
    return out


def pyramid(image, mode, kernel_size, stride, depth, **parameters):
    """Return the smaller levels of an (H, W, C) image, each of windows of the image, as `downsample` has them."""
    windows, apart, levels = (1, 1), (1, 1), []
    for _ in range(depth):
        windows = tuple(wide + (f - 1) * far for wide, f, far in zip(windows, kernel_size, apart, strict=True))
        apart = tuple(far * s for far, s in zip(apart, stride, strict=True))
        levels.append(downsample(image, mode, kernel_size=windows, stride=apart, ceil=True, **parameters))
    return levels


def windows(shape, kernel_size=2, stride=None, padding=0, dilation=1, ceil=False, size=None):
    """Return for each window, by row and column, its pixels in row order, and how many it has with padding."""
    kernel, strides, paddings, dilations, sizes = (
        value if isinstance(value, tuple) else (value, value)
        for value in (kernel_size, kernel_size if stride is None else stride, padding, dilation, size)
    )
    paddings = (paddings[:2], paddings[2:]) if len(paddings) == 4 else paddings
    arguments = [(kernel[a], strides[a], paddings[a], dilations[a], ceil, sizes[a]) for a in (0, 1)]
    height, width = shape[:2]
    (down, below), (across, right) = taps(height, *arguments[0]), taps(width, *arguments[1])
    out = {}
    for i, ys in enumerate(down):
        for j, xs in enumerate(across):
            inside = [(y, x) for y in ys for x in xs if 0 <= y < height and 0 <= x < width]
            padded = sum(y < height + below for y in ys) * sum(x < width + right for x in xs)
            out[i, j] = inside, padded
    return out


def pool(image, mode, inside, place, padded, ignore=None, valid=0, **parameters):
    """Return what a mode makes of the pixels of one window and channel; `ignore` where too few are left of them."""
    if ignore is not None:
        left = [at for at in inside if image[at][place.channel] is not OUTSIDE]
        if not left or len(left) / len(inside) < valid:
            return ignore
        inside = left
    r = [as_number(image[y, x, place.channel]) for y, x in inside]
    if not r:
        is_sum = parameters.get("count_include_pad") or parameters.get("norm") == "sum"
        return {"max": -math.inf, "min": math.inf}.get(mode, 0.0 if is_sum else math.nan)
    if any(value != value for value in r):
        return math.nan
    if mode == "blur":
        return blur(image[:, :, place.channel], inside)
    if mode == "lip":
        return lip(image, inside, place.channel, **parameters)
    if mode in ("random", "stochastic"):
        return MODES[mode](r, place=place, **parameters)
    if parameters.get("count_include_pad"):
        return MODES[mode](r, n=padded, **_without(parameters, "count_include_pad"))
    return MODES[mode](r, **parameters)


class Outside(int):
    """A value that is outside every window: the convolution of lip sees 0."""


OUTSIDE = Outside(0)


def means_none(value, ignore):
    return value == ignore or (value != value and ignore != ignore)


def marked(image, ignore):
    """Return an image of Python numbers with OUTSIDE for those that mean none."""
    out = image.astype(object)
    for at in np.ndindex(out.shape):
        if means_none(out[at], ignore):
            out[at] = OUTSIDE
    return out


def as_number(value):
    return value.item() if hasattr(value, "item") else value


def _without(parameters, name):
    return {key: value for key, value in parameters.items() if key != name}


def indices(image, values, ignore=None, **geometry):
    """Return row * width + column of the pixels that the values (planes, rows, columns, C) were taken from.

    Of equal pixels it is the first in row order, and for the next plane with that value the next; of none it is -1.
    """
    out = np.empty(values.shape, np.int64)
    for (i, j), (inside, _) in windows(image.shape, **geometry).items():
        for c in range(image.shape[2]):
            left = [at for at in inside if ignore is None or not means_none(image[at][c], ignore)]
            out[:, i, j, c] = -1
            for p, value in enumerate(values[:, i, j, c] if left else ()):
                equal = [
                    at for at in left if image[at][c] == value or (value != value and image[at][c] != image[at][c])
                ]
                if equal:  # else the window has fewer pixels than there are planes: its last again
                    y, x = equal[0]
                    left.remove((y, x))
                out[p, i, j, c] = y * image.shape[1] + x
    return out


def downsample_backward(grad, image, mode, *, kernel_size=2, stride=None, padding=0, dilation=1, ceil=False, size=None,
                        **parameters):  # fmt: skip
    """Return the gradient of sum(grad * out), (H, W, C), for a grad (planes, rows, columns, C)."""
    found = windows(image.shape, kernel_size, stride, padding, dilation, ceil, size)
    out = np.zeros(image.shape)
    for (i, j), (inside, padded) in found.items():
        for c in range(image.shape[2] if inside else 0):
            r = [image[y, x, c].item() for y, x in inside]
            n = padded if parameters.get("count_include_pad") else len(r)
            place = Place(i, j, c)
            if mode == "lip":
                for at, share in lip_shares(image, inside, c, **parameters).items():
                    out[at] += grad[0, i, j, c] * share
                continue
            if mode == "blur":
                shares = [blur_shares(inside, image.shape)]
            else:
                slopes = SLOPES.get(mode, taken)
                own = {**_without(parameters, "count_include_pad"), "mode": mode, "n": n, "place": place}
                shares = [dict(zip(inside, one, strict=True)) for one in slopes(r, **own)]
            for p, one in enumerate(shares):
                for (y, x), share in one.items():
                    out[y, x, c] += grad[p, i, j, c] * share
    return out


def taken(r, mode, n, place, **parameters):
    """Return for each plane 1 for the value that is taken, the first of equal ones, and 0 for the others."""
    own = {"place": place} if mode in ("random", "stochastic") else {}
    values = MODES[mode](r, **parameters, **own)
    left, found, planes = list(range(len(r))), [], []
    for value in values if isinstance(values, list) else [values]:
        found = [k for k in left if r[k] == value][:1] or found  # the last again, where all are taken
        left = [k for k in left if k not in found]
        planes.append([float(k in found) for k in range(len(r))])
    return planes


def kmax_slopes(r, mode, n, place, k=2, combine="planes"):
    if combine == "planes":
        return taken(r, mode, n, place, k=k)
    each = taken(r, mode, n, place, k=min(k, len(r)))
    return [[sum(share) / len(each) for share in zip(*each, strict=True)]]


def average_slopes(r, mode, n, place):
    return [[1 / n] * len(r)]


def lp_slopes(r, mode, n, place, p=3.0, norm="size"):
    total = sum(abs(value) ** p for value in r)
    over = {"size": n, "mean": n ** (1 / p), "sum": 1}[norm]
    if total == 0:
        return [[0.0] * len(r)]
    return [
        [math.copysign(abs(value) ** (p - 1), value) * total ** (1 / p - 1) / over if value else 0.0 for value in r]
    ]


def l2_slopes(r, mode, n, place, norm="size"):
    return lp_slopes(r, mode, n, place, 2.0, norm)


def gem_slopes(r, mode, n, place, p=3.0):
    return lp_slopes([max(value, 0) for value in r], mode, n, place, p, "mean")


def mixed_slopes(r, mode, n, place, lam=0.5):
    return [[lam * one + (1 - lam) / len(r) for one in taken(r, "max", n, place)[0]]]


def soft_slopes(r, mode, n, place, beta=1.0):
    w = weights(r, beta)
    out = soft(r, beta)
    return [[weight / sum(w) * (1 + beta * (value - out)) for value, weight in zip(r, w, strict=True)]]


def blur_shares(inside, shape):
    """Return by pixel how much it adds to the mean of the pixels in `inside` after (1 2 1) along both axes."""
    shares = {}
    for y, x in inside:
        for dy, down in ((-1, 1), (0, 2), (1, 1)):
            for dx, across in ((-1, 1), (0, 2), (1, 1)):
                at = y + dy, x + dx
                if 0 <= at[0] < shape[0] and 0 <= at[1] < shape[1]:
                    shares[at] = shares.get(at, 0) + down * across
    total = sum(shares.values())
    return {at: share / total for at, share in shares.items()}


SLOPES = {"kmax": kmax_slopes, "average": average_slopes, "l2": l2_slopes, "lp": lp_slopes, "gem": gem_slopes,
          "mixed": mixed_slopes, "soft": soft_slopes}  # fmt: skip


def median(r):
    return sorted(r)[(len(r) - 1) // 2]


def percentile(r, q=50):
    return sorted(r)[math.floor(q * (len(r) - 1) / 100)]


def kmax(r, k=2, combine="planes"):
    largest = sorted(r, reverse=True)[:k]
    return sum(largest) / len(largest) if combine == "mean" else largest + largest[-1:] * (k - len(largest))


def majority(r):
    return min(r, key=lambda value: (-r.count(value), value))


def average(r, n=None):
    return sum(r) / (n or len(r))


def lp(r, p=3.0, norm="size", n=None):
    n = n or len(r)
    largest = max(abs(value) for value in r)
    if largest in (0, math.inf):
        return largest
    total = sum((abs(value) / largest) ** p for value in r)
    if norm == "mean":
        return largest * (total / n) ** (1 / p)
    return largest * total ** (1 / p) / (n if norm == "size" else 1)


def l2(r, norm="size", n=None):
    return lp(r, 2.0, norm, n)


def gem(r, p=3.0):
    return lp([max(value, 0) for value in r], p, "mean")


def mixed(r, lam=0.5):
    return lam * max(r) + (1 - lam) * average(r)


def weights(r, beta):
    heaviest = max(beta * value for value in r)
    return [math.exp(beta * value - heaviest) for value in r]


def soft(r, beta=1.0):
    w = weights(r, beta)
    return sum(value * weight for value, weight in zip(r, w, strict=True)) / sum(w)


def splitmix(x):
    mask = 2**64 - 1
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 & mask
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB & mask
    return x ^ (x >> 31)


def draw(r, w, seed, place):
    odd = 11400714819323198485
    key = splitmix((splitmix((seed + odd) % 2**64) + place.row) % 2**64)
    bits = splitmix(key ^ splitmix((place.column * odd + place.channel) % 2**64))
    share = (bits >> 11) / 2**53 * sum(w)
    for value, weight in zip(r, w, strict=True):
        if share < weight:
            return value
        share -= weight
    return max(r)


def random(r, beta=1.0, seed=0, place=None):
    return draw(r, weights(r, beta), seed, place)


def stochastic(r, seed=0, place=None):
    w = [max(value, 0) for value in r]
    return draw(r, w if any(w) else [1] * len(r), seed, place)


def blur(plane, inside):
    """Average the pixels in `inside` after (1 2 1) along both axes; what lies outside the image weighs nothing."""
    total = weight = 0
    for y, x in inside:
        for dy, down in ((-1, 1), (0, 2), (1, 1)):
            for dx, across in ((-1, 1), (0, 2), (1, 1)):
                if 0 <= y + dy < plane.shape[0] and 0 <= x + dx < plane.shape[1]:
                    if plane[y + dy, x + dx] is OUTSIDE:
                        continue
                    total += down * across * as_number(plane[y + dy, x + dx])
                    weight += down * across
    return total / weight


def lip(image, inside, c, weights, norm="weights", maximum=1.0):
    """Weigh each value by e^G; outside the image the convolution sees 0."""
    w = [math.exp(importance(image, y, x, c, weights, maximum)) for y, x in inside]
    r = [as_number(image[y, x, c]) for y, x in inside]
    total = sum(value * weight for value, weight in zip(r, w, strict=True)) / sum(w)
    return total / len(r) if norm == "count" else total


def importance(image, y, x, c, weights, maximum):
    return importance_and_shares(image, y, x, c, weights, maximum)[0]


def importance_and_shares(image, y, x, c, weights, maximum):
    """Return G of a pixel, and its derivative with respect to each number of the image that it sees."""
    convolution, bias, mix, shift = (weights[name].tolist() for name in NETWORK)
    height, width, _ = image.shape
    seen = [c] if len(mix) == 1 else range(image.shape[2])
    logit = shift[0 if len(mix) == 1 else c]
    shares = {}
    for kernel, b, v in zip(convolution, bias, mix[0 if len(mix) == 1 else c], strict=True):
        total, met = b, {}
        for plane, channel in zip(kernel, seen, strict=True):
            for dy in (-1, 0, 1):
                for dx in (-1, 0, 1):
                    if 0 <= y + dy < height and 0 <= x + dx < width:
                        weight = plane[dy + 1][dx + 1] / maximum
                        total += weight * as_number(image[y + dy, x + dx, channel])
                        met[y + dy, x + dx, channel] = weight
        logit += v * max(total, 0)
        if total > 0:
            for at, weight in met.items():
                shares[at] = shares.get(at, 0) + v * weight
    bound = float(weights.get("bound", 12))
    if not bound:
        return logit, shares
    sigmoid = 1 / (1 + math.exp(-logit))
    return bound * sigmoid, {at: bound * sigmoid * (1 - sigmoid) * share for at, share in shares.items()}


def lip_shares(image, inside, c, weights, norm="weights", maximum=1.0):
    """Return the derivative of lip with respect to each number of the image that one of its networks sees."""
    each = [importance_and_shares(image, y, x, c, weights, maximum) for y, x in inside]
    w = [math.exp(g) for g, _ in each]
    r = [image[y, x, c].item() for y, x in inside]
    out = sum(value * weight for value, weight in zip(r, w, strict=True)) / sum(w)
    over = sum(w) * (len(r) if norm == "count" else 1)
    shares = {}
    for (y, x), (_, slopes), weight, value in zip(inside, each, w, r, strict=True):
        shares[y, x, c] = shares.get((y, x, c), 0) + weight / over
        for at, slope in slopes.items():
            shares[at] = shares.get(at, 0) + weight * (value - out) * slope / over
    return shares


def space_to_depth(r, order="crd"):
    """Return the values of the window as they are; `planes_to_channels` gives them their order among the channels."""
    return list(r)


def planes_to_channels(image, order="crd"):
    """Return (rows, columns, C n) of (rows, columns, C) of lists of n values."""
    rows, columns, channels = image.shape
    n = len(image[0, 0, 0])
    out = np.empty((rows, columns, channels * n), object)
    for i, j, c in np.ndindex(image.shape):
        for s, value in enumerate(image[i, j, c]):
            out[i, j, c * n + s if order == "crd" else s * channels + c] = value
    return out


NETWORK = ("conv.weight", "conv.bias", "logit.weight", "logit.bias")

MODES = {
    "max": max,
    "min": min,
    "median": median,
    "percentile": percentile,
    "kmax": kmax,
    "majority": majority,
    "average": average,
    "l2": l2,
    "lp": lp,
    "gem": gem,
    "mixed": mixed,
    "soft": soft,
    "random": random,
    "stochastic": stochastic,
    "lip": lip,
    "blur": blur,
    "space-to-depth": space_to_depth,
}


def reduce(image, mode, **parameters):
    """Return the vector of an (H, W, C) map, or the matrix, before any rounding; a local mode takes the whole map."""
    if mode in MODES:
        return _in_order(downsample(image, mode, size=1, **parameters))
    return REDUCTIONS[mode](image, **parameters)


def gap(image):
    return _in_order(downsample(image, "average", size=1))


def gmp(image):
    return _in_order(downsample(image, "max", size=1))


def spp(image, levels=(1, 2, 4), pool="max", **parameters):
    return [value for level in levels for value in _in_order(downsample(image, pool, size=level, **parameters))]


def flatten(image, order="rows"):
    height, width, channels = image.shape
    pixels = [(y, x) for y in range(height) for x in range(width)]
    if order == "columns":
        pixels = [(y, x) for x in range(width) for y in range(height)]
    return [image[y, x, c].item() for c in range(channels) for y, x in pixels]


def _in_order(pooled):
    """Return the bins in row order; where each holds k values, those of rank 1 of all channels first."""
    out = []
    for pixel in pooled.reshape(-1, pooled.shape[2]):
        planes = list(zip(*pixel, strict=True)) if isinstance(pixel[0], list) else [pixel]
        out += [value for plane in planes for value in plane]
    return out


def covariance(image, center=False, power=1.0, log=False, top_k=0, matrix=False):
    maps = [[float(value) for value in image[:, :, c].ravel()] for c in range(image.shape[2])]
    n, channels = len(maps[0]), len(maps)
    means = [math.fsum(x) / n if center else 0.0 for x in maps]
    r = np.array(
        [
            [
                math.fsum((a - ma) * (b - mb) for a, b in zip(x, y, strict=True)) / n
                for y, mb in zip(maps, means, strict=True)
            ]
            for x, ma in zip(maps, means, strict=True)
        ]
    )
    if power != 1 or log or top_k:
        u, eigenvalues, _ = np.linalg.svd(r)  # of a positive semidefinite matrix: the same as its eigenvectors
        keep = top_k or channels
        floor = channels * max(2.0**-50 * eigenvalues[0], 2.0**-1022)
        lifted = [
            math.log(max(value, floor)) if log else value**power if value > floor else 0 for value in eigenvalues[:keep]
        ]
        r = sum(value * np.outer(u[:, i], u[:, i]) for i, value in enumerate(lifted))
    return r if matrix else [r[i, j] for i in range(channels) for j in range(i, channels)]


REDUCTIONS = {"gap": gap, "gmp": gmp, "covariance": covariance, "spp": spp, "flatten": flatten}


def resize(image, size, mode, scale=None, antialias=False, coordinates="half-pixel", border="edge", fill=0.0,
           cubic_a=-0.5, lobes=3, rounding="half-up"):  # fmt: skip
    """Return the resampled (H, W, C) image, before any rounding: at each position, weights of what is around it."""
    height, width, channels = image.shape
    scales = scale or (size[0] / height, size[1] / width)
    axes = []
    for n, m, s in zip((height, width), size, scales, strict=True):
        axis = []
        for i in range(m):
            x = position(i, n, m, scale and s, coordinates)
            if mode == "nearest" and not antialias:
                near = {"half-up": math.floor(x + 0.5), "half-down": math.ceil(x - 0.5), "floor": math.floor(x),
                        "ceil": math.ceil(x)}[rounding]  # fmt: skip
                axis.append([(min(max(near, 0), n - 1), 1.0)])
                continue
            shrink = min(s, 1.0) if antialias else 1.0
            support = {"nearest": 0.5, "bilinear": 1, "bicubic": 2, "lanczos": lobes}[mode] / shrink
            taps = range(math.floor(x - support), math.ceil(x + support) + 1)
            distances = [(k - x) * shrink for k in taps]
            if mode == "nearest":  # of a pixel on the end of the box, the sign of a rounding error must not matter
                distances = [round(d, 9) for d in distances]
            weights = [(k, curve(mode, d, cubic_a, lobes)) for k, d in zip(taps, distances, strict=True)]
            if border == "exclude":
                weights = [(k, w) for k, w in weights if 0 <= k < n]
            total = sum(w for _, w in weights)
            axis.append([(beyond(k, n, border), w / total) for k, w in weights])
        axes.append(axis)
    out = np.empty((*size, channels))
    for i, rows in enumerate(axes[0]):
        for j, columns in enumerate(axes[1]):
            for c in range(channels):
                out[i, j, c] = sum(
                    v * w * (fill if y is None or x is None else float(image[y, x, c]))
                    for y, v in rows for x, w in columns if v * w != 0
                )  # fmt: skip
    return out


def position(i, n, m, scale, coordinates):
    if coordinates == "align-corners":
        return i * (n - 1) / ((n * scale if scale else m) - 1) if m > 1 else 0.0
    if coordinates == "asymmetric":
        return i / scale if scale else i * n / m
    if coordinates == "pytorch-half-pixel" and m == 1:
        return 0.0
    if scale is None:
        return (i + 0.5) * n / m - 0.5
    if coordinates == "half-pixel-symmetric":
        return n / 2 * (1 - m / (n * scale)) + (i + 0.5) / scale - 0.5
    return (i + 0.5) / scale - 0.5


def curve(mode, x, a, lobes):
    x = x if mode == "nearest" else abs(x)
    if mode == "nearest":
        return 1.0 if -0.5 < x <= 0.5 else 0.0
    if mode == "bilinear":
        return max(1 - x, 0.0)
    if mode == "bicubic":
        if x <= 1:
            return (a + 2) * x**3 - (a + 3) * x**2 + 1
        return a * x**3 - 5 * a * x**2 + 8 * a * x - 4 * a if x < 2 else 0.0
    if x == 0:
        return 1.0
    return math.sin(math.pi * x) * math.sin(math.pi * x / lobes) * lobes / (math.pi * x) ** 2 if x < lobes else 0.0


def beyond(k, n, border):
    """Return which pixel stands for one beyond the border, None for the constant."""
    if 0 <= k < n or border in ("edge", "exclude"):
        return min(max(k, 0), n - 1)
    if border == "constant":
        return None
    if border == "wrap":
        return k % n
    while not 0 <= k < n:
        k = -k if k < 0 else 2 * (n - 1) - k
        k = 0 if n == 1 else k
    return k


def nearest(image, size, **given):
    return resize(image, size, "nearest", **given)


def bilinear(image, size, **given):
    return resize(image, size, "bilinear", **given)


def bicubic(image, size, **given):
    return resize(image, size, "bicubic", **given)


def lanczos(image, size, **given):
    return resize(image, size, "lanczos", **given)


def nails(image, strides):
    out = np.zeros((image.shape[0] * strides[0], image.shape[1] * strides[1], image.shape[2]), image.dtype)
    for y, x, c in np.ndindex(image.shape):
        out[y * strides[0], x * strides[1], c] = image[y, x, c]
    return out


def unpool(image, indices, size):
    out = np.zeros((*size, image.shape[2]), image.dtype)
    taken = np.zeros(out.shape, bool)
    for y, x, c in np.ndindex(image.shape):
        at = (*divmod(int(indices[y, x, c]), size[1]), c)
        if not taken[at] or image[y, x, c] > out[at]:
            out[at] = image[y, x, c]
        taken[at] = True
    return out


def average_unpool(image, size, strides, padding, extra):
    """Add r / n to each of the n pixels of its window that lie inside."""
    around = four(padding)
    sides = zip(image.shape, strides, size, around, extra, strict=False)
    height, width = ((n - 1) * s + f - sum(p) + e for n, s, f, p, e in sides)
    out = np.zeros((height, width, image.shape[2]))
    for y, x, c in np.ndindex(image.shape):
        rows, columns = (
            range(i * s - p, i * s - p + f) for i, s, (p, _), f in zip((y, x), strides, around, size, strict=True)
        )
        inside = [(row, column) for row in rows for column in columns if 0 <= row < height and 0 <= column < width]
        for row, column in inside:
            out[row, column, c] += float(image[y, x, c]) / len(inside)
    return out


def transposed(image, weights, strides, padding, extra, dilation=(1, 1), groups=1):
    """Add each value times each weight where it belongs, on a canvas with room around, and cut out the middle."""
    weights = across(np.asarray(weights, float), image.shape[2], groups)
    spans = [d * (f - 1) + 1 for d, f in zip(dilation, weights.shape[2:], strict=True)]
    shape = [(n - 1) * s + span + e for n, s, span, e in zip(image.shape, strides, spans, extra, strict=False)]
    canvas = np.zeros((*shape, weights.shape[1]))
    for y, x, c in np.ndindex(image.shape):
        for o, ky, kx in np.ndindex(weights.shape[1:]):
            at = (y * strides[0] + ky * dilation[0], x * strides[1] + kx * dilation[1], o)
            canvas[at] += float(image[y, x, c]) * weights[c, o, ky, kx]
    (top, bottom), (left, right) = four(padding)
    return canvas[top : shape[0] - bottom, left : shape[1] - right]


def across(weights, channels, groups=1):
    """Return (C_in, C_out, F, F) of weights of every channel, of each channel, or of groups: 0 between the others."""
    if weights.ndim < 4:
        own = np.broadcast_to(weights, (channels, *weights.shape[-2:]))
        return np.eye(channels)[:, :, None, None] * own[:, None]
    inputs, outputs = channels // groups, weights.shape[1]
    out = np.zeros((channels, groups * outputs, *weights.shape[2:]))
    for c in range(channels):
        first = c // inputs * outputs
        out[c, first : first + outputs] = weights[c]
    return out


def four(padding):
    """Return (top, bottom), (left, right) of these four, or of what is alike on either side."""
    return (padding[:2], padding[2:]) if len(padding) == 4 else tuple((p, p) for p in padding)


def transposed_by_name(image, name, size, strides, padding, extra, dilation):
    """Add each value times its weight, divide by what ones would add up to; nothing met is 0."""
    x, y = (np.abs(np.arange(f) - (f - 1) / 2) for f in size)
    weights = {
        "box": np.ones(size),
        "bilinear": np.outer(*(1 - k / ((f + 1) // 2) for k, f in zip((x, y), size, strict=True))),
        "gaussian": np.outer(*(np.exp(-0.5 * (6 * k / f) ** 2) for k, f in zip((x, y), size, strict=True))),
    }[name]
    added = transposed(image, weights, strides, padding, extra, dilation)
    met = transposed(np.ones(image.shape), weights, strides, padding, extra, dilation)
    return np.divide(added, met, out=np.zeros_like(added), where=met > 0)


def resize_conv(image, strides, weights, enlarge, border):
    size = (image.shape[0] * strides[0], image.shape[1] * strides[1])
    return convolve(resize(image, size, enlarge), weights, border)


def subpixel(image, strides, weights, order, border):
    return depth_to_space(convolve(image, weights, border), strides, order)


def convolve(image, weights, border):
    """Convolve, as networks do, to the same size; an even window has its odd tap after the pixel."""
    height, width, channels = image.shape
    weights = across(np.asarray(weights, float), channels)
    out = np.zeros((height, width, weights.shape[1]))
    before = [(f - 1) // 2 for f in weights.shape[2:]]
    for y, x, o in np.ndindex(out.shape):
        for c, ky, kx in np.ndindex(weights.shape[0], *weights.shape[2:]):
            at = beyond(y + ky - before[0], height, border), beyond(x + kx - before[1], width, border)
            if None not in at:
                out[y, x, o] += float(image[(*at, c)]) * weights[c, o, ky, kx]
    return out


def depth_to_space(image, strides, order):
    down, across = strides
    count = image.shape[2] // (down * across)
    out = np.zeros((image.shape[0] * down, image.shape[1] * across, count), image.dtype)
    for y, x, c in np.ndindex(out.shape):
        s = y % down * across + x % across
        out[y, x, c] = image[y // down, x // across, c * down * across + s if order == "crd" else s * count + c]
    return out


UPSAMPLINGS = {
    "nearest": nearest,
    "nails": nails,
    "bilinear": bilinear,
    "bicubic": bicubic,
    "lanczos": lanczos,
    "unpool": unpool,
    "average-unpool": average_unpool,
    "transposed": transposed,
    "resize-conv": resize_conv,
    "subpixel": subpixel,
    "depth-to-space": depth_to_space,
}


def covering(n, **geometry):
    """Return for each pixel of an axis of n the window whose middle is nearest, the last of several."""
    middles = [sum(positions) / len(positions) for positions in taps(n, **geometry)[0]]
    return [min(range(len(middles)), key=lambda k: (abs(i - middles[k]), -k)) for i in range(n)]


def psnr(image, other, peak):
    errors = [(as_number(a) - as_number(b)) ** 2 for a, b in zip(image.ravel(), other.ravel(), strict=True)]
    mean = sum(errors) / len(errors)
    return math.inf if mean == 0 else 10 * math.log10(peak**2 / mean)


def ssim(image, other, peak):
    """Return the mean over all windows of 7 x 7 in two images (H, W, C), and over their channels."""
    found = []
    for c in range(image.shape[2]):
        for y in range(image.shape[0] - 6):
            for x in range(image.shape[1] - 6):
                r, s = ([as_number(one[y + i, x + j, c]) for i in range(7) for j in range(7)] for one in (image, other))
                found.append(similarity(r, s, peak))
    return sum(found) / len(found)


def similarity(r, s, peak):
    n, a, b = len(r), (0.01 * peak) ** 2, (0.03 * peak) ** 2
    mean, other = sum(r) / n, sum(s) / n
    variance, varied = (sum((v - m) ** 2 for v in values) / (n - 1) for values, m in ((r, mean), (s, other)))
    together = sum((v - mean) * (w - other) for v, w in zip(r, s, strict=True)) / (n - 1)
    return (2 * mean * other + a) * (2 * together + b) / ((mean**2 + other**2 + a) * (variance + varied + b))
