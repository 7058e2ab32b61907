"""Local importance pooling: what its network can be, and what is said of files that hold none."""

import io
import re
import subprocess
import sys
from pathlib import Path

import naive
import numpy as np
import pytest
from click.testing import CliRunner
from effort import JIT
from pictures import picture
from safetensors.numpy import save_file

import poolcli
from poolcli.cli import commands

ROOT = Path(__file__).parent.parent


def network(hidden=3, inputs=1, seed=0, **others):
    rng = np.random.default_rng(seed)
    return {
        "conv.weight": rng.normal(size=(hidden, inputs, 3, 3)),
        "conv.bias": rng.normal(size=hidden),
        "logit.weight": rng.normal(size=(inputs, hidden)),
        "logit.bias": rng.normal(size=inputs),
        **others,
    }


@pytest.mark.parametrize("inputs", [1, 3])
@pytest.mark.parametrize("shape", [(9, 7, 3), (1, 1, 3), (140, 12, 3)], ids=str)
def test_twin_of_any_network(inputs, shape):
    image = np.random.default_rng(1).normal(size=shape)
    weights = network(4, inputs)
    for geometry in ({"kernel_size": 1}, {"kernel_size": 3, "stride": 2, "padding": 1}, {"size": 1}):
        if shape == (140, 12, 3) and not JIT and "size" not in geometry:
            continue  # minutes, uncompiled
        result = poolcli.downsample(image, "lip", weights=weights, **geometry)
        exact = naive.downsample(image, "lip", weights=weights, **geometry)
        np.testing.assert_allclose(result, exact.astype(float), rtol=1e-12, atol=1e-12)


@pytest.mark.quick_when(lambda dtype: dtype in ("uint8", "float32"))
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32", "float64"])
def test_without_importance_it_is_the_average(dtype):
    image = picture(dtype, (20, 14, 3))
    nothing = {name: np.zeros_like(value) for name, value in network().items()}
    expected = poolcli.downsample(image, "average")
    np.testing.assert_allclose(poolcli.downsample(image, "lip", weights=nothing), expected, rtol=1e-6)
    if image.dtype.kind in "iu":
        np.testing.assert_array_equal(poolcli.downsample(image, "lip", weights=nothing), expected)


def linear(beta):
    """Return G = beta r, as beta max(r, 0) - beta max(-r, 0)."""
    weights = np.zeros((2, 1, 3, 3))
    weights[:, 0, 1, 1] = 1, -1
    return {
        "conv.weight": weights,
        "conv.bias": np.zeros(2),
        "logit.weight": np.array([[beta, -beta]]),
        "logit.bias": np.zeros(1),
        "bound": 0,
    }


@pytest.mark.quick_when(lambda beta: beta == 4.45)
@pytest.mark.parametrize("beta", [-2.0, 0.0, 1.0, 4.45])
def test_where_the_value_is_the_importance_it_is_soft(beta):
    image = np.random.default_rng(0).normal(size=(12, 10, 3))
    for pool in (poolcli.downsample, poolcli.reduce):
        expected = pool(image, "soft", beta=beta)
        np.testing.assert_allclose(pool(image, "lip", weights=linear(beta)), expected, rtol=1e-12)


@pytest.mark.parametrize("constant", [-5.0, 30.0])
def test_a_constant_added_to_the_importance_changes_nothing(constant):
    image = np.random.default_rng(0).normal(size=(12, 10, 3))
    weights = network(bound=0)
    shifted = {**weights, "logit.bias": weights["logit.bias"] + constant}
    one, other = (poolcli.downsample(image, "lip", weights=w) for w in (weights, shifted))
    np.testing.assert_allclose(one, other, rtol=1e-12)


def test_what_is_most_important_wins():
    edge = np.zeros((1, 1, 3, 3))
    edge[0, 0, 1] = -100, 200, -100  # a value larger than its neighbours
    weights = {
        "conv.weight": edge, "conv.bias": np.zeros(1), "logit.weight": np.ones((1, 1)), "logit.bias": -np.ones(1) * 50
    }  # fmt: skip
    image = np.array([[0.2, 0.9, 0.2, 0.2], [0.2, 0.2, 0.2, 0.2]])
    result = poolcli.downsample(image, "lip", weights=weights)
    np.testing.assert_allclose(result, [[0.9, 0.2]], atol=1e-4)


def test_files_of_weights(tmp_path):
    image = picture("uint8", (8, 8, 3))
    weights = network()
    np.savez(tmp_path / "w.npz", **weights)
    save_file(weights, tmp_path / "w.safetensors")
    expected = poolcli.downsample(image, "lip", weights=weights)
    for name in ("w.npz", "w.safetensors"):
        np.testing.assert_array_equal(poolcli.downsample(image, "lip", weights=tmp_path / name), expected)
    poolcli.write_image(image, tmp_path / "in.png")
    command = ["downsample", "-m", "lip", str(tmp_path / "in.png"), "--weights", str(tmp_path / "w.npz")]
    assert CliRunner().invoke(commands, [*command, "-o", str(tmp_path / "out.png")]).exit_code == 0
    np.testing.assert_array_equal(poolcli.read_image(tmp_path / "out.png")[0], expected)


BAD = [
    ({"conv.bias": None}, "no array conv.bias: there must be conv.weight, conv.bias, logit.weight, logit.bias"),
    ({"conv.weight": np.zeros((3, 3))}, "conv.weight is (3, 3): it must be (hidden, channels or 1, 3, 3)"),
    ({"conv.weight": np.zeros((3, 1, 5, 5))}, "conv.weight is (3, 1, 5, 5)"),
    ({"logit.weight": np.zeros((1, 4))}, "logit.weight is (1, 4): with conv.weight (3, 1, 3, 3) it must be (1, 3)"),
    ({"conv.bias": np.array([0, np.nan, 0])}, "conv.bias holds what is no finite number"),
    ({"logit.bias": np.array(["a"])}, "logit.bias holds what is no finite number"),
    ({"bound": -1.0}, "bound must be one number from 0 to 60"),
    ({"conv.weight": np.zeros((3, 2, 3, 3)), "logit.weight": np.zeros((2, 3)), "logit.bias": np.zeros(2)},
     "the weights are for 2 channels, and the image has 3"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "message"), BAD, ids=[message for _, message in BAD])
def test_wrong_weights(changes, message):
    weights = {name: value for name, value in {**network(), **changes}.items() if value is not None}
    image = picture("uint8", (8, 8, 3))
    with pytest.raises(ValueError, match=re.escape(message)):
        poolcli.downsample(image, "lip", weights=weights)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none.npz", None, "none.npz: no such file"),
        ("text.npz", b"text", "text.npz: damaged, or no file of arrays"),
        ("text.safetensors", b"text", "text.safetensors: damaged"),
        ("half.npz", "half", "half.npz: "),
        ("lone.npy", np.zeros(3), "lone.npy: no array conv.weight"),
        ("objects.npy", np.array([None]), "objects.npy: damaged, or no file of arrays"),
    ],
)
def test_wrong_files_are_one_line_before_any_work(name, content, message, tmp_path):
    path = tmp_path / name
    if isinstance(content, np.ndarray):
        np.save(path, content)
    elif content == "half":
        whole = io.BytesIO()
        np.savez(whole, **network())
        path.write_bytes(whole.getvalue()[: len(whole.getvalue()) // 2])
    elif content is not None:
        path.write_bytes(content)
    poolcli.write_image(picture("uint8", (8, 8, 3)), tmp_path / "in.png")
    result = subprocess.run(
        [sys.executable, "-m", "poolcli", "downsample", "-m", "lip", tmp_path / "in.png", "--weights", path],
        capture_output=True,
        text=True,
    )
    assert result.returncode == 2
    assert result.stderr.startswith("error: ")
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("weights", [np.ones(3), 3, ["w.npz"]], ids=str)
def test_weights_that_are_no_file(weights):
    image = picture("uint8", (8, 8, 3))
    with pytest.raises(ValueError, match="are not allowed: give a path or a mapping of arrays"):
        poolcli.downsample(image, "lip", weights=weights)


def test_the_norms_of_lip_are_its_own():
    image = picture("uint8", (8, 8, 3)).astype(np.float64)
    plain = poolcli.downsample(image, "lip")
    np.testing.assert_array_equal(poolcli.downsample(image, "lip", norm="count"), plain / 4)
    with pytest.raises(ValueError, match="norm='mean' is not allowed: norm must be weights or count"):
        poolcli.downsample(image, "lip", norm="mean")
    with pytest.raises(ValueError, match="norm='count' is not allowed: norm must be size or mean or sum"):
        poolcli.downsample(image, "lp", norm="count")


def test_training_gives_gradients_that_differences_give():
    sys.path.insert(0, str(ROOT / "training"))
    try:
        import lip
    finally:
        sys.path.pop(0)
    rng = np.random.default_rng(0)
    weights = {name: value.astype(np.float64) for name, value in network(3).items()}
    x, matrix = rng.random((2, 8, 8)), lip.doubling(4).astype(np.float64)
    _, gradients = lip.loss_and_gradients(weights, x, matrix)
    assert {name: gradient.shape for name, gradient in gradients.items()} == {
        name: value.shape for name, value in weights.items()
    }
    for name, gradient in gradients.items():
        for at in np.ndindex(gradient.shape):
            step = 1e-6
            up, down = ({**weights, name: weights[name].copy()} for _ in range(2))
            up[name][at] += step
            down[name][at] -= step
            slope = (lip.loss_and_gradients(up, x, matrix)[0] - lip.loss_and_gradients(down, x, matrix)[0]) / (2 * step)
            np.testing.assert_allclose(gradient[at], slope, rtol=1e-4, atol=1e-8)


@pytest.mark.skipif(not JIT, reason="files are pooled alike, compiled or not")
@pytest.mark.parametrize("norm", ["weights", "count"])
def test_alpha_of_files(norm, tmp_path):
    pixels = np.full((4, 4, 4), 200, np.uint8)
    pixels[..., 3] = 100
    poolcli.write_image(pixels, tmp_path / "in.png")
    for command, out in (("downsample", "out.png"), ("reduce", "out.npy")):
        arguments = [command, "-m", "lip", "--norm", norm, str(tmp_path / "in.png"), "-o", str(tmp_path / out)]
        assert CliRunner().invoke(commands, arguments).exit_code == 0
    divided = 4 if norm == "count" else 1
    assert poolcli.read_image(tmp_path / "out.png")[0][0, 0].tolist() == [200 // divided] * 3 + [100]
    divided = 16 if norm == "count" else 1
    np.testing.assert_allclose(np.load(tmp_path / "out.npy")[0], [200 / divided] * 3 + [100], rtol=1e-5)
