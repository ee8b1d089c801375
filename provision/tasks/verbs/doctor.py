"""`fab doctor`: whether all is there that a first `pulumi up` needs."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

from provision.tasks.verb import verb

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from provision.life.account_checks import Account
    from provision.life.doctor import Finding
    from provision.tasks.context import Context
    from provision.transport.settings import StackSettings

OPTIONS = {
    "region": "where; without it, the stack's, else that of the environment",
    "spot": "as spot; without it, as the stack is set",
}


@verb(options=OPTIONS, limit="", json="print the findings as JSON", stopped="stopped; nothing was changed")
def doctor(c: Context, *, region: str = "", spot: bool = False) -> None:
    """Check credentials, quotas, zones, image, key, address, clock and programs before anything is billed."""
    from provision.life import account_checks  # noqa: PLC0415 - it brings botocore's half second
    from provision.life.wish import Wish  # noqa: PLC0415
    from provision.transport import settings  # noqa: PLC0415

    found = settings.read()
    account = account_checks.Account(Wish.read(found, region=region, spot=spot))
    findings = _findings(found, account, region=region)
    if c.json:
        rows = [{"check": name, **dataclasses.asdict(finding)} for name, finding in findings.items()]
        print(json.dumps(rows, indent=2))
    else:
        _show(findings)
    if any(finding.state == "error" for finding in findings.values()):
        c.exit_codes.append(1)


def _findings(found: StackSettings, account: Account, *, region: str) -> dict[str, Finding]:
    """Run all checks: this machine's, with who asks; then the account's, where somebody does."""
    from provision.life import bucket  # noqa: PLC0415 - as above
    from provision.life import machine_checks as machine  # noqa: PLC0415
    from provision.life.doctor import error, examine, warning  # noqa: PLC0415

    here = examine(
        {
            "pulumi": machine.cli,
            "plugin": machine.plugin,
            "stack": lambda: machine.stack(found),
            "programs": lambda: machine.tools(found),
            "key": lambda: machine.key(found),
            "address": lambda: machine.address(found),
            "credentials": account.identity,
        }
    )
    there: dict[str, Callable[[], Finding]] = {
        "region": account.region,
        "quota on demand": lambda: account.quota(spot=False),
        "quota spot": lambda: account.quota(spot=True),
        "zones": lambda: account.zones(found.get("zone")),
        "image": lambda: account.image(found.get("image", "ubuntu-22.04")),
    }
    if found.get("builds"):
        there["builds"] = lambda: bucket.look(found)
    if not (region or found.region):
        nowhere = error("no region is set", "pulumi config set aws:region us-east-1, or --region us-east-1")
        asked = {"region": nowhere, **dict.fromkeys([*there][1:], warning("not asked: no region is set", "see region"))}
    elif here["credentials"].state == "error":
        asked = dict.fromkeys(there, warning("not asked: the credentials do not work", "see credentials"))
    else:
        asked = examine(there)
    return {**here, "clock": account.clock(), **asked}


def _show(findings: Mapping[str, Finding]) -> None:
    """Print a line a check, and below it what to do."""
    width = max(map(len, findings))
    for name, finding in findings.items():
        print(f"{finding.state:<7}  {name:<{width}}  {finding.text}")
        for line in finding.mend.splitlines():
            print(f"{'':<{width + 11}}{line}")
    states = [str(finding.state) for finding in findings.values()]
    errors, warnings = states.count("error"), states.count("warning")
    print(f"{errors} errors, {warnings} warnings" if errors or warnings else "all is there; next: fab offers, fab up")
