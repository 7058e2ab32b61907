import os

import numpy as np
import pytest


@pytest.fixture(autouse=True)
def _hash_may_wrap():
    """Without the JIT the kernels' 64-bit hash runs on NumPy scalars, which warn when they wrap, as a hash does."""
    if os.environ.get("NUMBA_DISABLE_JIT", "0") == "0":
        yield
    else:
        with np.errstate(all="ignore"):
            yield
