"""What a client can ask: what would be done, what is there, and what the machine is."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.kit.host import Lab, gate
from tests.kit.programs import write_program


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_plan_says_what_would_be_done_and_changes_nothing(lab: Lab) -> None:
    lab.recipe("a-present")
    lab.recipe("b-changed")
    lab.recipe("c-broken")
    lab.recipe("d-interrupted", body="test -e fixed")
    lab.recipe("e-found")
    lab.recipe("f-missing")
    bundle = lab.bundle("a-present", "b-changed", "c-broken")
    assert lab.ask("plan", bundle)[0]["steps"] == dict.fromkeys(("a-present", "b-changed", "c-broken"), "missing")
    assert not lab.home.exists(), "a first plan leaves no trace"
    lab.ask("apply", bundle)
    assert lab.ask("apply", lab.bundle("d-interrupted"))[-1]["event"] == "failed"
    lab.recipe("b-changed", body="echo new")
    (lab.world / "c-broken").unlink()
    (lab.world / "e-found").touch()
    before = tree(lab.home), tree(lab.world)
    (answer,) = lab.ask(
        "plan", lab.bundle("a-present", "b-changed", "c-broken", "d-interrupted", "e-found", "f-missing")
    )
    assert answer["event"] == "plan"
    assert answer["steps"] == {name: name[2:] for name in answer["steps"]}
    assert len(answer["steps"]) == 6
    assert answer["running"] is False
    assert (tree(lab.home), tree(lab.world)) == before


def test_status_tells_what_is_whole_what_is_half_and_how_it_ended(lab: Lab) -> None:
    (before,) = lab.ask("status")
    assert (before["marks"], before["last"], before["ready"], before["running"]) == ({}, None, None, False)
    lab.recipe("base", 'summary = "b"\nversion = "1.5"')
    lab.recipe("tool", 'needs = ["base"]', body="test -e fixed || { touch tool; exit 7; }")
    (lab.world / "fixed").touch()
    lab.ask("apply", lab.bundle("tool"))
    (good,) = lab.ask("status")
    assert {name: mark["version"] for name, mark in good["marks"].items()} == {"base": "1.5", "tool": "1"}
    assert good["last"]["event"] == "ready"
    assert good["ready"]["digest"] == lab.bundle("tool").digest
    (lab.world / "fixed").unlink()
    lab.ask("apply", lab.bundle("tool"), fresh=True)
    (bad,) = lab.ask("status")
    assert set(bad["marks"]) == {"base"}, "an old mark does not speak for what is half replaced"
    assert bad["interrupted"] == ["tool"]
    assert (bad["last"]["event"], bad["last"]["why"]) == ("failed", "exit code 7")
    assert (bad["ready"], bad["pending"], bad["running"]) == (None, None, False)


def test_status_while_a_run_is_alive(lab: Lab) -> None:
    lab.recipe("tool", body=gate("gate"))
    with lab.client("apply", lab.bundle("tool")) as client:
        client.until("step", state="installing")
        (status,) = lab.ask("status")
        assert (status["running"], status["pending"]["name"]) == (True, "tool")
        assert lab.ask("plan", lab.bundle("tool"))[0]["running"] is True
        lab.open("gate")
        client.rest()


def test_facts_are_the_machine_s_own(lab: Lab) -> None:
    rows = "Tesla T4, 7.5, 580.65.06\\nNVIDIA L4, 8.9, 580.65.06\\n"
    write_program(lab.bin / "nvidia-smi", f'printf "{rows}"')
    (facts,) = lab.ask("facts")
    assert facts["gpus"] == [["Tesla T4", "7.5", "580.65.06"], ["NVIDIA L4", "8.9", "580.65.06"]]
    release = subprocess.run(
        ["/bin/sh", "-c", '. /etc/os-release; echo "$ID-$VERSION_ID"'], capture_output=True, text=True, check=True
    )
    assert facts["os"] == release.stdout.strip()
    uname = subprocess.run(["uname", "-r"], capture_output=True, text=True, check=True)
    assert facts["kernel"] == uname.stdout.strip()
    assert facts["disk_free_gib"] > 0
    assert facts["memory_gib"] > 0
    assert not lab.home.exists()


def test_a_driver_that_does_not_work_is_no_gpu(lab: Lab) -> None:
    write_program(lab.bin / "nvidia-smi", "echo; echo 'NVIDIA-SMI has failed: no driver'; exit 9")
    (facts,) = lab.ask("facts")
    assert facts["gpus"] == []
    assert facts["silent"] == "NVIDIA-SMI has failed: no driver"


def test_a_driver_that_knows_no_capability_tells_the_rest(lab: Lab) -> None:
    refusal = "echo 'Field \"compute_cap\" is not a valid field to query.'; exit 2"
    write_program(lab.bin / "nvidia-smi", f'case "$1" in *compute_cap*) {refusal} ;; esac; echo "Tesla T4, 450.80.02"')
    (facts,) = lab.ask("facts")
    assert (facts["gpus"], facts["silent"]) == ([["Tesla T4", "", "450.80.02"]], "")


def test_what_mig_cuts_a_gpu_into_is_told(lab: Lab) -> None:
    answers = (
        'case "$1" in *compute_cap*) printf "NVIDIA A100-SXM4-40GB, 8.0, 580.65.06\\n%.0s" 1 2 3 ;;'
        '*mig.mode*) printf "Enabled\\nDisabled\\nEnabled\\n" ;;'
        '-L) printf "GPU 0: NVIDIA A100 (UUID: GPU-1)\\n  MIG 3g.20gb     Device  0: (UUID: MIG-1)\\n'
        "  MIG 2g.10gb     Device  1: (UUID: MIG-2)\\nGPU 1: NVIDIA A100 (UUID: GPU-2)\\n"
        'GPU 2: NVIDIA A100 (UUID: GPU-3)\\n" ;; esac'
    )
    write_program(lab.bin / "nvidia-smi", answers)
    assert lab.ask("facts")[0]["mig"] == [["3g.20gb", "2g.10gb"], None, []]
