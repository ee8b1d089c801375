"""Which hosts `fab` works on, where their keys come from, and what a wrong hosts file gets."""

from __future__ import annotations

import base64
import http.server
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from provision.model import project
from provision.model.errors import BadInput
from provision.model.urls import MIRROR_KINDS
from provision.transport import host_keys, inventory
from tests.kit.fab import fab, host_row, outputs, pulumi_that_says, refused
from tests.kit.servers import Handler, serving

HEAD = '[host.a]\naddress = "127.0.0.1"\ngpu = "none"\n'
GOOD = f'{HEAD}port = 9\nuser = "ada"\n'
ALLOW = ('[host.a] "allow" has to be a list of address ranges', "198.51.100.7/32")


def key(kind: str = "ssh-ed25519", *, fill: int = 7) -> str:
    """Return a public key of this type as OpenSSH writes it."""
    fields = (kind.encode(), bytes([fill]) * 32)
    return f"{kind} {base64.b64encode(b''.join(len(f).to_bytes(4, 'big') + f for f in fields)).decode()}"


def block(*lines: str) -> str:
    """Return what cloud-init prints on a console."""
    return "\r\n".join([host_keys.BEGIN, *lines, host_keys.END, ""])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[host]\naddress = "h"\ngpu = "none"\n', ('"host.address" has to be a table', "[host.trainer]")),
        ('host = "h"\n', ('"host" has to be a table', "[host.trainer]")),
        (f'{HEAD}image = ["u"]\n', ('[host.a] "image" has to be a string',)),
        (f'sources = "x"\n{HEAD}', ('"sources" has to be a table',)),
        (f"sources = {{cuda = 1}}\n{HEAD}", ('"sources.cuda" has to be a word of letters',)),
        (f'builds = "lab-builds"\n{HEAD}', ('"builds" has to be the place of kept builds, s3://BUCKET/PREFIX',)),
        (f'builders = ["ssh-rsa AAAA"]\n{HEAD}', ('"builders" has to be a list of ed25519 public keys without',)),
        (f'unpinned = "caffe"\n{HEAD}', ('"unpinned" has to be a list of recipes',)),
        (f'mirrors = {{gti = {{"a" = "b"}}}}\n{HEAD}', ('unknown key "mirrors.gti"', *MIRROR_KINDS)),
        (f'{HEAD}port = "22"\n', ('[host.a] "port" has to be a port number, 1 to 65535',)),
        (f"{HEAD}port = 65536\n", ('[host.a] "port" has to be a port number, 1 to 65535',)),
        ('[host.a]\naddress = 5\ngpu = "none"\n', ('[host.a] "address" has to be a host name or an IP address',)),
        ('[host.a]\naddress = "h"\ngpu = ["T4"]\n', ("[host.a] needs gpu = one of", "T4")),
        ('[host.a]\naddress = "h"\ngpu = "RTX 9090"\n', ("by its name and its compute capability", 'compute = "12.0"')),
        ('[host.a]\naddress = "h"\ngpu = "auto"\ncompute = "8.6"\n', ('"compute" cannot stand beside gpu = "auto"',)),
        (f'{HEAD}compute = "banana"\n', ('[host.a] "compute" has to be a compute capability', "7.5")),
        (f'{HEAD}mount_point = "jobs"\n', ('[host.a] "mount_point" has to be an absolute path',)),
        (f'{HEAD}recipe = ["digits"]\n', ('[host.a] "recipe" has to be a name of a-z',)),
        (f"{HEAD}ui_port = 0\n", ('"ui_port" has to be a port number',)),
        *((f"{HEAD}allow = {wrong}\n", ALLOW) for wrong in ('"198.51.100.7"', "[]", "[7]", '["desk.example"]')),
        *((f"{HEAD}allow = {wrong}\n", ALLOW) for wrong in ('["198.51.100.7/24"]', '["0.0.0.0/0"]', '["::/0"]')),
        (f'{HEAD}jump = "-oProxyCommand=x"\n', ('[host.a] "jump" has to be a machine to go through',)),
        (f'{HEAD}jump = "me@b:70000"\n', ('[host.a] "jump" has to be a machine to go through',)),
        (f'{HEAD}inner = "10.0.0.5:22"\n', ('[host.a] "inner" has to be an IP address',)),
        (f'{HEAD}keys = "ada.pub"\n', ('[host.a] "keys" has to be a list of ed25519 public keys',)),
        ("[host.a\n", ("line 1",)),
    ],
)
def test_a_wrong_hosts_file_is_refused_by_file_and_key(tmp_path: Path, text: str, said: tuple[str, ...]) -> None:
    (tmp_path / "hosts.toml").write_text(text)
    stderr = refused(tmp_path, "plan")
    assert "hosts.toml: " in stderr
    for part in said:
        assert part in stderr


def test_address_ranges_of_both_kinds_and_a_port_reach_the_target(tmp_path: Path) -> None:
    ranges = '["198.51.100.7", "10.0.0.0/8", "2001:db8::/32"]'
    (tmp_path / "hosts.toml").write_text(
        f'[host.desk]\naddress = "desk.example"\ngpu = "RTX 3090"\nallow = {ranges}\nui_port = 8888\n'
    )
    (host,) = inventory.from_file(tmp_path / "hosts.toml")
    assert host.target is not None
    assert host.target.allow == ("198.51.100.7", "10.0.0.0/8", "2001:db8::/32")
    assert (host.target.ui_port, host.target.compute) == (8888, "8.6")


def test_a_hosts_file_in_another_encoding_is_refused(tmp_path: Path) -> None:
    (tmp_path / "hosts.toml").write_bytes(f"# caf\xe9\n{GOOD}".encode("latin-1"))
    assert "hosts.toml: 'utf-8' codec can't decode byte 0xe9" in refused(tmp_path, "plan")


def test_the_problems_of_all_tables_come_at_once(tmp_path: Path) -> None:
    (tmp_path / "hosts.toml").write_text(f'sources = "x"\n{HEAD}port = "22"\n[host.b]\naddress = 5\n')
    stderr = refused(tmp_path, "plan")
    for part in ('"sources" has', '[host.a] "port" has', '[host.b] "address" has', "[host.b] needs gpu"):
        assert part in stderr


@pytest.mark.parametrize("name", ["a", "127.0.0.1"])
def test_what_was_given_goes_before_the_hosts_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    (tmp_path / "hosts.toml").write_text(GOOD)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GPURIG_HOSTS", raising=False)
    plain = inventory.named(name, user=None, port=None)
    assert (plain.name, plain.user, plain.port) == ("a", "ada", 9)
    given = inventory.named(name, user="eve", port=10)
    assert (given.name, given.user, given.port) == ("a", "eve", 10)
    assert given.target is not None
    assert given.target.user == "eve"
    bare = inventory.named("192.0.2.7", user=None, port=None)
    assert (bare.address, bare.user, bare.port, bare.target) == ("192.0.2.7", "ubuntu", 22, None)


def test_a_port_on_the_command_line_is_the_one_that_is_tried(tmp_path: Path) -> None:
    (tmp_path / "hosts.toml").write_text(GOOD)
    assert "a (127.0.0.1) does not answer on port 10" in refused(tmp_path, "-H", "eve@a:10", "status", code=4)


def test_a_hosts_file_that_is_named_has_to_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for words in (("status",), ("-H", "a", "status")):
        assert "gone.toml: " in refused(tmp_path, *words, GPURIG_HOSTS="gone.toml")
    monkeypatch.setenv("GPURIG_HOSTS", str(tmp_path / "gone.toml"))
    with pytest.raises(BadInput, match=r"gone\.toml"):
        inventory.named("a", user=None, port=None)


@pytest.mark.parametrize("mark", project.PROJECT_FILES)
def test_the_project_is_found_from_a_folder_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mark: str) -> None:
    deep = tmp_path / "my notes" / "day 1"
    deep.mkdir(parents=True)
    monkeypatch.chdir(deep)
    assert project.project_folder().resolve() == deep
    (tmp_path / mark).touch()
    assert project.project_folder().resolve() == tmp_path
    assert " " not in str(host_keys.known_hosts())
    (deep / mark).touch()
    assert project.project_folder().resolve() == deep


def test_fab_reads_the_hosts_file_of_the_project_from_a_folder_in_it(tmp_path: Path) -> None:
    (tmp_path / "hosts.toml").write_text(GOOD)
    (tmp_path / "notes").mkdir()
    assert "a (127.0.0.1) does not answer on port 9" in refused(tmp_path / "notes", "status", code=4)


def test_keys_are_read_from_the_last_whole_block_of_a_console() -> None:
    old, new = key(fill=1), key(fill=2)
    assert host_keys.keys_in(block(f"{old} root@x") + block(f"{new} root@x", "noise")) == [new]
    assert host_keys.keys_in(block(old) + f"{host_keys.BEGIN}\n{new}") == []
    assert host_keys.keys_in("") == []


@pytest.mark.parametrize(
    "line",
    [
        key()[:40],
        key()[:44],
        f"{key()[:40]}[   12.3456] nvme0n1: p1",
        key().replace("ssh-ed25519", "ssh-rsa"),
        "ssh-ed25519",
        "ssh-ed25519 NEW root@x",
    ],
)
def test_a_garbled_key_is_none(line: str) -> None:
    assert host_keys.keys_in(block(line)) == []
    assert host_keys.keys_in(block(line, key())) == [key()]


RUNNING = """<DescribeInstancesResponse><reservationSet><item><instancesSet><item><instanceId>i-0a1</instanceId>
<instanceState><code>16</code><name>running</name></instanceState><ipAddress>127.0.0.1</ipAddress>
<instanceType>g4dn.xlarge</instanceType><placement><availabilityZone>us-east-1a</availabilityZone></placement>
<launchTime>2026-11-28T11:30:00.000Z</launchTime></item></instancesSet></item></reservationSet>
</DescribeInstancesResponse>"""


class Console(http.server.ThreadingHTTPServer):
    """EC2's GetConsoleOutput, one text after the other, the last one for ever; its instance runs, and stays silent."""

    def __init__(self, *texts: str) -> None:
        self.texts = list(texts)
        self.signed_by: list[str] = []
        super().__init__(("127.0.0.1", 0), _Answer)


class _Answer(Handler):
    server: Console

    def do_POST(self) -> None:
        if b"Action=DescribeInstances" in self.rfile.read(int(self.headers["Content-Length"])):
            self.answer(200, RUNNING.encode())
            return
        self.server.signed_by.append(self.headers["Authorization"].partition("Credential=")[2].partition("/")[0])
        text = self.server.texts.pop(0) if len(self.server.texts) > 1 else self.server.texts[0]
        output = base64.b64encode(text.encode()).decode()
        body = f"<GetConsoleOutputResponse><output>{output}</output></GetConsoleOutputResponse>".encode()
        self.answer(200, body)


@pytest.fixture
def console() -> Iterator[Console]:
    server = Console(block(key()[:40]), block(key()[:40], key()))
    with serving(server):
        yield server


def test_keys_are_pinned_once_they_are_whole_with_the_stacks_profile(tmp_path: Path, console: Console) -> None:
    (tmp_path / "aws").write_text("[lab]\naws_access_key_id = LABKEY\naws_secret_access_key = secret\n")
    pins = tmp_path / ".gpurig" / "known_hosts"
    pins.parent.mkdir()
    pins.write_text(f"i-0b2 {key(fill=1)}\ni-0a1 {key()[:40]}\n")
    env: dict[str, Any] = {
        "PATH": pulumi_that_says(tmp_path, stdout=outputs(host_row(profile="lab"))),
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{console.server_port}",
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "aws"),
        "AWS_CONFIG_FILE": str(tmp_path / "none"),
    }
    done = fab(tmp_path, "status", **env)
    assert "waiting for the console of i-0a1" in done.stderr
    assert "does not answer on port 9" in done.stderr
    assert console.signed_by == ["LABKEY", "LABKEY"]
    assert pins.read_text().splitlines() == [f"i-0b2 {key(fill=1)}", f"i-0a1 {key()}"]
    assert [path.name for path in pins.parent.iterdir()] == ["known_hosts"]
    fab(tmp_path, "status", **env, code=4)
    assert len(console.signed_by) == 2


def test_credentials_that_are_not_there_are_asked_for_by_profile(tmp_path: Path) -> None:
    env = {"AWS_CONFIG_FILE": str(tmp_path / "none"), "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none")}
    path = pulumi_that_says(tmp_path, stdout=outputs(host_row(profile="lab")))
    assert 'the profile "lab" (aws:profile)' in refused(tmp_path, "status", code=5, PATH=path, **env)
    path = pulumi_that_says(tmp_path, stdout=outputs(host_row()))
    env["AWS_EC2_METADATA_DISABLED"] = "true"
    assert "$AWS_PROFILE" in refused(tmp_path, "status", code=5, PATH=path, **env)


def test_a_box_that_a_killed_update_was_making_is_named(tmp_path: Path) -> None:
    document = json.loads(outputs(host_row(), host_row(name="box-2")))
    resources = document["deployment"]["resources"]
    (lost,) = [row for row in resources if row["urn"].endswith("::box-2-g1")]
    resources.remove(lost)
    document["deployment"]["pending_operations"] = [{"type": "creating", "resource": lost}]
    path = pulumi_that_says(tmp_path, stdout=json.dumps(document))
    said = fab(tmp_path, "render", "base", PATH=path, code=0).stderr
    assert said.startswith("box-2: a `pulumi up` was killed while EC2 made it")
    for way in ("`fab orphans`", "`pulumi refresh --clear-pending-creates`"):
        assert way in said
