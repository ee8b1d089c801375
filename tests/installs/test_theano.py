"""PyTensor, which Theano lives on as, from the package registry: it computes on the CPU in three ways and says so."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from provision.catalogue.catalogue import Catalogue
from tests.installs.box import Box
from tests.kit.fab import ROOT

RECIPE = "theano"
PYTHON = "/opt/gpurig/theano/venv/bin/python"
VERSION = Catalogue().recipes["theano"].version
FOLDER = "/jobs/work/example-theano"
OF_2014 = """\
import numpy
import theano.tensor as T
from theano import config, function, sandbox, shared

values = numpy.asarray(numpy.random.RandomState(22).rand(10 * 30 * 768), config.floatX)
f = function([], T.exp(shared(values)))
for _ in range(100):
    result = f()
print("right" if numpy.allclose(result, numpy.exp(values)) else "wrong")
steps = f.maker.fgraph.toposort()
on_cpu = any(isinstance(step.op, T.Elemwise) and "Gpu" not in type(step.op).__name__ for step in steps)
print("Used the " + ("cpu" if on_cpu else "gpu"))
"""
"""What Theano's manual had to tell whether a GPU computes, to the same effect."""
IMPORTS = (("import theano", "import pytensor"), ("from theano", "from pytensor"), (" sandbox,", ""))
ELEMWISE = ("T.Elemwise", "T.elemwise.Elemwise")


@pytest.fixture(scope="module")
def checked(ready: Box, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """What the example said, and its result."""
    into = tmp_path_factory.mktemp("results")
    said = ready.fab("example-theano", "--into", str(into))
    (result,) = into.rglob("which_device.json")
    return said, result


def test_it_is_found_again_and_brought_nothing_of_nvidia(ready: Box) -> None:
    assert "nothing to do" in ready.fab("setup-theano")
    installed = ready.packages(PYTHON)
    assert f"pytensor=={VERSION}" in installed
    assert not [line for line in installed if "nvidia" in line or "cuda" in line]


def test_the_check_names_the_device_of_every_way_to_compute(checked: tuple[str, Path]) -> None:
    said, result = checked
    document = json.loads(result.read_text(encoding="utf-8"))
    assert [(row["backend"], row["device"]) for row in document["runs"]] == [
        ("C", "cpu"),
        ("Numba", "cpu"),
        ("JAX", "cpu"),
    ]
    assert all(row["relative_error"] < 1e-6 for row in document["runs"])  # of single precision: 6e-8
    assert document["iterations"] == 1000
    assert document["versions"]["pytensor"] == VERSION
    assert len(re.findall(r"1000 times in [\d.]+ s on cpu\. Used the cpu", said)) == 3


@pytest.mark.usefixtures("checked")
def test_a_gpu_that_is_not_there_is_refused_and_never_replaced_by_the_cpu(ready: Box) -> None:
    said = ready.ssh(f"cd {FOLDER} && GPURIG_DEVICE=gpu {PYTHON} which_device.py 2>&1; echo code $?").splitlines()
    assert said == ["which_device.py: a GPU was asked for, and JAX sees none on this host", "code 3"]


@pytest.mark.usefixtures("checked")
def test_bad_input_is_refused(ready: Box) -> None:
    said = ready.ssh(f"cd {FOLDER} && {PYTHON} which_device.py --length 0 2>&1; echo code $?")
    assert "--length and --iterations have to be 1 or more" in said
    assert said.endswith("code 2\n")


def test_a_script_of_ones_own_takes_gradients_as_theano_did(ready: Box) -> None:
    script = "import pytensor as t; x = t.tensor.dscalar(); print(float(t.function([x], t.grad(x**3, x))(2.0)))"
    ready.fab("run", "--with", "theano", "--name", "grad", "--", f"python -c '{script}'")
    assert "12.0" in ready.fab("logs", "grad", "--follow")  # 3 x^2 at 2


def run_of(box: Box, python: str, *changes: tuple[str, str]) -> list[str]:
    """Run the script of 2014, changed in these words, and return the lines that it says, then its exit code."""
    script = OF_2014
    for old, new in changes:
        assert old in script
        script = script.replace(old, new)
    return box.ssh(f"cat >old.py <<'END'\n{script}END\n{python} old.py 2>&1; echo $?").splitlines()


def test_a_script_of_2014_runs_as_it_is_in_the_theano_of_its_time(ready: Box) -> None:
    """As docs/documents/004 has it, and what one types for it."""
    ready.fab("setup-python2")
    page = (ROOT / "docs" / "documents" / "004-home-brew-box.md").read_text(encoding="utf-8")
    (block,) = re.findall(
        r"(?:^    .*\n)+^    sudo /opt/gpurig/python2/make-venv .*\n(?:^    .*\n)+", page, re.MULTILINE
    )
    ready.ssh(block)
    said = run_of(ready, "/opt/theano/bin/python")
    assert said[-3:] == ["right", "Used the cpu", "0"], said


@pytest.mark.parametrize(
    ("changes", "end"),
    [
        ((), ["ModuleNotFoundError: No module named 'theano'", "1"]),
        (IMPORTS, ["AttributeError: module 'pytensor.tensor' has no attribute 'Elemwise'", "1"]),
        ((*IMPORTS, ELEMWISE), ["right", "Used the cpu", "0"]),
    ],
    ids=["as it is", "its imports changed", "what it looks at changed too"],
)
def test_what_a_script_of_2014_needs_for_pytensor(
    ready: Box, changes: tuple[tuple[str, str], ...], end: list[str]
) -> None:
    """As docs/documents/004 has it."""
    said = run_of(ready, PYTHON, *changes)
    assert [line.partition(". Did you mean")[0] for line in said[-len(end) :]] == end
    assert ("right" in said) == bool(changes)
