"""`gpurig`, which a wheel installs beside `fab`: it makes a project, says its version, and is `fab` in all else."""

from __future__ import annotations

import sys

from gpurig import __version__, new
from provision.model.errors import GpurigError

USAGE = """use: gpurig new FOLDER      make a project: a folder in which `pulumi up` and `fab` work
     gpurig TASK …          the same as `fab TASK …`
     gpurig --list          all tasks; gpurig --help TASK explains one
     gpurig --version"""


def main() -> None:
    """Do what the words say."""
    words = sys.argv[1:]
    if words in ([], ["--help"], ["-h"]):
        print(USAGE)
    elif words in (["--version"], ["-V"]):
        print(f"gpurig {__version__}")
    elif words[0] == "new":
        sys.exit(_new(words[1:]))
    else:
        from gpurig import fab  # noqa: PLC0415 - Fabric, which the others do not need

        fab.main()


def _new(words: list[str]) -> int:
    """Make a project, and say what comes next; returns the exit code."""
    try:
        print(new.project(words))
    except GpurigError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0
