"""What tests of commands share."""

import re
import subprocess
import sys

from click.testing import CliRunner

from poolcli.cli import commands

NOTICE = r"^compiling .*, once\n"  # which a full cache spares


def without_notices(result):
    """Return the result of a process without the lines that tell of compilation."""
    pattern = NOTICE if isinstance(result.stderr, str) else NOTICE.encode()
    result.stderr = re.sub(pattern, result.stderr[:0], result.stderr, flags=re.MULTILINE)
    return result


def process(*words, folder=None, **options):
    """Run the command in a process of its own, as people do, and return its result."""
    options = {"capture_output": True, "text": True, "timeout": 120, **options}
    arguments = [str(word) if isinstance(word, (int, float)) else word for word in words]
    return without_notices(subprocess.run([sys.executable, "-m", "poolcli", *arguments], cwd=folder, **options))


def said(*arguments, code=0):
    """Run a command in this process, and return what it says on standard error but for those lines."""
    result = CliRunner().invoke(commands, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    return re.sub(NOTICE, "", result.stderr, flags=re.MULTILINE)
