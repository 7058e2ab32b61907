"""What holds for every public name: how it is called, what its docstring says, and that a twin and a formula exist."""

import ast
import inspect
import re
import subprocess
import sys
from pathlib import Path

import naive
import pytest

import poolcli
from poolcli.parameters import PARAMETERS

PACKAGE = Path(poolcli.__file__).parent
FUNCTIONS = {name: value for name in poolcli.__all__ if inspect.isfunction(value := getattr(poolcli, name))}
TABLES = {"downsample": poolcli.MODES, "reduce": poolcli.REDUCTIONS, "upsample": poolcli.UPSAMPLINGS}

# What comes by position: the first two, but for the size and the filter of `resize`, which stand where the field has
# them, and for `write_image`, which takes what `read_image` gave: both parts of it, around the target.
BY_POSITION = {
    "resize": ["image", "size", "mode"],
    "downsample_backward": ["grad", "image", "mode"],
    "reduce_backward": ["grad", "image", "mode"],
    "resize_backward": ["grad", "image", "size", "mode"],
    "upsample_backward": ["grad", "image", "mode"],
    "write_image": ["array", "target", "info"],
    "read_image": ["source"],
}

WHOLE = [name for name, mode in poolcli.MODES.items() if not mode.stacks]  # which reduce a whole map too

each_function = pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)


def test_all_names_are_there_sorted_and_no_other():
    assert poolcli.__all__ == sorted(poolcli.__all__, key=lambda name: (not name.isupper(), name[0].islower(), name))
    tree = ast.parse((PACKAGE / "__init__.py").read_text())
    imported = {alias.name for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert imported == set(poolcli.__all__)
    assert {"downsample", "read_image", "reduce", "resize", "upsample", "write_image"} <= set(FUNCTIONS)


@each_function
def test_what_is_not_first_is_given_by_name(function):
    parameters = inspect.signature(function).parameters.values()
    positional = [parameter.name for parameter in parameters if parameter.kind is parameter.POSITIONAL_OR_KEYWORD]
    assert positional == BY_POSITION.get(function.__name__, ["image", "mode"])
    assert {parameter.kind for parameter in parameters} <= {
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        inspect.Parameter.KEYWORD_ONLY,
        inspect.Parameter.VAR_KEYWORD,
    }


def sections(function):
    """Return the text below each heading of a docstring; below none its first paragraph."""
    parts = re.split(r"^(\w+):\n", inspect.cleandoc(function.__doc__), flags=re.MULTILINE)
    return {"": parts[0], **dict(zip(parts[1::2], parts[2::2], strict=True))}


@each_function
def test_docstrings_begin_with_one_sentence(function):
    first, _, rest = function.__doc__.partition("\n")
    assert re.fullmatch(r"[A-Z][^.!?]*\.", re.sub(r"\.(?=\S)", "", first))
    assert rest.startswith("\n")


@each_function
def test_docstrings_name_every_argument(function):
    parameters = inspect.signature(function).parameters.values()
    stars = {inspect.Parameter.VAR_KEYWORD: "**"}
    named = re.findall(r"^ {4}([\w*]+): \S", sections(function)["Args"], re.MULTILINE)
    assert named == [stars.get(parameter.kind, "") + parameter.name for parameter in parameters]


@each_function
def test_docstrings_say_what_is_returned_and_raised_and_show_an_example(function):
    found = sections(function)
    headings = ["Args", "Returns", "Raises"]
    if inspect.signature(function).return_annotation in (None, "None"):
        headings.remove("Returns")
    assert list(found)[1:] == headings
    assert all(found[heading].startswith("    ") for heading in headings)
    raised = re.findall(r"^ {4}(\w+): \S", found["Raises"], re.MULTILINE)
    assert raised
    assert set(raised) <= {"ImageError", "TypeError", "ValueError"}
    assert re.search(r"^>>> .*\b" + function.__name__ + r"\(", function.__doc__.replace("    >>>", ">>>"), re.MULTILINE)


@pytest.mark.parametrize(("function", "table"), TABLES.items(), ids=TABLES)
def test_docstrings_name_the_parameters_of_every_mode(function, table):
    text = FUNCTIONS[function].__doc__
    if function == "reduce":  # "those of the modes of `downsample`"
        text += FUNCTIONS["downsample"].__doc__
    if function == "upsample":  # "those of `resize`"
        text += FUNCTIONS["resize"].__doc__
    missing = {name for mode in table.values() for name in mode.parameters if f"`{name}`" not in text}
    assert missing == set()


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_every_module_says_what_it_is_for(path):
    assert ast.get_docstring(ast.parse(path.read_text()))


@pytest.mark.parametrize(
    ("table", "twins"),
    [
        (poolcli.MODES, naive.MODES),
        (poolcli.REDUCTIONS, {**naive.REDUCTIONS, **{name: naive.MODES[name] for name in WHOLE}}),
        (poolcli.UPSAMPLINGS, naive.UPSAMPLINGS),
    ],
    ids=TABLES,
)
def test_every_mode_has_a_twin_of_its_name(table, twins):
    assert set(table) == set(twins)
    assert {name: twin.__name__ for name, twin in twins.items()} == {name: name.replace("-", "_") for name in twins}
    assert all(mode.name == name and mode.formula for name, mode in table.items())


def test_twins_know_nothing_of_what_they_are_the_twins_of():
    tree = ast.walk(ast.parse(Path(naive.__file__).read_text()))
    imports = [node for node in tree if isinstance(node, (ast.Import, ast.ImportFrom))]
    modules = {node.module if isinstance(node, ast.ImportFrom) else node.names[0].name for node in imports}
    assert modules == {"math", "typing", "numpy"}


def test_every_parameter_belongs_to_a_mode():
    taken = {name for table in TABLES.values() for mode in table.values() for name in mode.parameters}
    assert taken == set(PARAMETERS)


def test_importing_takes_neither_numpy_nor_numba():
    code = "import sys, poolcli; print([name for name in ('numpy', 'numba', 'PIL', 'click') if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"
