"""What a recipe's folder and its `recipe.toml` have to look like."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from provision.model.schema import ANY, FLAG, MODE, NUMBER, PORTS, STRING, STRINGS, TABLES, mismatches

if TYPE_CHECKING:
    from pathlib import Path

EXAMPLE = "example"
"""The folder with what an example or a bench runs."""
_TRIALS = (EXAMPLE, "bench")
_TRIAL: dict[str, Any] = {**dict.fromkeys(("command", "summary", "pictures"), STRING), "minutes": NUMBER}
_SCHEMA: dict[str, Any] = {
    **dict.fromkeys(("summary", "version", "unit", "health", "undo", "document", "no_example"), STRING),
    **dict.fromkeys(("needs", "needs_on_gpu", "conflicts", "keeps", "licences", "gpu_licences"), STRINGS),
    **dict.fromkeys(("minutes", "disk_gib"), NUMBER),
    **dict.fromkeys(("needs_gpu", "reboot"), FLAG),
    **dict.fromkeys(_TRIALS, _TRIAL),
    "ports": PORTS,
    "env": {"*": STRING},
    "activate": {"*": STRING},
    "files": {"*": {"template": STRING, "mode": MODE}},
    "sources": {"*": {**dict.fromkeys(("licences", "gpu_licences", "images"), STRINGS), "*": ANY}},
    "supports": {"images": STRINGS, "compute": STRINGS, "driver": NUMBER, "no": {"*": STRING}, "tried": TABLES},
}


def problems(folder: Path, table: dict[str, Any]) -> list[str]:
    """Return everything that is wrong with a recipe's folder and keys."""
    path = folder / "recipe.toml"
    needed = [f'"{key}" is missing' for key in ("summary", "version") if table.get(key, "") == ""]
    if found := needed + mismatches(table, _SCHEMA):
        return [f"{path}: {problem}" for problem in found]
    files: dict[str, dict[str, str]] = table.get("files", {})
    templates = ("install.sh.j2", "verify.sh.j2", *(row.get("template", "") for row in files.values()))
    trials = [key for key in _TRIALS if key in table]
    tried = enumerate(table.get("supports", {}).get("tried", ()), 1)
    return [
        *(f'{path}: "files.{target}" has to be an absolute path' for target in files if not target.startswith("/")),
        *(f'{path}: "files.{target}.template" is missing' for target, row in files.items() if "template" not in row),
        *(f'{path}: "{key}.command" is missing' for key in trials if not table[key].get("command")),
        *(
            f'{path}: row {number} of "supports.tried" has to have image and gpu'
            for number, row in tried
            if not {"image", "gpu"} <= row.keys()
        ),
        *(f"{folder / EXAMPLE}: missing" for _ in trials[:1] if not (folder / EXAMPLE).is_dir()),
        *(f"{folder / name}: missing" for name in templates if name and not (folder / name).is_file()),
    ]
