"""What look-ups have in common: filters of Describe calls, and the choice among what was found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rehearsal.provider.aws import ProviderError

if TYPE_CHECKING:
    from collections.abc import Callable

    from rehearsal.provider.wire import Values


def filtered(args: Values, **also: str) -> dict[str, Any]:
    """Return a look-up's `filters`, and others by name, as the parameter of a Describe call."""
    given = [{"Name": part["name"], "Values": part["values"]} for part in args.get("filters") or []]
    given += where(**also)["Filters"]
    return {"Filters": given} if given else {}


def where(**values: str) -> dict[str, Any]:
    """Return filters by name, `vpc_id` for `vpc-id`, as the parameter of a Describe call."""
    return {"Filters": [{"Name": name.replace("_", "-"), "Values": [value]} for name, value in values.items()]}


def the_one(args: Values, found: list[dict[str, Any]], age: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    """Return the only record, or the youngest where `mostRecent` says so. Raises `ProviderError`, officially worded."""
    if not found:
        raise ProviderError("Your query returned no results. Please change your search criteria and try again.")
    if len(found) > 1 and not args.get("mostRecent"):
        raise ProviderError(
            "Your query returned more than one result. Please try a more specific search criteria, or set "
            "`mostRecent` attribute to true."
        )
    return max(found, key=age)
