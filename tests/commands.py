"""What tests of commands share."""

import re


def without_notices(result):
    """Return the result of a command without the lines that tell of compilation, which a full cache spares."""
    pattern = r"^compiling .*, once\n"
    result.stderr = re.sub(pattern if isinstance(result.stderr, str) else pattern.encode(), result.stderr[:0],
                           result.stderr, flags=re.MULTILINE)  # fmt: skip
    return result
