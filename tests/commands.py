"""What tests of commands share."""

import re

from click.testing import CliRunner

from poolcli.cli import commands

NOTICE = r"^compiling .*, once\n"  # which a full cache spares


def without_notices(result):
    """Return the result of a process without the lines that tell of compilation."""
    pattern = NOTICE if isinstance(result.stderr, str) else NOTICE.encode()
    result.stderr = re.sub(pattern, result.stderr[:0], result.stderr, flags=re.MULTILINE)
    return result


def said(*arguments, code=0):
    """Run a command in this process, and return what it says on standard error but for those lines."""
    result = CliRunner().invoke(commands, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    return re.sub(NOTICE, "", result.stderr, flags=re.MULTILINE)
