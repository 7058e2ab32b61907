import os
import signal

import numpy as np
import pytest
from browser import started
from effort import JIT

# Threads of OpenMP that wait in a loop take the cores from the other workers and from the processes that tests start.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

# In the background of a shell SIGINT is ignored, and SIGHUP under nohup; the processes that tests start inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Leave to `-m slow` what `quick_when` says no to: it is told the parameters of the test by name."""
    for item in items:
        for mark in item.iter_markers("quick_when"):
            if not mark.args[0](**getattr(getattr(item, "callspec", None), "params", {})):
                item.add_marker("slow")


@pytest.fixture(autouse=True)
def _hash_may_wrap():
    """Without the JIT the kernels' 64-bit hash runs on NumPy scalars, which warn when they wrap, as a hash does."""
    if JIT:
        yield
    else:
        with np.errstate(all="ignore"):
            yield


@pytest.fixture(scope="session")
def browser():
    """Return a headless browser, the same for all tests of a process."""
    with started() as driver:
        yield driver
