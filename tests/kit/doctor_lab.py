"""A laptop with a project and the settings of a stack, on a cloud without boxes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rehearsal.cloud.handle import Cloud
from tests.infra.lab import PUBLIC_KEY
from tests.kit.fab import fab

GOOD = {"gpurig:sshPublicKey": PUBLIC_KEY, "aws:region": "us-east-1", "gpurig:allowedCidrs": "auto"}


class Laptop:
    """A project's folder, with a `pulumi` that has a stack of some settings."""

    def __init__(self, folder: Path, cloud: Cloud, address_url: str) -> None:
        self.folder, self.cloud = folder, cloud
        (folder / "Pulumi.yaml").write_text("name: gpurig\n")
        (folder / "Pulumi.dev.yaml").write_text("encryptionsalt: v1:x\n")
        self.env = {
            **cloud.env,
            "PATH": f"{folder}:/usr/bin:/bin",
            "GPURIG_CALLER_ADDRESS_URL": address_url,
            "PULUMI_CONFIG_PASSPHRASE": "",
        }
        self.settings(GOOD)

    def settings(self, values: dict[str, str], version: str = "v3.999.0") -> None:
        rows = {key: {"value": value, "secret": False} for key, value in values.items()}
        (self.folder / "settings").write_text(json.dumps(rows))
        program = self.folder / "pulumi"
        program.write_text(
            f'#!/bin/sh\ncase "$1 $2" in "version "*) echo {version};;\n'
            f'"config --json") cat "{self.folder}/settings";;\n'
            '"stack --show-name") echo dev;; *) exit 1;; esac\n'
        )
        program.chmod(0o755)

    def doctor(self, *words: str, code: int, **env: str) -> dict[str, dict[str, str]]:
        done = fab(self.folder, "doctor", "--json", *words, code=code, **{**self.env, **env})
        rows: list[dict[str, Any]] = json.loads(done.stdout)
        return {row["check"]: row for row in rows}
