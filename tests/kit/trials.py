"""A tiny recipe of the user's own, with an example and a bench, and a user who has it."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from tests.kit.box import Machine
from tests.kit.fab import write_hosts
from tests.kit.recipes import write_trial
from tests.kit.wait import until

WORK = "/jobs/work/example-tiny"
PAINT = """\
for i in 2 10 30; do
  # The last picture waits until the test has seen the first.
  until [ $i -lt 30 ] || [ -e go ]; do sleep 0.1; done
  cp style.png part
  mv part "$GPURIG_RESULTS/out_$i.png"
  echo "picture $i on $GPURIG_DEVICE for $TINY_USER: $*"
done
exit ${3:-0}
"""
TIME = """\
seed='"seed": 0'
case $GPURIG_DEVICE in
  cpu) device=cpu seconds="9, 2, 2.5, 4" ;;
  gpu) device="cuda:0 (T4)" seconds="9, 0.25, 0.5, 0.25" ;;
esac
echo "epoch 1"
# Until the test lets it go on.
while [ -e wait-$GPURIG_DEVICE ]; do sleep 0.1; done
begun=$(date +%s.%N)
[ -z "$TINY_WORKS" ] || sleep "$TINY_WORKS"
cat >"$GPURIG_RESULTS/bench.json" <<END
{"unit": "epoch", "seconds": [$seconds], "losses": [4, 3, 2, ${2:-1}], "error": 0.25, "nothing_learnt": 0.9,
 "measure": "validation error", "device": "$device", "data": "four digits", ${1:-$seed}, "versions": {"bash": "5"},
 "between": [$begun, $(date +%s.%N)], "spent": {"computing": 0.1, "waiting for pictures": 0.15}}
END
"""
LOOKS = """\
case "$*" in
  *loop-ms*) while sleep 0.5; do echo 0, Tesla T4, 12, 2048, 15360, 40, 33.5; done ;;
  *) echo Tesla T4, 7.5, 580.1 ;;
esac"""
"""What nvidia-smi says to who asks once, and to who looks on."""


def user_of(machine: Machine, home: Path) -> Path:
    """Write a hosts file and a recipe of the user's own, whose picture is red; returns the folder of recipes."""
    write_hosts(home, "tester", address=machine.host.address, port=22)
    folder = write_trial(home / "recipes", paint=PAINT, time=TIME)
    Image.new("RGB", (64, 64), "red").save(folder / "example" / "style.png")
    return folder.parent


def arrived(pattern: str) -> Path:
    """Return a file of this machine as soon as it is there."""
    return until(lambda: list(Path().glob(pattern)))[0]


def card(home: Path) -> None:
    """Have the hosts file say that the box has a card."""
    hosts = home / "hosts.toml"
    hosts.write_text(hosts.read_text().replace('"none"', '"T4"'))
