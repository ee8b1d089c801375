"""`fab dataset-build` on a real box: pictures from the user's machine to a data set on the job volume."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rehearsal.user import User
from tests.recipes.build_lab import picture

CONFIG = {"jobVolumeGib": "1", "recipe": "base"}
TABLE = ("--from", "eyes", "--table", "table.tsv", "--labels", "labels.txt")
PICTURES = 12


@pytest.fixture(scope="module", autouse=True)
def box(user: User, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A box with a folder of pictures, a table and labels that were synced to it."""
    user.up()
    user.fab("setup-base")
    folder = tmp_path_factory.mktemp("pictures") / "eyes"
    for number in range(PICTURES):
        picture(folder / f"{number}_left.jpeg", number, (400, 300))
    (folder / "labels.txt").write_text("neg\npos\n")
    rows = [f"{number}_left\t{'neg' if number % 4 else 'pos'}\n" for number in range(PICTURES)]
    (folder / "table.tsv").write_text("".join(rows))
    user.fab("sync", str(folder))
    yield
    user.destroy()


def test_a_data_set_is_built_on_the_box_and_found_again(user: User) -> None:
    said = user.fab("dataset-build", "retina", *TABLE, "--val", "30")
    assert f"/jobs/datasets/retina: {PICTURES} pictures" in said
    assert "8 pictures, 32 files: /jobs/datasets/retina/train.txt" in said
    shown = user.fab("ps")
    assert "build-retina-1" in shown
    assert "--val=30" in shown
    assert "--size" not in shown  # nobody typed it
    assert user.on_box("stat -c %U /jobs/datasets/retina").split()[-1] == "ubuntu"
    user.on_box("cd /jobs/datasets/retina && sha256sum --quiet --check SHA256SUMS")
    missing = "cut -d' ' -f1 /jobs/datasets/retina/*.txt | grep ^/ | xargs ls 2>&1 >/dev/null | wc -l"
    assert user.on_box(missing).split()[-1] == "0"

    assert "nothing to do" in user.fab("dataset-build", "retina", *TABLE, "--val", "30")
    again = "cd /jobs/datasets && sha256sum retina/SHA256SUMS retina/manifest.json"
    first = user.on_box(again)
    user.on_box("rm -r /jobs/datasets/retina")
    user.fab("dataset-build", "retina", *TABLE, "--val", "30", "--detach")
    user.fab("logs", "build-retina-3", "--follow")
    assert user.on_box(again) == first


def test_pictures_of_other_kinds_are_read_by_the_boxs_own_pillow(user: User, tmp_path: Path) -> None:
    folder, ramp = tmp_path / "kinds", np.linspace(0, 4095, 64 * 48).astype(np.uint16).reshape(48, 64)
    for kind in ("avif", "jp2", "jfif"):
        picture(folder / kind / f"light.{kind}", 1, (64, 48))
    (folder / "deep").mkdir()
    Image.fromarray(ramp).save(folder / "deep" / "12-bits.png")
    (folder / "deep" / "12-bits.pgm").write_bytes(b"P5 64 48 4095\n" + ramp.astype(">u2").tobytes())
    user.fab("sync", str(folder))
    assert "/jobs/datasets/kinds: 5 pictures" in user.fab("dataset-build", "kinds", "--from", "kinds", "--bits", "12")
    look = (
        "from PIL import Image; import sys; print(min(max(Image.open(p).convert('L').getdata()) for p in sys.argv[1:]))"
    )
    made = "$(find /jobs/datasets/kinds -name '*.png' -o -name '*.jpg')"
    lightest = user.on_box(f'/opt/gpurig/datasets/venv/bin/python -c "{look}" {made}').split()[-1]
    assert int(lightest) > 128, "none of them is dark"
    user.on_box("rm -r /jobs/work/kinds /jobs/datasets/kinds")


def test_as_many_processes_work_on_it_as_the_box_has_cores(user: User) -> None:
    copies = "for i in $(seq $((100 * $(nproc)))); do cp eyes/${class}_left.jpeg many/$class/$i.jpeg; done"
    user.on_box(f"cd /jobs/work && for class in 0 1; do mkdir -p many/$class; {copies}; done")
    user.fab("dataset-build", "many", "--from", "many", "--val", "0", "--detach")
    program = "^/opt/gpurig/datasets/venv/bin/python /opt/gpurig/datasets/build.py many "
    watch = f"while systemctl is-active --quiet gpurig-run-build-many-1; do pgrep -cf '{program}'; sleep 0.1; done"
    most = user.on_box(f"{watch} | sort -n | tail -n 1")
    assert int(most) == 1 + int(user.on_box("nproc")), "one that shares out the work, and one for each core"
    assert "/jobs/datasets/many: " in user.fab("logs", "build-many-1", "--follow")
    user.on_box("rm -r /jobs/work/many /jobs/datasets/many")


def test_what_is_wrong_is_told_here_with_its_line(user: User) -> None:
    user.on_box("printf 'gone\\tneg\\n0_left\\tsome\\n' >/jobs/work/eyes/bad.tsv")
    said = user.fab("dataset-build", "bad", "--from", "eyes", "--table", "bad.tsv", "--labels", "labels.txt", code=2)
    assert '/jobs/work/eyes/bad.tsv:1: there is no picture "gone" in /jobs/work/eyes' in said
    assert '/jobs/work/eyes/bad.tsv:2: there is no class "some"; there are: neg, pos' in said
    assert "Traceback" not in said

    user.on_box("echo '<html>' >/jobs/work/eyes/5_left.jpeg")
    said = user.fab("dataset-build", "bad", *TABLE, code=2)
    assert "/jobs/work/eyes/5_left.jpeg cannot be read: no picture in a format that is known" in said
    assert "to leave such pictures out and list them in broken.txt: --broken skip" in said
    assert user.on_box("ls -A /jobs/datasets").split()[-1] == "retina"
    said = user.fab("dataset-build", "bad", *TABLE, "--broken", "skip")
    assert "1 pictures left out, which cannot be read: /jobs/datasets/bad/broken.txt" in said


def test_a_full_volume_is_told_and_takes_nothing_with_it(user: User) -> None:
    user.on_box('fallocate --length "$(( $(df --output=avail -B1 /jobs | tail -1) - 2000000 ))" /jobs/ballast')
    said = user.fab("dataset-build", "large", *TABLE, "--broken", "skip", "--size", "1024", code=1)
    assert "the volume of /jobs/datasets is full" in said
    assert "fab volume-grow" in said
    assert ".large" not in user.on_box("ls -A /jobs/datasets")
    user.on_box("rm /jobs/ballast")
    user.fab("dataset-build", "large", *TABLE, "--broken", "skip", "--size", "1024")
