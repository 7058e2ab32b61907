"""Train the network of local importance pooling that poolcli ships, and say how it does on pictures it has not seen.

    python training/lip.py [--check]

The goal: a picture halved by `lip` and enlarged bilinearly is as close as can be to the picture itself, by the mean of
the squared differences. The same seed gives the same weights. `--check` trains nothing, and only compares.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

import poolcli

ROOT = Path(__file__).parent.parent
SHIPPED = ROOT / "poolcli" / "pools" / "lip.npz"
TRAINING = ("astronaut.png", "chelsea.png", "coffee.png")
HELD_OUT = ("camera.png", "retina.jpg", "hubble_deep_field.jpg")
SEED, HIDDEN, STEPS, BATCH, CROP, BOUND = 0, 6, 3000, 6, 96, 12.0
RATE, DECAY = 0.02, (0.9, 0.999)  # of Adam (Kingma and Ba 2015); the rate falls to 0 in a straight line

Weights = dict[str, np.ndarray]


def doubling(n: int) -> np.ndarray:
    """Return the matrix (2n, n) that doubles an axis bilinearly, half-pixel centres, the border clamped."""
    matrix = np.zeros((2 * n, n), np.float32)
    for i in range(2 * n):
        near, far = i // 2, i // 2 + (1 if i % 2 else -1)
        matrix[i, near] += 0.75
        matrix[i, min(max(far, 0), n - 1)] += 0.25
    return matrix


def crops(names: tuple[str, ...]) -> np.ndarray:
    """Return the planes of pictures, cut into squares, as fractions: (count, CROP, CROP)."""
    found = []
    for name in names:
        image, _ = poolcli.read_image(ROOT / "sample_images" / name)
        image = image.reshape(*image.shape[:2], -1)
        rows, columns = (n // CROP for n in image.shape[:2])
        squares = image[: rows * CROP, : columns * CROP].reshape(rows, CROP, columns, CROP, -1)
        found.append(squares.transpose(0, 2, 4, 1, 3).reshape(-1, CROP, CROP))
    return np.concatenate(found).astype(np.float32) / np.float32(255)


def quarters(x: np.ndarray) -> np.ndarray:
    """Return the sums of 2 x 2."""
    return x[:, ::2, ::2] + x[:, ::2, 1::2] + x[:, 1::2, ::2] + x[:, 1::2, 1::2]


def loss_and_gradients(weights: Weights, x: np.ndarray, matrix: np.ndarray) -> tuple[float, Weights]:
    """Return the mean squared difference, and its derivative by each weight."""
    conv, bias, mix, shift = weights.values()
    around = np.pad(x, ((0, 0), (1, 1), (1, 1)))
    n = x.shape[1]
    patches = np.stack([around[:, i : i + n, j : j + n] for i in range(3) for j in range(3)], -1).reshape(-1, 9)
    hidden = np.maximum(patches @ conv.reshape(-1, 9).T + bias, 0)
    s = 1 / (1 + np.exp(-(hidden @ mix[0] + shift[0])))
    w = np.exp(np.float32(BOUND) * (s - np.float32(0.5))).reshape(x.shape)
    below = quarters(w)
    pooled = quarters(w * x) / below
    error = matrix @ pooled @ matrix.T - x
    by_pooled = matrix.T @ (2 / error.size * error) @ matrix
    spread = [np.repeat(np.repeat(part, 2, 1), 2, 2) for part in (by_pooled / below, pooled)]
    by_g = (spread[0] * (x - spread[1]) * w).ravel()
    by_logit = by_g * np.float32(BOUND) * s * (1 - s)
    by_hidden = by_logit[:, None] * mix[0] * (hidden > 0)
    gradients = {
        "conv.weight": (by_hidden.T @ patches).reshape(conv.shape),
        "conv.bias": by_hidden.sum(axis=0),
        "logit.weight": (by_logit @ hidden)[None],
        "logit.bias": by_logit.sum(keepdims=True),
    }
    return float((error**2).mean()), gradients


def train() -> Weights:
    """Return weights, by Adam over batches in an order that the seed gives."""
    rng = np.random.default_rng(SEED)
    pictures, matrix = crops(TRAINING), doubling(CROP // 2)
    weights = {
        "conv.weight": rng.normal(0, 1, (HIDDEN, 1, 3, 3)).astype(np.float32),
        "conv.bias": np.zeros(HIDDEN, np.float32),
        "logit.weight": rng.normal(0, 0.1, (1, HIDDEN)).astype(np.float32),
        "logit.bias": np.zeros(1, np.float32),
    }
    first, second = ({name: np.zeros_like(value) for name, value in weights.items()} for _ in range(2))
    recent = []
    for step in range(STEPS):
        batch = pictures[rng.choice(len(pictures), BATCH, replace=False)]
        loss, gradients = loss_and_gradients(weights, batch, matrix)
        recent.append(loss)
        rate = RATE * (1 - step / STEPS)
        for name, gradient in gradients.items():
            first[name] += (1 - DECAY[0]) * (gradient - first[name])
            second[name] += (1 - DECAY[1]) * (gradient**2 - second[name])
            mean, square = (m[name] / (1 - d ** (step + 1)) for m, d in zip((first, second), DECAY, strict=True))
            weights[name] -= (rate * mean / (np.sqrt(square) + 1e-10)).astype(np.float32)
        if step % 500 == 499:
            print(f"step {step + 1}: mean squared difference {255**2 * np.mean(recent[-500:]):.2f}")
    return weights


def compare() -> None:
    """Print a table: peak signal to noise of each picture, halved by each mode and enlarged bilinearly, in dB."""
    modes = {"average": {}, "max": {}, "soft": {}, "lip": {}}
    print(f"| picture | {' | '.join(modes)} |\n|---|{'---|' * len(modes)}")
    for name in (*TRAINING, *HELD_OUT):
        image, _ = poolcli.read_image(ROOT / "sample_images" / name)
        image = image.reshape(*image.shape[:2], -1)[: image.shape[0] // 2 * 2, : image.shape[1] // 2 * 2]
        rows, columns = (doubling(n // 2) for n in image.shape[:2])
        shown = []
        for mode, parameters in modes.items():
            small = poolcli.downsample(image, mode, **parameters)
            large = np.stack([rows @ small[..., c].astype(np.float32) @ columns.T for c in range(image.shape[2])], 2)
            shown.append(f"{10 * np.log10(255**2 / np.mean((large - image) ** 2)):.2f}")
        print(f"| {name}{'' if name in HELD_OUT else ' (trained on)'} | {' | '.join(shown)} |")


def main() -> None:
    """Train, write the file that is shipped, and compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="train nothing, and only compare")
    if not parser.parse_args().check:
        np.savez(SHIPPED, **train(), bound=np.float32(BOUND))
    compare()


if __name__ == "__main__":
    main()
