"""Layers for PyTorch: gradients by `gradcheck`, and results and gradients beside those of PyTorch's own operators."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from pictures import VARIANTS, describe

import poolcli
from poolcli.stored import arrays

torch = pytest.importorskip("torch", reason="the layers are for PyTorch, which the extra torch installs")

from torch.nn import functional as F  # noqa: E402, N812

from poolcli.torch import Downsample, Reduce, Upsample  # noqa: E402

README = (Path(__file__).parent.parent / "README.md").read_text()
FORMATS = (torch.contiguous_format, torch.channels_last)
SHAPE = (2, 3, 6, 8)


def apart(shape, seed=0):
    """Return distinct values that a step of `gradcheck` does not bring into another order."""
    random = np.random.default_rng(seed)
    return torch.from_numpy(random.permutation(np.prod(shape)).reshape(shape) / 100 - 0.7)


def checked(layer, image):
    """Check the gradients in the image and in all that is learned, in both memory formats."""
    layer = layer.double()
    names, values = zip(*layer.named_parameters(), strict=True) if [*layer.parameters()] else ((), ())

    def call(image, *learned):
        return torch.func.functional_call(layer, dict(zip(names, learned, strict=True)), (image,))

    for memory in FORMATS:
        given = image.clone(memory_format=memory).requires_grad_()
        learned = [value.detach().clone().requires_grad_() for value in values]
        assert torch.autograd.gradcheck(call, (given, *learned))


POOLS = [(mode, parameters) for mode, parameters in VARIANTS if poolcli.MODES[mode].has_gradient]
GEOMETRIES = ({}, {"kernel_size": 3, "stride": 2, "padding": 1}, {"kernel_size": (2, 3), "dilation": 2, "stride": 1})


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=describe)
@pytest.mark.parametrize(("mode", "parameters"), POOLS, ids=[f"{m}-{describe(p)}" for m, p in POOLS])
def test_gradcheck_of_pools(mode, parameters, geometry):
    parameters = {**parameters, "k": min(parameters["k"], 2)} if "k" in parameters else parameters
    learn = [name for name in poolcli.MODES[mode].learns if name != "weights"]
    given = {"seed": 5} if "seed" in poolcli.MODES[mode].parameters else {}
    checked(Downsample(mode, learn=learn, **{**parameters, **given, **geometry}), apart(SHAPE))


def test_gradcheck_of_networks():
    weights = arrays(Path(poolcli.__file__).with_name("pools") / "lip.npz")
    few = {name: weights[name][:2] for name in ("conv.weight", "conv.bias")}
    few |= {"logit.weight": weights["logit.weight"][:, :2], "logit.bias": weights["logit.bias"], "bound": 6.0}
    layer = Downsample("lip", weights=few, learn="weights")
    assert {name for name, _ in layer.named_parameters()} == {
        "weights.conv_weight", "weights.conv_bias", "weights.logit_weight", "weights.logit_bias"
    }  # fmt: skip
    checked(layer, apart(SHAPE))


REDUCTIONS = [
    ("gap", {}), ("gmp", {}), ("median", {}), ("soft", {"learn": "beta"}), ("gem", {"learn": "p"}), ("spp", {}),
    ("spp", {"pool": "gem", "levels": (1, 3), "learn": "p"}), ("flatten", {}), ("covariance", {}),
    ("covariance", {"center": True, "power": 0.5}), ("covariance", {"log": True, "matrix": True, "center": True}),
]  # fmt: skip


@pytest.mark.parametrize(("mode", "arguments"), REDUCTIONS, ids=str)
def test_gradcheck_of_reductions(mode, arguments):
    checked(Reduce(mode, **arguments), apart(SHAPE))


def noise(*shape):
    return np.random.default_rng(1).standard_normal(shape)


UPSAMPLINGS = [
    *((mode, {"scale": scale}) for mode in ("nearest", "bilinear", "bicubic", "lanczos") for scale in (2, 1.5)),
    ("nails", {}), ("average-unpool", {"kernel_size": 3}), ("transposed", {}), ("resize-conv", {}), ("subpixel", {}),
    *((mode, {"weights": noise(3, 3), "learn": "weights"}) for mode in ("transposed", "resize-conv", "subpixel")),
    *((mode, {"weights": noise(3, 4, 3, 2), "learn": "weights"}) for mode in ("transposed", "resize-conv", "subpixel")),
]  # fmt: skip


@pytest.mark.parametrize(("mode", "arguments"), UPSAMPLINGS, ids=[f"{m}-{describe(a)}" for m, a in UPSAMPLINGS])
def test_gradcheck_of_upsampling(mode, arguments):
    checked(Upsample(mode, **arguments), apart((1, 3, 4, 5)))


def soft(x):
    cells = F.unfold(x, 2, stride=2).reshape(*x.shape[:2], 4, -1)
    return ((cells.softmax(2) * cells).sum(2)).reshape(*x.shape[:2], x.shape[2] // 2, x.shape[3] // 2)


PEERS = {
    "max": (Downsample("max", kernel_size=3, stride=2, padding=1), lambda x: F.max_pool2d(x, 3, 2, 1)),
    "dilated max": (Downsample("max", kernel_size=2, dilation=2, stride=1), lambda x: F.max_pool2d(x, 2, 1, 0, 2)),
    "average": (
        Downsample("average", kernel_size=3, stride=2, padding=1),
        lambda x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=False),
    ),
    "average over padding": (
        Downsample("average", kernel_size=3, stride=2, padding=1, count_include_pad=True, ceil=True),
        lambda x: F.avg_pool2d(x, 3, 2, 1, ceil_mode=True),
    ),
    "lp": (Downsample("lp", p=3, norm="sum", kernel_size=2), lambda x: F.lp_pool2d(x.abs(), 3, 2)),
    "soft": (Downsample("soft"), soft),
    "gem": (Downsample("gem", p=3), lambda x: F.avg_pool2d(x.clamp(min=0) ** 3, 2).clamp(min=1e-30) ** (1 / 3)),
    "adaptive average": (Downsample("average", size=(4, 5)), lambda x: F.adaptive_avg_pool2d(x, (4, 5))),
    "adaptive max": (Downsample("max", size=(4, 5)), lambda x: F.adaptive_max_pool2d(x, (4, 5))),
    "gap": (Reduce("gap"), lambda x: x.mean((2, 3))),
    "nearest": (Upsample("nearest", scale=2), lambda x: F.interpolate(x, scale_factor=2)),
    "bilinear": (Upsample("bilinear", scale=2), lambda x: F.interpolate(x, scale_factor=2, mode="bilinear")),
    "bilinear by corners": (
        Upsample("bilinear", size=(31, 40), coordinates="align-corners"),
        lambda x: F.interpolate(x, (31, 40), mode="bilinear", align_corners=True),
    ),
    "bicubic": (
        Upsample("bicubic", scale=2, cubic_a=-0.75),
        lambda x: F.interpolate(x, scale_factor=2, mode="bicubic"),
    ),
    "transposed": (
        Upsample("transposed", scale=2, weights=noise(3, 4, 3, 3), padding=1, output_padding=1),
        lambda x: F.conv_transpose2d(x, torch.from_numpy(noise(3, 4, 3, 3)).to(x), None, 2, 1, 1),
    ),
    "subpixel": (
        Upsample("subpixel", scale=2, weights=noise(3, 8, 3, 3), border="constant"),
        lambda x: F.pixel_shuffle(
            F.conv2d(x, torch.from_numpy(noise(3, 8, 3, 3)).to(x).transpose(0, 1), None, 1, 1), 2
        ),
    ),
}


@pytest.mark.parametrize("memory", FORMATS, ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("name", PEERS)
def test_beside_the_operators_of_pytorch(name, dtype, memory):
    layer, peer = PEERS[name]
    results, grads = [], []
    for function in (layer, peer):
        image = torch.from_numpy(noise(2, 3, 14, 18)).to(dtype).contiguous(memory_format=memory).requires_grad_()
        out = function(image)
        out.backward(torch.from_numpy(noise(*out.shape)).to(dtype))
        assert out.dtype == image.grad.dtype == dtype
        results.append(out.detach())
        grads.append(image.grad)
    torch.testing.assert_close(*results, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(*grads, rtol=1e-5, atol=1e-5 * float(grads[1].abs().max()))


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
@pytest.mark.parametrize("size", [(7, 9), (5, 11), (20, 9)], ids=str)
def test_resize_with_antialias_beside_pytorch(mode, size):
    image = torch.from_numpy(noise(1, 3, 14, 18)).requires_grad_()
    peer = F.interpolate(image, size, mode=mode, antialias=True)
    peer.backward(torch.from_numpy(noise(*peer.shape)))
    given = {"mode": mode, "antialias": True, "layout": "chw", "border": "exclude"}
    given |= {"cubic_a": -0.5} if mode == "bicubic" else {}
    array = image.detach().numpy()
    np.testing.assert_allclose(poolcli.resize(array, size, **given), peer.detach(), rtol=0, atol=1e-5)
    result = poolcli.resize_backward(noise(*peer.shape), array, size, **given)
    np.testing.assert_allclose(result, image.grad, rtol=0, atol=1e-5)


@pytest.mark.parametrize("memory", FORMATS, ids=str)
def test_unpool_takes_the_indices_of_max(memory):
    image = apart((2, 3, 6, 8)).contiguous(memory_format=memory).requires_grad_()
    other = image.detach().clone().requires_grad_()
    values, indices = Downsample("max", return_indices=True)(image)
    again = Upsample("unpool", scale=2)(values, indices)
    peers, places = F.max_pool2d(other, 2, return_indices=True)
    expected = F.max_unpool2d(peers, places, 2)
    grad = torch.from_numpy(noise(2, 3, 6, 8))
    again.backward(grad)
    expected.backward(grad)
    assert torch.equal(indices, places)
    assert torch.equal(again, expected)
    assert torch.equal(image.grad, other.grad)


def test_channels_last_is_not_copied(monkeypatch):
    seen = []
    forwards = Downsample.forwards
    monkeypatch.setattr(Downsample, "forwards", staticmethod(lambda *a, **g: seen.append(a[0]) or forwards(*a, **g)))
    for memory in FORMATS:
        image = torch.rand(2, 4, 6, 8).contiguous(memory_format=memory)
        out = Downsample("max")(image)
        assert seen[-1].flags.c_contiguous
        assert np.shares_memory(seen[-1], image.numpy())
        assert out.is_contiguous(memory_format=memory)


def test_draws_are_those_of_a_seed():
    image, draw = torch.rand(1, 2, 40, 40), Downsample("stochastic")
    torch.manual_seed(3)
    first, second = draw(image), draw(image)
    torch.manual_seed(3)
    assert torch.equal(first, draw(image))
    assert not torch.equal(first, second)
    fixed = Downsample("stochastic", seed=3)
    assert torch.equal(fixed(image), fixed(image))
    image.requires_grad_()
    out = draw(image)
    out.sum().backward()
    assert image.grad.sum() == out.numel()
    torch.testing.assert_close((image * image.grad).sum(), out.sum())


def test_a_layer_says_what_it_is_and_is_saved():
    layer = Downsample("gem", kernel_size=3, learn="p")
    assert repr(layer) == "Downsample('gem', kernel_size=3)"
    assert layer.p.item() == 3
    other = Downsample("gem", kernel_size=3, p=5, learn="p")
    other.load_state_dict(layer.state_dict())
    assert other.p.item() == 3


def test_bad_input_is_named():
    cases = [
        (lambda: Downsample("majority"), "mode 'majority' has no gradient"),
        (lambda: Reduce("majority"), "mode 'majority' has no gradient"),
        (lambda: Downsample("maximum"), "there is no mode 'maximum'"),
        (lambda: Downsample("soft", learn="p"), "learn='p' is not allowed: mode 'soft' learns beta"),
        (lambda: Downsample("max", learn="p"), "learn='p' is not allowed: mode 'max' learns nothing"),
        (lambda: Upsample("transposed", learn="weights"), "weights='bilinear' is not learned: give the numbers"),
        (lambda: Downsample("max")(torch.rand(3, 4)), r"the tensor is of shape \(3, 4\): it must be \(N, C, H, W\)"),
        (lambda: Downsample("max")(torch.rand(1, 3, 4, 4, dtype=torch.bfloat16)), "NumPy has no bfloat16"),
        (lambda: Downsample("max")(torch.rand(1, 3, 4, 4, device="meta")), "the tensor is on meta, and poolcli"),
    ]
    for call, message in cases:
        with pytest.raises(ValueError, match=message):
            call()


def test_the_network_of_the_readme_learns():
    pytest.importorskip("sklearn", reason="the README's digits are scikit-learn's")
    code = next(block for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if "poolcli.torch" in block)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=300)
    right = float(re.match(r"([\d.]+)% of 297 digits", done.stdout)[1])
    assert right > 90
