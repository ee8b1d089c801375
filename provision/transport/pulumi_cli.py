"""The Pulumi CLI, asked: it runs in the project's folder, says nothing to the user, and asks nothing."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

from provision.model.project import project_folder
from provision.transport import background

if TYPE_CHECKING:
    from concurrent.futures import Future

_begun: dict[tuple[str, ...], Future[subprocess.CompletedProcess[str]]] = {}


def begin(*words: str) -> None:
    """Have `pulumi` run beside all else; the first `finished` of the same words takes its answer."""
    _begun[words] = background.begin(lambda: _run(words))


def finished(*words: str) -> subprocess.CompletedProcess[str]:
    """Run `pulumi` to its end; what it printed is in the answer. Raises `FileNotFoundError` where there is none."""
    begun = _begun.pop(words, None)
    return begun.result() if begun else _run(words)


def _run(words: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    command, folder = ["pulumi", *words], project_folder()
    # Not the encoding of the system's, which on Windows is another than Pulumi's.
    how: dict[str, Any] = {"encoding": "utf-8", "errors": "replace", "stdin": subprocess.DEVNULL}
    return subprocess.run(command, cwd=folder, capture_output=True, check=False, **how)


def said(answer: subprocess.CompletedProcess[str]) -> str:
    """Return what a `pulumi` that failed had to say."""
    return answer.stderr.strip() or answer.stdout.strip()
