"""Mistakes that people make: one line each, which names the value and the way out, and nothing is written."""

import re
from pathlib import Path

import pytest
from commands import NOTICE
from effort import JIT
from mistakes import MISTAKES, fill, said

pytestmark = pytest.mark.skipif(not JIT, reason="arguments are read alike, compiled or not")


@pytest.mark.parametrize("line", MISTAKES)
def test_mistakes_get_one_line(line, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fill(tmp_path)
    before = set(Path().rglob("*"))
    code, text = said(line)
    errors, *rest = re.sub(NOTICE, "", text, flags=re.MULTILINE).splitlines()
    assert code in (1, 2)
    assert errors.startswith("error: ")
    assert MISTAKES[line] in errors
    assert len(rest) <= (" reduce -m gap photo.png grey.tif" in line)  # several files end with a sum
    assert set(Path().rglob("*")) == before


def test_there_are_sixty():
    assert len(MISTAKES) >= 60
