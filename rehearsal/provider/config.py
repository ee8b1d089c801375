"""The provider's own configuration: region, the way to the account, retries, default tags."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

from rehearsal.engine.wire import UNKNOWN
from rehearsal.provider import credentials

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rehearsal.provider.wire import Values

_TEXT = ("region", *credentials.KEYS)
_JSON = (
    *("defaultTags", "ignoreTags", "maxRetries", "skipCredentialsValidation", "skipRegionValidation"),
    *credentials.JSON_KEYS,
)
"""Not text, and therefore JSON text on the wire. The SDK sets the skip flags unasked; nothing is validated here."""
_ACCOUNT = (*credentials.KEYS, *credentials.JSON_KEYS)
_ENGINES_OWN = ("version", "pluginDownloadURL", "__internal", "__defaults")
REGION_MISSING = "no region: set `aws:region`, the provider's `region`, or AWS_REGION"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """What a provider was configured with."""

    region: str
    account: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """What `rehearsal.provider.credentials` reads, decoded."""
    default_tags: Mapping[str, str] = dataclasses.field(default_factory=dict)
    ignored_keys: frozenset[str] = frozenset()
    ignored_prefixes: tuple[str, ...] = ()
    max_attempts: int = 25
    """Times that a request is sent in all before its error stands; 25 is the official provider's own figure."""

    def not_ignored(self, carried: Mapping[str, Any]) -> dict[str, Any]:
        """Return tags without those that `ignoreTags` names: the provider neither sees, sets nor removes them."""
        return {
            key: value
            for key, value in carried.items()
            if key not in self.ignored_keys and not key.startswith(self.ignored_prefixes)
        }


def problems(values: Values, env: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return every key that is unknown, missing or malformed, with what is wrong with it."""
    found = [
        (key, f"the stand-in provider has no setting {key!r}; it has {', '.join(_TEXT + _JSON)}")
        for key in values
        if key not in _TEXT + _JSON + _ENGINES_OWN
    ]
    if not (values.get("region") or _region(env)):
        found.append(("region", REGION_MISSING))
    if values.get("allowedAccountIds") and values.get("forbiddenAccountIds"):
        found.append(("allowedAccountIds", "conflicts with forbiddenAccountIds"))
    for key in _JSON:
        try:
            _decoded(values.get(key))
        except ValueError as error:
            found.append((key, f"is not valid JSON: {error}"))
    return found


def settings(values: Values, env: Mapping[str, str]) -> Settings:
    """Return the settings in `values`, which have no problems."""
    retries, ignored = _decoded(values.get("maxRetries")), _decoded(values.get("ignoreTags")) or {}
    return Settings(
        region=values.get("region") or _region(env) or "",
        account={key: _decoded(values[key]) if key in _JSON else values[key] for key in _ACCOUNT if values.get(key)},
        default_tags=(_decoded(values.get("defaultTags")) or {}).get("tags") or {},
        ignored_keys=frozenset(ignored.get("keys") or ()),
        ignored_prefixes=tuple(ignored.get("keyPrefixes") or ()),
        max_attempts=Settings.max_attempts if retries is None else max(1, int(retries)),
    )


def _region(env: Mapping[str, str]) -> str | None:
    return env.get("AWS_REGION") or env.get("AWS_DEFAULT_REGION")


def _decoded(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) and value != UNKNOWN else value
