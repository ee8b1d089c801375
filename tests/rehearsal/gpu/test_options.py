"""What `make gpu-check` takes for granted where nothing is said."""

from __future__ import annotations

import argparse

from rehearsal.gpu import options


def test_it_takes_eight_minutes_at_most_and_its_help_says_what_more_would_do() -> None:
    parser = argparse.ArgumentParser()
    options.add(parser)
    assert parser.parse_args([]).minutes == 8
    said = " ".join(parser.format_help().split())
    assert "after which it ends (8); more minutes try more, and what cannot be reached is not run" in said
