"""Read the stack's configuration into `Settings`, or refuse it with every problem at once."""

from __future__ import annotations

import difflib
import shlex
from typing import TYPE_CHECKING, Any

import pulumi

from infra.settings import Settings, conflicts, fit, ranges
from infra.settings.setting import NAMESPACE, declared_in
from provision.catalogue.catalogue import Catalogue
from provision.model.access import PUBLIC
from provision.model.errors import BadInput
from provision.model.platforms import images, instance_types
from provision.model.schema import plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.cloud import Cloud
    from infra.settings.setting import Setting
    from provision.model.platforms import InstanceType

FIELDS = declared_in(Settings)
SETTINGS = {setting.key: setting for setting in FIELDS.values()}
"""Every setting by its key."""


def load_settings(
    cloud: Cloud, *, overrides: Mapping[str, str] | None = None, catalogue: Catalogue | None = None
) -> Settings:
    """Read and check the configuration; `overrides` (keys as in Pulumi.yaml) come before it.

    Raises `BadInput` with every problem. AWS is asked for nothing but an instance type that is not in the table.
    """
    values, refused = parse({**_configured(), **(overrides or {})})
    if values["access"] != PUBLIC:
        # The caller's address on the internet is none that a box without a public one ever sees.
        values["allowedCidrs"] = tuple(cidr for cidr in values["allowedCidrs"] if cidr != ranges.AUTO)
    given = values["allowedCidrs"]
    for key, setting in SETTINGS.items():
        if setting.resolve and key not in refused:
            try:
                values[key] = setting.resolve(values[key])
            except ValueError as error:
                refused[key] = f"{NAMESPACE}:{key}: {error}"
    fields = {name: values[setting.key] for name, setting in FIELDS.items()}
    machine, wrong = _machine(cloud, fields["instance_type"])
    settings = Settings(**fields, machine=machine, catalogue=catalogue or Catalogue())
    problems = [*cloud.problems, *refused.values(), *wrong, *conflicts.problems(settings, cloud.region)]
    if (settings.image_os or settings.image) in images():
        problems += fit.problems(settings)
    if problems:
        raise BadInput(problems)
    for warning in ranges.warnings(settings.allowed_cidrs, given) if settings.access == PUBLIC else ():
        pulumi.log.warn(f"{NAMESPACE}:allowedCidrs: {warning}")
    return settings


def parse(raw: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the value of every key and, by key, what is wrong with it; a wrong value stands at its default."""
    values = {key: setting.default for key, setting in SETTINGS.items()}
    problems = {}
    for key, text in raw.items():
        if key not in SETTINGS:
            problems[key] = _unknown(key)
        elif text.strip():
            try:
                values[key] = SETTINGS[key].check.read(text.strip())
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
                problems[key] = _wrong(SETTINGS[key], text)
    return values, problems


def _configured() -> dict[str, str]:
    """Return what is set, known or not: `pulumi.Config` itself cannot list keys."""
    config, prefix = pulumi.Config(NAMESPACE), f"{NAMESPACE}:"
    given = [key.removeprefix(prefix) for key in pulumi.runtime.get_config_env() if key.startswith(prefix)]
    return {key: text for key in (*SETTINGS, *given) if (text := config.get(key)) is not None}


RENAMED = {"maxLifetimeHours": "maxHours"}
"""Keys of before, and what says the same now."""


def _unknown(key: str) -> str:
    if now := RENAMED.get(key):
        way_out = f"pulumi config rm {NAMESPACE}:{key}; pulumi config set {NAMESPACE}:{now} HOURS"
        return f"{NAMESPACE}:{key}: it is called {now} now, and AWS sees to it as well: {way_out}"
    nearest = difflib.get_close_matches(key, SETTINGS, n=1, cutoff=0)[0]
    return (
        f'{NAMESPACE}:{plain(key)}: there is no such key; the nearest is "{nearest}" (all of them are in Pulumi.yaml)'
    )


def _wrong(setting: Setting[Any], text: str) -> str:
    shown = plain(text)
    plainly = f"{NAMESPACE}:{setting.key} {shlex.quote(setting.example)}"
    way_out = setting.example if setting.example.startswith("--path") else plainly
    problem = f'"{shown}" has to be {setting.check.allowed}; for example: pulumi config set {way_out}'
    return f"{NAMESPACE}:{setting.key}: {problem}"


def _machine(cloud: Cloud, name: str) -> tuple[InstanceType, list[str]]:
    """Return an instance type, and what is wrong with its name; where something is, the default stands in."""
    if machine := instance_types().get(name):
        return machine, []
    default = instance_types()[FIELDS["instance_type"].default]
    try:
        return cloud.instance_type(name) if cloud.region else default, []
    except BadInput as error:
        nearest = instance_types()[difflib.get_close_matches(name, instance_types(), n=1, cutoff=0)[0]]
        return default, [f"{error}; the nearest that gpurig knows is {nearest}"]
