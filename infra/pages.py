"""What `python -m infra.pages` writes: Pulumi.yaml and docs/settings.md, docs/iam, docs/policy.md."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from infra.policy import page as policy
from infra.rights import page as rights
from infra.settings import Settings
from infra.settings.setting import NAMESPACE, declared_in, descriptions
from provision.model import aws_settings
from provision.pages.markdown import table

ROOT = Path(__file__).parents[1]
_TYPES = {bool: "boolean", int: "integer", str: "string", dict: "object"}
"""Of a default → in Pulumi.yaml; the others take values of more than one kind."""
_HEAD = """# Settings

Every key of the namespace `gpurig`, written from `infra/settings` (`make pages`). `pulumi config set gpurig:KEY VALUE`
sets one; a value that is empty text counts as not set. `pulumi preview` refuses a wrong or unknown one, all of them at
once. Where in AWS to work is said by the settings of the namespace `aws`, at the end of this page, else by the
environment.

"""
_TAIL = """
## The account: `aws:`

What the AWS provider can be configured with counts for `pulumi` and for `fab` alike. An account that
`allowedAccountIds` does not name, or that `forbiddenAccountIds` does, is refused before the first call that could
change something. Tags of `defaultTags` come beside those of the program, on snapshots and images of `fab` as well.

"""


def pages() -> dict[Path, str]:
    """Return every file that is written, whole."""
    described = descriptions(Settings)
    config, rows = {}, []
    for field, setting in declared_in(Settings).items():
        default, text = _default(setting.default), described.get(field, "")
        kind = _TYPES.get(type(setting.default))
        declared = {"type": kind, "default": default, "description": text}
        config[f"{NAMESPACE}:{setting.key}"] = {name: value for name, value in declared.items() if value is not None}
        shown = "" if default in ("", [], {}) else json.dumps(default).strip('"')
        example = "" if setting.example == str(setting.default) else f"`{setting.example}`"
        rows.append([f"`{setting.key}`", shown, text, setting.check.allowed, example])
    project = ROOT / "Pulumi.yaml"
    head = project.read_text(encoding="utf-8").partition("config:\n")[0]
    keys = yaml.safe_dump({"config": config}, sort_keys=False, allow_unicode=True, width=1000)
    taken = [[f"`{key}`", f"`{example}`"] for key, (_, example) in aws_settings.TAKEN.items()]
    refused = [[f"`{key}`", why] for key, why in aws_settings.REFUSED.items()]
    account = table(["key", "for example"], taken) + "\n" + table(["refused", "why, and what instead"], refused)
    settings = table(["key", "default", "what it is", "it has to be", "for example"], rows)
    named = _HEAD + settings + _TAIL + account
    return {project: head + keys, ROOT / "docs" / "settings.md": named, **rights.pages(), **policy.pages()}


def _default(value: Any) -> Any:
    """Return a default as Pulumi.yaml has it: names with commas between them, empty text for "not set"."""
    if isinstance(value, tuple):
        return ",".join(value) or []
    return "" if value is None else value


if __name__ == "__main__":
    for path, text in pages().items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
