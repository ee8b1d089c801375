"""An OpenSSH that is too old to sign: what was built is not signed, and the user hears which one does."""

from __future__ import annotations

from pathlib import Path

import pytest

from provision.bundle.kept import names_of
from provision.bundle.render import render
from provision.model.errors import GpurigError
from provision.model.target import Target
from provision.transport import builder_key
from tests.kit.programs import write_program

OLD = """for word; do [ "$word" = -Y ] && echo "unknown option -- Y" >&2 && exit 1; done
exec /usr/bin/ssh-keygen "$@"
"""


def test_it_is_said_which_openssh_signs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_program(tmp_path / "bin" / "ssh-keygen", OLD)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.setenv("HOME", str(tmp_path))
    bundle = render(["cudamat"], Target(licences=("nvidia-cuda", "nvidia-cudnn")))
    (name,) = sorted(names_of(bundle))[:1]
    with pytest.raises(GpurigError, match="unknown option -- Y") as error:
        builder_key.signatures({name: "a" * 64}, bundle)
    assert "OpenSSH signs from 8.1 on" in error.value.hint
