"""The parts of Numba that are not public are as poolcli/engine/internals.py needs them: what fails names the part."""

import numba
import numpy as np
import pytest
from effort import JIT
from llvmlite import binding as llvm
from numba import njit, types
from numba.core import event
from numba.core.caching import NullCache, _Cache
from numba.core.compiler import CompileResult
from numba.core.dispatcher import Dispatcher

from poolcli.engine import internals, vectors

compiled_only = pytest.mark.skipif(not JIT, reason="nothing is compiled")
SIGNATURE = types.int64(types.int64)


def changed(part):
    return f"Numba {numba.__version__} has changed {part}: look at poolcli/engine/internals.py"


@pytest.fixture
def double():
    function = njit(SIGNATURE)(lambda x: 2 * x)
    function.disable_compile()
    return function


def test_a_cache_is_asked_for_these():
    asked = {"cache_path", "load_overload", "save_overload", "enable", "disable", "flush"}
    assert set(_Cache.__abstractmethods__) == asked, changed("caches")
    assert issubclass(NullCache, _Cache), changed("NullCache")


def test_compilation_asks_the_cache_of_a_function():
    names = set(Dispatcher.compile.__code__.co_names)
    assert {"_cache", "targetctx", "load_overload", "save_overload"} <= names, changed("Dispatcher.compile")
    assert callable(CompileResult._reduce), changed("CompileResult._reduce")
    assert callable(CompileResult._rebuild), changed("CompileResult._rebuild")


@compiled_only
def test_what_is_compiled_is_packed_and_unpacked(double):
    context = double.targetctx
    (result,) = double.overloads.values()
    data = internals.packed(result)
    assert isinstance(data, bytes), changed("library.has_dynamic_globals")
    again = internals.unpacked(data, context)
    assert again.signature == SIGNATURE, changed("CompileResult._rebuild")
    assert again.entry_point(21) == 42, changed("CompileResult._rebuild")


@compiled_only
def test_the_address_of_a_function(double):
    assert internals.is_compiled(double), changed("get_compile_result")
    address, library = internals.address_of(double, SIGNATURE)
    assert address > 0, changed("get_pointer_to_function")
    assert library is not None


@compiled_only
def test_parts_are_compiled_into_what_calls_them():
    @njit
    def part(x):
        if x < 0:
            raise ValueError("negative", x)
        return np.empty(x, np.uint8).size

    whole = njit(lambda x: part(x) + 1)
    with internals.parts_alone():
        whole.compile(SIGNATURE)
    (result,) = part.overloads.values()
    assert result.library._finalized, changed("CodeLibrary._finalize_final_module")
    assert whole(2) == 3, changed("compiler.compile_extra")
    with pytest.raises(ValueError, match=r"'negative', -1"):  # whose number is given by the part
        whole(-1)
    with pytest.raises(KeyError, match="popitem"):  # rather than end the process
        part(2)
    assert njit(lambda x: part(x))(2) == 2, changed("compile_extra")


@compiled_only
def test_code_for_one_caller_alone():
    for options, given in ((internals.FOR_C_ALONE, "cfunc"), (internals.FOR_PYTHON_ALONE, "cpython")):
        function = njit(SIGNATURE, **options)(lambda x: x + 1)
        (result,) = function.overloads.values()
        names = " ".join(one.name for one in result.library.get_defined_functions())
        assert [word for word in ("cfunc", "cpython") if word in names] == [given], changed("wrappers")


def test_the_threading_layer_has_a_loop():
    internals.launch_threads()
    assert llvm.address_of_symbol(internals.PARALLEL_FOR), changed("numba_parallel_for")


def test_the_processor_has_a_name():
    words = internals.processor()
    assert len(words) >= 2, changed("magic_tuple")
    assert all(isinstance(word, str) for word in words[:2]), changed("magic_tuple")


def test_the_lock_of_the_compiler():
    with internals.compiler_lock:
        assert internals.compiler_lock.is_locked(), changed("global_compiler_lock")
    assert not internals.compiler_lock.is_locked(), changed("global_compiler_lock")


def test_types_have_dtypes():
    assert internals.as_dtype(types.float32) == np.float32, changed("as_dtype")


@compiled_only
def test_compilation_is_announced():
    with event.install_recorder("numba:compile") as seen:
        njit(SIGNATURE)(lambda x: x + 1)
    assert seen.buffer, changed("the event numba:compile")


@compiled_only
@pytest.mark.parametrize("dtype", ["float32", "float64", "uint16"])
def test_vectors_are_read_and_written(dtype):
    row, weights, out = np.arange(12, dtype=dtype), np.array([1, 2, 3], dtype), np.zeros(8, dtype)

    @njit
    def write(row, weights, out):
        vectors.write_sum_of_pixels(row, 1, 2, weights, 3, out, 0)
        vectors.copy_vector(row, 5, out, 4)

    write(row, weights, out)
    assert out.tolist() == [22, 28, 34, 40, 5, 6, 7, 8], changed("make_array")


@compiled_only
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_one_step_adds_a_product(dtype):
    function = njit(lambda a, b, c: vectors.fused_multiply_add(a, b, c))
    assert function(dtype(2), dtype(3), dtype(4)) == 10, changed("intrinsics")
