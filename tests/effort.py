"""How much the tests try: less where nothing is compiled."""

import os

from hypothesis import settings

JIT = os.environ.get("NUMBA_DISABLE_JIT", "0") == "0"
EXAMPLES = settings(max_examples=40 if JIT else 4, deadline=None, derandomize=True)
