"""The tables: what they name exists, rows answer for themselves, and a mode that is added is one row."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from pictures import VARIANTS
from PIL import Image

import poolcli
from poolcli.commands import COMMANDS, Step
from poolcli.rows import imported

PACKAGE = Path(poolcli.__file__).parent
NAMES = {*COMMANDS, *(name for command in COMMANDS.values() for name in command.modes)}
FREE = [path for path in sorted(PACKAGE.rglob("*.py")) if path.parent.name not in ("images", "engine", "pools")]


def test_what_the_tables_name_exists():
    for command in COMMANDS.values():
        assert (
            imported(command.function) is getattr(poolcli, command.name, poolcli.downsample)
            or command.differentiates
            or command.any_size
        )
        assert callable(imported(command.picture))
    for mode in poolcli.MODES.values():
        assert callable(imported(f"pools.{mode.kernel}"))
    for reduction in poolcli.REDUCTIONS.values():
        assert callable(imported(reduction.function))
        assert callable(imported(reduction.columns))


@pytest.mark.parametrize("path", FREE, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_nobody_asks_for_a_name(path):
    asked = [
        part.value
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Compare)
        for part in ast.walk(node)
        if isinstance(part, ast.Constant) and isinstance(part.value, str)
    ]
    assert NAMES.isdisjoint(asked)


@pytest.mark.parametrize(("mode", "parameters"), VARIANTS, ids=str)
def test_rows_say_what_modes_do(mode, parameters):
    image = np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8) // 3 * 3
    step = Step("downsample", mode, {"kernel_size": (2, 3), **parameters})
    made = step.apply(image)
    assert made.shape == ((step.planes,) * bool(step.planes)) + step.shape_after(image.shape)
    assert step.blends or np.isin(made, image).all()
    flat = np.full((4, 4), 200, np.uint8)
    assert (Step("downsample", mode, parameters).apply(flat, **step.row.as_mean(parameters)) == 200).all()
    # Fractions of the dtype's maximum give the same fractions only where it does not matter what counts as 1.
    scaled = step.apply(image.astype(np.float64)), 255 * step.apply(image / 255)
    assert step.row.is_relative(parameters) != np.allclose(*scaled, rtol=1e-9)


WHOLE = [(mode, parameters) for mode, parameters in VARIANTS if "count_include_pad" not in parameters]


@pytest.mark.parametrize(("mode", "parameters"), WHOLE, ids=str)
def test_reductions_answer_as_the_modes_that_they_apply(mode, parameters):
    local, whole = Step("downsample", mode, parameters), Step("reduce", mode, parameters)
    bins = Step("reduce", "spp", {"pool": mode, **parameters})
    for step in (whole, bins):
        assert (step.blends, step.ignores_order, step.mixes) == (local.blends, local.ignores_order, local.mixes)
        assert step.row.is_relative(step.arguments) == local.row.is_relative(parameters)
        assert step.row.as_mean(step.arguments) == local.row.as_mean(parameters)


ADDED = """
import importlib.util, sys, types
spec = importlib.util.find_spec("poolcli")
package = sys.modules["poolcli"] = types.ModuleType("poolcli")
package.__path__, package.__version__ = spec.submodule_search_locations, ""
from poolcli.downsample import MODES, Mode
MODES["upper"] = Mode("upper", "a rank of r", "rank:percentile", ("q",), selects=True, unordered=True)
exec(spec.loader.get_code("poolcli"), package.__dict__)
from poolcli.cli import main
main()
"""


def test_a_mode_that_is_added_is_one_row(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (6, 8), dtype=np.uint8)
    Image.fromarray(image).save(tmp_path / "a.png")

    def run(*arguments):
        command = [sys.executable, "-c", ADDED, *arguments]
        result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=100)
        assert result.returncode == 0, result.stderr
        return result.stdout

    run("downsample", "-m", "upper", "--q", "75", "a.png")
    expected = poolcli.downsample(image, "percentile", q=75)
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "a_upper.png")), expected)
    values = poolcli.reduce(image, "spp", levels=(1, 2), pool="percentile", q=75)
    assert run("reduce", "-m", "upper", "--q", "75", "a.png") == f"input,frame,upper_grey\na.png,0,{values[0]}\n"
    rows = run("reduce", "-m", "spp", "--pool", "upper", "--levels", "1,2", "--q", "75", "a.png").splitlines()
    assert rows[1] == f"a.png,0,{','.join(map(str, values))}"
    assert re.search(r"^  upper +a rank of r$", run("modes"), re.MULTILINE)
    for command in ("downsample", "reduce"):
        assert "(percentile, upper; default 50)" in " ".join(run(command, "--help").split())


def test_pictures_know_nothing_of_batches_and_tables_import_no_numpy():
    for name in ("pictures", "commands", "rows"):
        code = f"import sys, poolcli.{name}; print([name for name in sys.modules if name in ('numpy', 'click') or"
        code += " name.startswith(('poolcli.batch', 'poolcli.cli'))])"
        result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert result.stdout == "[]\n"
