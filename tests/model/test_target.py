"""What a bundle is rendered for: it travels as JSON, and sends addresses through mirrors."""

from __future__ import annotations

import itertools
import json

import pytest

from provision.model.target import Target

FULL = Target(
    image="debian-12",
    gpu="L4",
    compute="8.9",
    user="admin",
    mount_point="/data",
    volume_id="vol-1",
    sources={"cuda": "distribution"},
    mirrors={"git": {"https://git.example/": "file:///srv/"}},
    unpinned=("caffe",),
    licences=("cudnn", "cuda"),
    allow=("198.51.100.7/32", "2001:db8::/48"),
    ui_port=8888,
    peers=("10.0.0.6", "2001:db8::6"),
    idle_stop_minutes=30,
    lifetime_hours=12,
    busy={"run": 0.5},
    busy_probe="exit 1",
    before_stop="~/save.sh",
)


@pytest.mark.parametrize("target", [Target(), FULL])
def test_a_target_survives_json(target: Target) -> None:
    assert Target.from_document(json.loads(json.dumps(target.to_document()))) == target


def test_a_document_holds_every_field_as_plain_json() -> None:
    document = FULL.to_document()
    assert document.keys() == vars(FULL).keys()
    assert document["licences"] == ["cudnn", "cuda"]


def test_keys_of_a_later_version_are_left_out_and_missing_ones_are_defaults() -> None:
    assert Target.from_document({"gpu": "T4", "colour": "blue"}) == Target(gpu="T4")


def test_the_longest_mirrored_prefix_wins_whatever_the_order() -> None:
    table = {"https://a/": "1:", "https://a/b/": "2:", "https://a/b/c": "3:", "https://z": "4:"}
    expected = {
        "https://a/x": "1:x",
        "https://a/b/x": "2:x",
        "https://a/b/c/x": "3:/x",
        "https://a/b/cx": "3:x",
        "https://zz/x": "4:z/x",
        "https://b/": "https://b/",
        "http://a/x": "http://a/x",
        "": "",
    }
    for order in itertools.permutations(table):
        target = Target(mirrors={"git": {prefix: table[prefix] for prefix in order}})
        for url, mirrored in expected.items():
            assert target.mirrored("git", url) == mirrored


def test_a_mirror_of_one_kind_leaves_the_others() -> None:
    target = Target(mirrors={"git": {"https://a/": "file:///a/"}})
    assert target.mirrored("apt", "https://a/x") == "https://a/x"
