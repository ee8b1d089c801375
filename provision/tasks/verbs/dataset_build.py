"""`fab dataset-build`: make a data set of small square pictures on the host, over all its cores."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

from provision.model.errors import BadInput
from provision.tasks.datasets import PROGRAMS, PYTHON, Job, check_name, work
from provision.tasks.verb import verb

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import PurePosixPath

    from provision.screen.progress import View
    from provision.tasks.context import Context
    from provision.transport.session import Session

OPTIONS = {
    "name": "the data set's name",
    "from_": "folder of the pictures: a data set's or a synced folder's name, or a path on the host",
    "table": "two columns with a tab between: picture, class; without one, each class is a folder",
    "labels": "with --table: the classes, one a line, in the order of their numbers",
    "partial": "the table may leave pictures of the folder out",
    "size": "width and height in pixels",
    "fit": "how a picture becomes square: squash, pad or crop",
    "format": "png or jpeg",
    "grey": "one channel instead of three",
    "augment": "also turned by 180 degrees, and both mirrored: all pictures, train (only what is trained with) or none",
    "val": "percent of each class to validate with",
    "test": "percent of each class to test with",
    "seed": "another number splits otherwise",
    "broken": "a picture that cannot be read: stop, or skip it and list it in broken.txt",
    "bits": "bits of the data in pictures of 16 bits, where their values do not show it",
    "megapixels": "larger pictures are refused, as they may be an attack",
    "workers": "processes; as many as the host has cores where not given",
    "replace": "build in place of what was built by that name with other settings or pictures",
    "detach": "start it and return; say how to come back",
}


@verb(options=OPTIONS, short_options=False)
def dataset_build(  # noqa: PLR0913 - a command has as many options as it needs
    c: Context,
    name: str,
    *,
    from_: str = "",
    table: str = "",
    labels: str = "",
    partial: bool = False,
    size: str = "256",
    fit: str = "squash",
    format: str = "png",  # noqa: A002 - the option's name
    grey: bool = False,
    augment: str = "all",
    val: str = "25",
    test: str = "0",
    seed: str = "0",
    broken: str = "stop",
    bits: str = "",
    megapixels: str = "179",
    workers: str = "",
    replace: bool = False,
    detach: bool = False,
) -> None:
    """Build a data set on the host (fab dataset-build NAME --from FOLDER): resized, augmented, split, listed."""
    check_name(name, "fab dataset-build NAME")
    if not from_:
        raise BadInput(["--from is missing: the folder of the pictures"], hint="fab dataset-build NAME --from FOLDER")
    values = {"from": from_, "table": table, "labels": labels, "size": size, "fit": fit, "format": format}
    values |= {"augment": augment, "val": val, "test": test, "seed": seed, "broken": broken}
    values |= {"bits": bits, "megapixels": megapixels, "workers": workers}
    flags = {"partial": partial, "grey": grey, "replace": replace}
    words = _words(values, flags)

    def prepare(_session: Session, place: PurePosixPath, _out: View) -> Job:
        command = [PYTHON, f"{PROGRAMS}/build.py", name, f"--datasets={place}", *words]
        usual = [f"--{key}={value}" for key, value in DEFAULTS.items()]
        asked = ["dataset-build", name, *(word for word in words if word not in usual)]
        return Job(stem="build", dataset=name, command=command, asked=asked)

    work(c, prepare, detach=detach)


def _words(values: Mapping[str, str], flags: Mapping[str, bool]) -> list[str]:
    """Return the options as the program on the host takes them."""
    filled = {key: value or DEFAULTS.get(key, "") for key, value in values.items()}
    words = [f"--{key}={value}" for key, value in filled.items() if value]
    return words + [f"--{key}" for key, given in flags.items() if given]


DEFAULTS = {
    option.name: option.default
    for option in inspect.signature(dataset_build.body).parameters.values()
    if option.default and isinstance(option.default, str)
}
"""Option → its value where none is given; the program on the host has none of its own."""
