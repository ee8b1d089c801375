"""The example and the bench of neural style, around a program in neural-style's place that only says its losses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "templates" / "recipes" / "neural-style-pt" / "example"
STYLE = """\
#!/bin/bash
while [ "$1" != -output_image ]; do shift; done
for loss in $LOSSES; do
  echo "Iteration $((++i)) / 9"
  echo "  Total loss: $loss"
done
printf '\\211PNG\\r\\n\\032\\n....IHDR\\0\\0\\0\\100\\0\\0\\0\\060' >"$2"
exit "${CODE:-0}"
"""
TORCH = """\
__version__ = "2.0"
class cuda:
    is_available = staticmethod(lambda: False)
"""


def ended(folder: Path, *command: str, code: int, losses: str, style_code: int = 0) -> str:
    """Run a command of the example, and return what it said."""
    (folder / "bin").mkdir()
    (folder / "bin" / "neural-style").write_text(STYLE)
    (folder / "bin" / "neural-style").chmod(0o755)
    (folder / "torch.py").write_text(TORCH)
    (folder / "run" / "results").mkdir(parents=True)
    env = {**os.environ, "PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "LOSSES": losses, "CODE": str(style_code)}
    env |= {"GPURIG_RESULTS": str(folder / "run" / "results"), "GPURIG_DEVICE": "cpu", "PYTHONPATH": str(folder)}
    done = subprocess.run(command, cwd=EXAMPLE, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    return done.stderr


@pytest.mark.parametrize(
    ("losses", "code", "said"),
    [
        ("5e6 4.5e+06 123456.7", 0, ""),
        ("5e6", 0, ""),  # one that is told says nothing of where it began
        ("", 0, ""),
        ("5e6 nan nan", 1, "the loss is nan"),
        ("5e6 -nan", 1, "the loss is -nan"),
        ("5e6 inf 3", 1, "the loss is inf"),
        ("5000 4000 5000.0", 1, "the loss was 5000 at first and is 5000.0"),
    ],
)
def test_the_example_fails_where_the_loss_does_not_fall(tmp_path: Path, losses: str, code: int, said: str) -> None:
    assert said in ended(tmp_path, "bash", "run.sh", losses=losses, code=code)
    assert [path.name for path in (tmp_path / "run" / "results").iterdir()] == ["out.png"]
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["results"]


def test_the_programs_own_exit_code_is_the_examples(tmp_path: Path) -> None:
    ended(tmp_path, "bash", "run.sh", losses="3 2", style_code=7, code=7)


@pytest.mark.parametrize(
    ("losses", "said"),
    [("5e6 4e6 nan", "iteration 3: the loss is nan"), ("5e6 6e6", "was 5e+06 at first and is 6e+06")],
)
def test_the_bench_fails_where_the_loss_does_not_fall(tmp_path: Path, losses: str, said: str) -> None:
    assert said in ended(tmp_path, sys.executable, "bench.py", losses=losses, code=1)
    assert not list((tmp_path / "run" / "results").iterdir())


def test_the_first_iteration_is_what_the_others_are_held_to(tmp_path: Path) -> None:
    ended(tmp_path, sys.executable, "bench.py", losses="9 8 7", code=0)
    bench = json.loads((tmp_path / "run" / "results" / "bench.json").read_text())
    assert (bench["nothing_learnt"], bench["losses"], bench["error"]) == (9, [8, 7], 7)
    assert len(bench["seconds"]) == 2
    assert bench["between"][1] - bench["between"][0] == pytest.approx(sum(bench["seconds"]))
    assert bench["data"] == "1 content and 1 style picture at 64 x 48 pixels"
