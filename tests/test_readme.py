"""The README tells what the code does: its table, its commands, its Python."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from effort import JIT

import poolcli
from poolcli.cli import commands
from poolcli.images.formats import FORMATS
from poolcli.resizing import RESIZINGS

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()

COMPILED = pytest.mark.quick_when(lambda **_: JIT)


@pytest.mark.parametrize(
    ("section", "modes"),
    [
        ("Modes", list(poolcli.MODES.values())),
        ("Upsampling", list(poolcli.UPSAMPLINGS.values())),
        ("Resizing", list(RESIZINGS.values())),
        ("Whole maps", [mode for mode in poolcli.REDUCTIONS.values() if mode.name not in poolcli.MODES]),
    ],
)
def test_tables_of_modes_are_those_of_the_code(section, modes):
    text = README.split(f"## {section}\n")[1].split("## ")[0]
    rows = re.findall(r"^\| `([\w-]+)` \| (.*?) \| ?(.*?) ?\|$", text, re.MULTILINE)
    expected = [
        (mode.name, mode.formula.replace("|", r"\|"), ", ".join(f"`{name}`" for name in mode.parameters))
        for mode in modes
    ]
    assert rows == expected


def test_endings_are_those_of_the_code():
    text = README.split("the table of endings")[1].split("- Alpha:")[0]
    rows = re.findall(r"^\| ([\w ]+?) \| (.*?) ?\| ?(.*?) ?\|$", text, re.MULTILINE)[1:]
    names = [tuple(re.findall(r"`(\.\w+)`", cell) for cell in row[1:]) for row in rows]
    kinds = [kind for kind in FORMATS if kind.endings or kind.only_read]
    assert [row[0] for row in rows] == [kind.name for kind in kinds]
    assert names == [([*kind.endings], [*kind.only_read]) for kind in kinds]


@COMPILED
def test_python_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("sample_images").symlink_to(ROOT / "sample_images")
    exec(README.split("```python\n")[1].split("```")[0], {})
    assert poolcli.read_image("small.tif")[0].shape == (199, 299, 3)


@COMPILED
@pytest.mark.parametrize(
    "line",
    [
        line
        for line in re.findall(
            r"^poolcli (?:downsample|reduce|upsample|resize|gradient|pyramid|compare) [^|\n]*$", README, re.MULTILINE
        )
        if "--scheduler" not in line  # there is none: tests/test_cluster.py starts one
    ],
)
def test_shell_lines_run(line, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("scans").mkdir()
    coffee, _ = poolcli.read_image(ROOT / "sample_images/coffee.png")
    Path("photos").mkdir()
    made = ("photo.png", "photo.jpg", "mask.png", "labels.tif", "scans/a.png", "scans/b.png", "photos/a.png")
    for name in (*made, "maps.npy", "cells.ome.zarr", "labels.zarr"):
        poolcli.write_image(coffee[:80, :90], name)
    for name in re.findall(r"sample_images/[\w.]+", line):
        Path("sample_images").mkdir()
        shutil.copy(ROOT / name, name)
    if "--indices" in line:
        before = next(
            other for other in README.splitlines() if other.startswith("poolcli") and "--save-indices" in other
        )
        assert CliRunner().invoke(commands, shlex.split(before)[1:]).exit_code == 0
    result = CliRunner().invoke(commands, shlex.split(line.split("#")[0])[1:])
    assert result.exit_code == 0, result.output
    told = "input,frame" in result.output or '"frame": 0' in result.output or "psnr,ssim" in result.output
    assert told or len(list(tmp_path.rglob("*.*"))) > 8


@pytest.mark.parametrize(
    ("command", "begin", "end", "others"),
    [
        ("upsample", "## Upsampling", "## Resizing", ["--save-indices"]),
        ("resize", "## Resizing", "## Gradients", []),
        ("compare", "## Comparing", "## From a shell", []),
        ("downsample", "## From a shell", "### Pyramids", []),
        ("pyramid", "### Pyramids", "### Many machines", []),
    ],
)
def test_options_are_those_of_the_command(command, begin, end, others):
    known = re.findall(r"--[a-z-]+", CliRunner().invoke(commands, [command, "--help"]).output)
    told = re.findall(r"`(--[a-z-]+)", README.split(f"\n{begin}\n")[1].split(f"\n{end}\n")[0])
    assert told
    assert [option for option in told if option not in (*known, *others)] == []


@COMPILED
def test_recipes_run(tmp_path):
    """The lines for a shell, as they stand, by a shell."""
    recipes = next(
        block for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL) if block.startswith("# what find")
    )
    coffee, _ = poolcli.read_image(ROOT / "sample_images/coffee.png")
    (tmp_path / "scans").mkdir()
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/poolcli").write_text(f'#!/bin/sh\nexec {sys.executable} -m poolcli "$@"\n')
    (tmp_path / "bin/poolcli").chmod(0o755)
    for name in ("photo.png", "scans/a.png", "scans/b c.png"):
        poolcli.write_image(coffee[:80, :90], tmp_path / name)
    environment = {**os.environ, "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
    made = {
        "# what find finds": ["small/a.png", "small/b c.png"],
        "# eight files": ["small/a.png", "small/b c.png"],
        "# a pool": [f"small/{stem}_{f}.png" for stem in ("a", "b c") for f in (2, 4, 8)],
        "# two pools": ["clean.png"],
        "# go on": ["small/a.png", "small/b c.png"],
    }
    ran = []
    for recipe in recipes.split("\n\n"):
        names = next((names for start, names in made.items() if recipe.startswith(start)), None)
        if names is None:
            assert recipe.startswith("# only what failed")  # jq need not be here
            continue
        shutil.rmtree(tmp_path / "small", ignore_errors=True)
        subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", recipe], cwd=tmp_path, env=environment, check=True, timeout=120
        )
        assert all(poolcli.read_image(tmp_path / name)[0].size for name in names)
        ran.append(names)
    assert ran == list(made.values())
