"""What a shell completes: commands, options, their values, and files wherever a file belongs."""

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time

import pytest
from click.shell_completion import ShellComplete

from poolcli.cli import commands


def completed(*words):
    """Return what is offered for the last word, and whether files are."""
    offered = ShellComplete(commands, {}, "poolcli", "_POOLCLI_COMPLETE").get_completions([*words[:-1]], words[-1])
    return [item.value for item in offered if item.type == "plain"], any(item.type == "file" for item in offered)


@pytest.mark.parametrize(
    "words",
    [
        ("downsample", "-m", "max", "ph"),
        ("downsample", "-m", "max", "a.png", "-o", ""),
        ("downsample", "--files-from", "li"),
        ("downsample", "-m", "max", "--save-indices", "i"),
        ("downsample", "-m", "lip", "--weights", "w"),
        ("upsample", "-m", "unpool", "--indices", ""),
        ("upsample", "-m", "nearest", "ph"),
        ("gradient", "-m", "max", "--grad", "g"),
        ("reduce", "-m", "gap", "fol"),
        ("reduce", "-m", "gap", "fol", "-o", "t"),
        ("compare", "ph"),
        ("compare", "a.png", "-o", "sh"),
    ],
    ids=" ".join,
)
def test_files_are_left_to_the_shell(words):
    assert completed(*words) == ([], True)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("gr",), ["gradient"]),
        (("downsample", "-m", "m"), ["max", "min", "median", "majority", "mixed"]),
        (("upsample", "--mode", "bi"), ["bilinear", "bicubic"]),
        (("gradient", "-m", "maj"), []),
        (("downsample", "-m", "lp", "--norm", ""), ["size", "mean", "sum"]),
        (("downsample", "-m", "lip", "--norm", ""), ["weights", "count"]),
        (("upsample", "-m", "subpixel", "--order", ""), ["crd", "dcr"]),
        (("downsample", "--format", "ti"), ["tif", "tiff"]),
        (("downsample", "--dtype", "uint1"), ["uint16"]),
        (("downsample", "--compression", "f"), ["fast"]),
        (("compare", "-m", "max,l"), ["max,l2", "max,lp", "max,lip"]),
        (("compare", "--upsample", "bi"), ["bilinear", "bicubic"]),
        (("reduce", "-m", "gap", "--format", "js"), ["json", "jsonl"]),
    ],
    ids=str,
)
def test_values_are_offered(words, expected):
    assert completed(*words) == (expected, False)


def test_weights_are_names_or_files():
    assert completed("upsample", "-m", "transposed", "--weights", "b") == (["bilinear", "box"], True)


@pytest.mark.skipif(not shutil.which("bash"), reason="there is no bash")
def test_a_bash_completes(tmp_path):
    """Type a command and the tabulator at a terminal."""
    (tmp_path / "photograph.png").write_bytes(b"")
    (tmp_path / "poolcli").write_text(f'#!/bin/sh\nexec {sys.executable} -m poolcli "$@"\n')
    (tmp_path / "poolcli").chmod(0o755)
    terminal, end = pty.openpty()
    path = f"{tmp_path}:{os.environ['PATH']}"
    shell = subprocess.Popen(
        ["bash", "--norc", "--noprofile", "-i"], stdin=end, stdout=end, stderr=end, cwd=tmp_path, close_fds=True,
        start_new_session=True, env={**os.environ, "PATH": path, "PS1": "$ ", "TERM": "dumb", "INPUTRC": os.devnull},
    )  # fmt: skip
    os.close(end)
    try:
        os.write(terminal, b'eval "$(poolcli completion bash)"; echo rea""dy\n')
        assert "ready" in shown_until(terminal, r"\nready")
        os.write(terminal, b"poolcli downsample -m max photo\t")
        assert shown_until(terminal, r"photograph\.png")
        os.write(terminal, b"\x15poolcli upsample --mode bic\t")
        assert shown_until(terminal, r"--mode bicubic")
    finally:
        shell.kill()
        shell.wait()
        os.close(terminal)


def shown_until(terminal, pattern, seconds=60):
    """Return what a terminal shows until there is a pattern, or fail."""
    text, end = "", time.monotonic() + seconds
    while not re.search(pattern, text):
        ready, _, _ = select.select([terminal], [], [], max(end - time.monotonic(), 0))
        assert ready, f"no {pattern} in {text!r}"
        text += os.read(terminal, 4096).decode(errors="replace")
    return text
