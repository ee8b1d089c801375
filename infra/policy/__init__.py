"""What security scanners ask of a program like this one, as rules in Python, and what it does not do of that.

The tests run them over the program in all its settings; `policy/` is a policy pack for Pulumi's CLI made of them.
"""

from __future__ import annotations

from infra.policy import machines, networks
from infra.policy.unheld import UNHELD

RULES = (*machines.RULES, *networks.RULES)
"""What holds."""

__all__ = ["RULES", "UNHELD"]
