"""Start a kernel in whatever Python runs this, which need not have one: it comes from a folder beside this file.

What the environment itself has goes first, and nothing is put into it. The guard knows a kernel by this file's name,
which is that of ipykernel's own.
"""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
PACKAGES = os.path.join(HERE, "kernel")
RELEASE = sys.version_info[:2]


def folder():
    """Return the packages for this release of Python: those of a newer one are of the newest that there are."""
    releases = [tuple(map(int, name.split("."))) for name in os.listdir(PACKAGES) if name[0].isdigit()]
    fitting = max(release for release in releases if release[0] == RELEASE[0] and release <= RELEASE)
    return os.path.join(PACKAGES, "%d.%d" % fitting)


def main():
    """Start the kernel."""
    # In place of this file's own folder, the packages; last, for the environment's own go first.
    del sys.path[0]
    sys.path.append(folder())
    # The folder is root's, and without compiled modules a kernel takes several times as long to start.
    before = getattr(sys, "pycache_prefix", None)
    sys.pycache_prefix = os.path.expanduser("~/.cache/gpurig-kernel")
    from ipykernel import kernelapp

    sys.pycache_prefix = before
    kernelapp.launch_new_instance()


if __name__ == "__main__":
    main()
