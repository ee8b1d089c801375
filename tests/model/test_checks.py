"""One check for each kind of value: what it takes, what it refuses, and that every way in asks it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from infra.settings.load import parse
from provision.model import checks, ranges
from provision.model.errors import BadInput
from provision.model.schema import plain
from provision.model.target import Target
from provision.model.urls import MIRRORS, masked
from provision.transport import inventory, stack
from tests.kit.fab import host_row, outputs

GOOD: dict[checks.Kind, tuple[str, ...]] = {
    checks.MOUNT_POINT: ("/jobs", "/data", "/data2/a.b", "/mnt", "/mnt/jobs", "/media/disk", "/srv/jobs", "/Scratch_1"),
    checks.USER: ("ubuntu", "admin", "root", "ada.l", "_apt", "a-b", "A1"),
    checks.ADDRESS: ("h", "desk.example", "my_box", "10.0.0.1", "::1", "2001:db8::7", "fe80::1%eth0"),
    checks.MACHINE: ("a", "desk", "10.0.0.1", "Box_2"),
    checks.RUN: ("train-1", "0"),
    checks.COMPUTE: ("7.5", "12.0"),
}
BAD: dict[checks.Kind, tuple[str, ...]] = {
    checks.MOUNT_POINT: (
        *("", "/", "//", "jobs", "./jobs", "/jobs/", "/jobs//a", "/jobs/../etc", "/jobs/.", "/..", "/.ssh", "/-x"),
        *("/etc", "/etc/ssh", "/home", "/home/ubuntu", "/usr/local/x", "/opt/gpurig", "/var/lib/gpurig", "/cdrom/../x"),
        *(
            f"/{'tmp'}",
            "/root",
            "/boot/efi",
            "/dev/x",
            "/run/x",
            "/proc",
            "/sys",
            "/lib64/x",
            "/srv",
            "/snap/x",
            "/nix",
        ),
        *(
            "/jobs\n",
            "/jobs\nExecStartPre=+/x",
            "/jobs x",
            "/jobs;reboot",
            "/$(id)",
            "/`id`",
            '/"',
            "/%h",
            "/j\u00f6bs",
        ),
        *("/" + "a" * 101, "/a" * 7),
    ),
    checks.USER: (
        *("", "-oProxyCommand=x", "a b", "a\n", "a\nExecStartPre=+/x", "a:b", "$(id)", "ada@h", "0x", ".x", "a" * 33),
        *("\u0430da", "a;b", "%u"),
    ),
    checks.ADDRESS: (
        *("", "-h", "-oProxyCommand=x", "h h", "h;x", "h\n", "..", "a@b", "fe80::1%$(id)", "fe80::1%", "[::1]", "h/x"),
    ),
    checks.MACHINE: ("", "..", ".", "../x", "a/b", "-a", ".a", "a b", "a\n", "\x1b]52;c;eA==\x07"),
    checks.RUN: ("", "-a", "A", "a_b", "../a", "a" * 49, "\u0661"),
    checks.COMPUTE: ("", "7", "7.55", "7.5\n", "\u0667.5"),
}


@pytest.mark.parametrize(("kind", "value"), [(kind, value) for kind, values in GOOD.items() for value in values])
def test_a_kind_takes_what_people_have(kind: checks.Kind, value: str) -> None:
    assert kind.holds(value)


@pytest.mark.parametrize(("kind", "value"), [(kind, value) for kind, values in BAD.items() for value in values])
def test_a_kind_refuses_what_would_mean_more_than_itself(kind: checks.Kind, value: str) -> None:
    assert not kind.holds(value)


@pytest.mark.parametrize("value", [None, 5, True, ["/jobs"], {"a": "b"}, 7.5])
def test_a_kind_of_text_refuses_what_is_none(value: object) -> None:
    assert not [kind for kind in GOOD if kind.holds(value)]


def of_setting(key: str, value: Any) -> None:
    """Set `gpurig:` keys of the same meaning."""
    keys = {"mount_point": "mountPoint", "name": "hostName"}
    text = value if isinstance(value, str) else json.dumps(value)
    _, problems = parse({keys.get(key, key): text})
    if problems:
        raise BadInput(problems.values())


def of_state(key: str, value: Any) -> None:
    """Have the stack's state say it."""
    target = Target().to_document()
    row = host_row(target={**target, key: value}) if key in target else host_row(**{key: value})
    if key == "user":
        row["user"] = value
    stack.found(json.loads(outputs(row))["deployment"])


def of_tag(key: str, value: str) -> None:
    """Have a tag of the instance say it, which goes before the state's own word."""
    deployment = json.loads(outputs(host_row()))["deployment"]
    deployment["resources"][2]["outputs"]["tags"] = {f"gpurig:{key.replace('_', '-')}": value}
    stack.found(deployment)


@pytest.fixture
def of_file(tmp_path: Path) -> Callable[[str, Any], None]:
    """Have hosts.toml say it."""

    def read(key: str, value: Any) -> None:
        name = value if key == "name" else "a"
        rows = {"address": "h", "gpu": "none", **({} if key in ("name", "mirrors") else {key: value})}
        text = f"[host.{json.dumps(name)}]\n" + "".join(f"{k} = {json.dumps(v)}\n" for k, v in rows.items())
        if key == "mirrors":
            ((kind, table),) = value.items()
            text += f"[mirrors.{kind}]\n" + "".join(f"{json.dumps(p)} = {json.dumps(r)}\n" for p, r in table.items())
        (tmp_path / "hosts.toml").write_text(text, encoding="utf-8")
        inventory.from_file(tmp_path / "hosts.toml")

    return read


ATTACKS: list[tuple[str, str, Any]] = [
    ("mount_point", "mount_point", "/"),
    ("mount_point", "mount_point", "/etc"),
    ("mount_point", "mount_point", "/etc/ssh"),
    ("mount_point", "mount_point", "/jobs\nExecStartPre=+/bin/sh -c id"),
    ("user", "user", "ubuntu\nExecStartPre=+/bin/sh -c id"),
    ("user", "user", "-oProxyCommand=id"),
    ("name", "called by", ".."),
    ("address", "address", "-oProxyCommand=id"),
    ("allow", "allow", ["fe80::1%$(id)"]),
    ("allow", "allow", [f"{number}.0.0.0/8" for number in range(1, 10)]),
    ("mirrors", "mirrors.apt", {"apt": {"http://a/": "x|e;s|"}}),
    ("mirrors", "mirrors.git", {"git": {"https://github.com/": "HTTPS://u:hunter2@h/"}}),
    ("mirrors", "mirrors.pip", {"pip": {"https://pypi.org/": "https://h/?token=hunter2"}}),
    ("mirrors", "mirrors.download", {"download": {"https://u:hunter2@h/": "https://h/"}}),
    ("mirrors", "mirrors.oci", {"oci": {"nvcr.io/": "h/ --privileged x/"}}),
]
"""What is set, the key that a refusal names, and the value."""


@pytest.mark.parametrize(("key", "named", "value"), ATTACKS)
def test_hosts_toml_refuses_it_by_its_key(
    of_file: Callable[[str, Any], None], key: str, named: str, value: Any
) -> None:
    with pytest.raises(BadInput) as caught:
        of_file(key, value)
    assert named in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert str(caught.value).isprintable() or "\n       " in str(caught.value)


@pytest.mark.parametrize(("key", "named", "value"), ATTACKS)
def test_the_stacks_state_is_refused_by_its_key(key: str, named: str, value: Any) -> None:
    with pytest.raises(BadInput) as caught:
        of_state(key, value)
    assert "the stack's state" in str(caught.value)
    assert (key if key in ("name", "address") else named) in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(("key", "value"), [(k, v) for k, _, v in ATTACKS if k in ("mount_point", "name", "mirrors")])
def test_a_setting_is_refused_and_no_password_repeated(key: str, value: Any) -> None:
    with pytest.raises(BadInput) as caught:
        of_setting(key, value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(("key", "value"), [("mount_point", "/etc"), ("user", "a\nExecStartPre=+/x"), ("image", "x")])
def test_a_tag_of_the_instance_is_no_way_around(key: str, value: str) -> None:
    with pytest.raises(BadInput, match=f'"target.{key}" has to be'):
        of_tag(key, value)


@pytest.mark.parametrize(
    ("address", "user", "port"),
    [("-oProxyCommand=id", None, None), ("..", None, None), ("h", "-oProxyCommand=id", None), ("h", None, 70000)],
)
def test_the_command_line_is_no_way_around(address: str, user: str | None, port: int | None) -> None:
    with pytest.raises(BadInput, match="-H: "):
        inventory.named(address, user=user, port=port)


@pytest.mark.parametrize("kind", MIRRORS)
@pytest.mark.parametrize(
    "wrong",
    [
        *(
            "",
            "h",
            "javascript://h/",
            "HTTPS://h/",
            "https://u:p@h/",
            "https://token@h/",
            "https://h/?a",
            "https://h/#a",
        ),
        *(
            "https://h/;a",
            "https://h/ a",
            "https://h/'",
            'https://h/"',
            "https://h/$(id)",
            "https://h/|e",
            "https://h/=a",
        ),
        *("https://h/\n", "https://h/\x1b", "https://h/\\", "https://h/&a", "https://h/\u0430", "h/ x", "h/@sha256"),
    ],
)
def test_a_mirrors_address_is_plain(kind: str, wrong: str) -> None:
    good = "h/" if kind == "oci" else "https://h/"
    assert MIRRORS[kind].holds({good: good})
    if (kind, wrong) != ("oci", "h"):
        assert not MIRRORS[kind].holds({good: wrong})
        assert not MIRRORS[kind].holds({wrong: good})


def test_what_may_be_a_password_is_not_shown() -> None:
    for text in ("HTTPS://me:hunter2@h/", "https://h/?token=hunter2", "https://h/x#hunter2", "https://h/a;p=hunter2"):
        assert "hunter2" not in masked(f'{{"git": {{"{text}": "https://b/"}}}}')
        assert "hunter2" not in plain(text)
    assert plain("a\nb\x1b]52;c\u202e") == r"a\nb\x1b]52;c\u202e"


def test_ranges_count_all_together() -> None:
    halves = [f"{number}.0.0.0/8" for number in range(256)]
    assert ranges.are_public(halves)
    assert ranges.are_public(["8.0.0.0/9", "8.128.0.0/9", "9.0.0.0/32"])
    assert not ranges.are_public(["8.0.0.0/8", "8.1.0.0/16", "8.0.0.0/9"])
    assert not ranges.are_public(["8.0.0.0/9", "8.128.0.0/9"])
    assert ranges.are_public(["2001:db8::/32", "2001:db9::/64"])
    assert ranges.wide(["8.0.0.0/17", "8.0.128.0/17"])
    assert not ranges.wide(["8.0.0.0/17", "8.0.0.0/18"])
