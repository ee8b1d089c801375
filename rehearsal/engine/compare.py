"""What changes between a resource as it is and as the program wants it."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING

from rehearsal.engine.provider import Diff
from rehearsal.engine.providers import configuration

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rehearsal.engine.provider import Provider
    from rehearsal.engine.providers import Providers
    from rehearsal.engine.resource import Resource
    from rehearsal.engine.wire import Properties


def compare(old: Resource, new: Resource, provider: Provider, providers: Providers) -> Diff:
    """Ask the provider, then apply what the engine adds to its answer."""
    if _provider_replaced(old, new, provider, providers):
        return Diff(changes=True, changed=("provider",), replaces=("provider",))
    diff = provider.diff(old, new.inputs, new.ignore_changes)
    if old.init_errors and not diff.changes:  # it was made, but never got well: try again
        return dataclasses.replace(diff, changes=True)
    return diff


def _provider_replaced(old: Resource, new: Resource, provider: Provider, providers: Providers) -> bool:
    """Say whether the object belongs to another provider now, one that cannot manage the same objects.

    That is the new provider's own decision: its DiffConfig against the old one's configuration.
    """
    if old.provider == new.provider:
        return False
    before, after = providers.remembered(old.provider), providers.registered(new.provider)
    if before is None:
        return False
    olds, news = configuration(before.inputs), configuration(after.inputs)
    return olds != news and bool(provider.diff_config(after.urn, olds, news).replaces)


def describe(changed: Iterable[str], olds: Properties, news: Properties) -> str:
    """Name the changed properties for people: ``[diff: +added,-removed,~changed]``."""
    keys = {re.split(r"[.\[]", path, maxsplit=1)[0] for path in changed}
    keys = keys or {key for key in {**olds, **news} if olds.get(key) != news.get(key)}
    signs = {key: "+" if key not in olds else "-" if key not in news else "~" for key in keys}
    return f"[diff: {','.join(signs[key] + key for key in sorted(keys))}]" if keys else ""
