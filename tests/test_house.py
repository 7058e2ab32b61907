"""The structure of the package: which module may import which, and rules that keep a mode in one place."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import poolcli

ROOT = Path(poolcli.__file__).parent

LAYERS = (
    ("poolcli.__main__", "poolcli.torch"),
    ("poolcli.cli",),
    ("poolcli.batch",),
    ("poolcli.pictures", "poolcli.chunks", "poolcli.tiling", "poolcli.folding", "poolcli.pyramid", "poolcli.placing",
     "poolcli.comparing", "poolcli.page"),
    ("poolcli.commands",),
    ("poolcli.gradient", "poolcli.resizing"),
    ("poolcli.backward", "poolcli.downsample", "poolcli.reduce", "poolcli.upsample", "poolcli.resize",
     "poolcli.convolutions", "poolcli.transposed", "poolcli.unpooling", "poolcli.maps", "poolcli.images",
     "poolcli.quality"),
    ("poolcli.pools",),
    ("poolcli.engine",),
    ("poolcli.geometry", "poolcli.sampling", "poolcli.dtypes", "poolcli.parameters", "poolcli.files", "poolcli.stored",
     "poolcli.axes", "poolcli.light", "poolcli.filters", "poolcli.weights", "poolcli.rows", "poolcli.remote",
     "poolcli.joint", "poolcli.lazy", "poolcli.outputs", "poolcli.nodata"),
)  # fmt: skip
"""From the top to the ground: a module imports those of its own layer and of those below, and the version."""

OWNERS = {
    "numba": "poolcli.engine",
    "llvmlite": "poolcli.engine",
    "PIL": "poolcli.images",
    "tifffile": "poolcli.images",
    "imagecodecs": "poolcli.images",
    "click": "poolcli.cli",
    "torch": "poolcli.torch",
    "dask": "poolcli.chunks",
    "distributed": "poolcli.batch.cluster",
    "fsspec": "poolcli.remote",
    "upath": "poolcli.remote",
    "zarr": "poolcli.images",
}
"""Who alone imports a library."""

LINES, PARAMETERS = 40, 6
"""Of a function at most; loops of the engine may need more."""


def name_of(path: Path) -> str:
    """Return the name of the module in a file."""
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): ast.parse(path.read_text()) for path in sorted(ROOT.rglob("*.py"))}
del MODULES["poolcli"]  # the public names and the version


def statements(node: ast.AST) -> Iterator[ast.AST]:
    """Yield all nodes but those that only type checkers read."""
    yield node
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        yield from statements(child)


def imports(module: str) -> set[str]:
    """Return the modules that a module imports, anywhere in it."""
    found = set()
    for node in statements(MODULES[module]):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in MODULES else str(node.module) for name in names}
    return found


def layer(module: str) -> int:
    """Return how far a module is from the top."""
    for depth, names in enumerate(LAYERS):
        if any(f"{module}.".startswith(f"{name}.") for name in names):
            return depth
    raise AssertionError(f"{module} stands in no layer")


def functions() -> Iterator[tuple[str, ast.FunctionDef]]:
    """Yield all functions, with the module each is in."""
    for module, tree in MODULES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                yield module, node


def test_no_module_imports_one_above_it() -> None:
    up = [
        f"{module} imports {other}"
        for module in MODULES
        for other in imports(module) & MODULES.keys()
        if layer(other) < layer(module)
    ]
    assert not up


def test_modules_import_in_no_circle() -> None:
    graph = {module: (imports(module) & MODULES.keys()) - {module} for module in MODULES}
    assert len([*TopologicalSorter(graph).static_order()]) == len(MODULES)  # raises a CycleError that names a circle


def test_each_library_has_one_owner() -> None:
    strangers = [
        f"{module} imports {other}"
        for module in MODULES
        for other in imports(module)
        if (owner := OWNERS.get(other.partition(".")[0])) and not f"{module}.".startswith(f"{owner}.")
    ]
    assert not strangers


def test_functions_are_short() -> None:
    long = []
    for module, function in functions():
        body = function.body[ast.get_docstring(function) is not None :]
        lines = body[-1].end_lineno - body[0].lineno + 1 if body else 0
        if lines > LINES and not module.startswith("poolcli.engine"):
            long.append(f"{module}.{function.name}: {lines} lines")
    assert not long


def test_functions_take_few_parameters() -> None:
    many = []
    for module, function in functions():
        taken = [*function.args.posonlyargs, *function.args.args]
        if function.name not in poolcli.__all__:  # whose options are by name only, and documented one by one
            taken += function.args.kwonlyargs
        count = len([one for one in taken if one.arg not in ("self", "cls")])
        if count > PARAMETERS and not module.startswith("poolcli.engine"):
            many.append(f"{module}.{function.name}: {count} parameters")
    assert not many


def test_placeholders_of_kernels_are_unbound() -> None:
    bound = [
        f"{module}.{ast.unparse(node)}"
        for module, tree in MODULES.items()
        if module.startswith(("poolcli.engine", "poolcli.pools"))
        for node in tree.body
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.annotation) == "Any"
        if not (isinstance(node.value, ast.Constant) and node.value.value is None)
    ]
    assert not bound
