"""DIGITS' container under a real Docker, with a small image of this test's in place of the published one.

A box has no cgroups to give away, and its disk is an overlay: its containers get a runtime that asks for no cgroups and
limits, and a storage driver that copies. The image comes from a registry on the box, by the mirror in hosts.toml.
"""

from __future__ import annotations

from tests.installs.box import Box

HOST = '[mirrors.oci]\n"nvcr.io/nvidia/" = "127.0.0.1:5099/"\n'
ACCEPT = ("--accept", "nvidia-deep-learning-container")
SETUP = ("setup-digits-container", *ACCEPT)
IMAGE = "127.0.0.1:5099/digits:21.09-tensorflow-py3"
RUNTIME = """\
#!/usr/bin/python3
import json, os, sys
words = sys.argv[1:]
if "create" in words:
    path = os.path.join(words[words.index("--bundle") + 1], "config.json")
    with open(path) as file:
        spec = json.load(file)
    spec["linux"].pop("cgroupsPath", None)
    spec["linux"].pop("resources", None)
    spec["process"].pop("rlimits", None)
    with open(path, "w") as file:
        json.dump(spec, file)
    words.insert(words.index("create") + 1, "--no-new-keyring")
os.execv("/usr/bin/runc", ["runc", "--rootless=true", *words])
"""
DAEMON = (
    '{"storage-driver": "native", "default-runtime": "here", "runtimes": {"here": {"path": "/usr/local/sbin/here"}}}'
)
REGISTRY = (
    "version: 0.1\nstorage: {filesystem: {rootdirectory: /var/lib/docker-registry}}\nhttp: {addr: '127.0.0.1:5099'}\n"
)
# What the image runs: it answers where DIGITS answers, and says in the jobs' folder that it came and how it went.
SERVE = """\
trap 'echo SIGINT >"$DIGITS_JOBS_DIR/ended"; exit 0' INT
mkdir -p "$DIGITS_JOBS_DIR/20261121-120000-abcd"
id -u >"$DIGITS_JOBS_DIR/who"
ls /jobs >"$DIGITS_JOBS_DIR/sees"
touch /jobs/datasets/written 2>/dev/null && echo yes >"$DIGITS_JOBS_DIR/writes-sets"
chmod 4755 /bin/sh 2>/dev/null && echo yes >"$DIGITS_JOBS_DIR/is-root"
wget -q -O /dev/null http://127.0.0.1:5002/ 2>/dev/null && echo yes >"$DIGITS_JOBS_DIR/sees-the-host"
httpd -f -p 5000 -h /www &
wait
"""
BUILD = f"""set -e
apt-get -q -y --no-install-recommends install busybox-static docker-registry >/dev/null 2>&1
cat >/etc/docker/registry/config.yml <<'END'
{REGISTRY}END
systemctl restart docker-registry
mkdir -p tree/bin tree/www/index
cp /bin/busybox tree/bin/
for name in sh mkdir httpd id ls touch chmod wget; do ln -sf busybox tree/bin/$name; done
echo '{{}}' >tree/www/index/json
cat >tree/serve <<'END'
{SERVE}END
tar -C tree -c . | docker import -c 'CMD ["/bin/sh", "/serve"]' - {IMAGE} >/dev/null
docker push -q {IMAGE}
docker rmi {IMAGE} >/dev/null
"""


def put(box: Box, path: str, text: str, mode: str = "644") -> None:
    """Write a file of root's on the box."""
    box.ssh(f"cat >part <<'WHOLE'\n{text}WHOLE\nsudo install -D -m {mode} part {path}")


def test_the_licence_is_asked_for_by_its_name(box: Box) -> None:
    said = box.fab("setup-digits-container", code=2)
    assert '"nvidia-deep-learning-container"' in said
    assert "--accept" in said


def test_an_image_that_does_not_come_is_told_with_the_mirror(box: Box) -> None:
    put(box, "/usr/local/sbin/here", RUNTIME, "755")
    put(box, "/etc/docker/daemon.json", DAEMON + "\n")
    # A box may not write there; Docker turns IPv6 off on the interface that it gives to a container.
    box.ssh("sudo mount -o remount,bind,rw /proc/sys")
    said = box.fab(*SETUP, code=6)
    assert f"could not pull {IMAGE}" in said
    assert 'kind "oci"' in said
    assert box.ssh("systemctl is-active docker").strip() == "active"


def test_it_goes_on_from_there_and_serves_the_jobs_of_the_volume(box: Box) -> None:
    put(box, "/root/build", BUILD)
    box.ssh("sudo bash -c 'cd /root && bash build'")
    said = box.fab(*SETUP)
    assert "digits-container  installed" in said
    assert "through a mirror" in said
    assert "to take no other from now on" in box.ssh("sudo cat /var/lib/gpurig/logs/digits-container.log")
    assert box.ssh("curl -fsS http://127.0.0.1:5001/index/json").strip() == "{}"
    assert "nothing to do" in box.fab(*SETUP)


def test_it_is_the_account_s_and_sees_jobs_and_data_sets_alone(box: Box) -> None:
    assert sorted(box.ssh("ls /jobs/digits").split()) == ["20261121-120000-abcd", "sees", "who"]
    assert box.ssh("cat /jobs/digits/who") == box.ssh("id -u ubuntu")
    assert box.ssh("cat /jobs/digits/sees").split() == ["datasets", "digits"]
    assert "127.0.0.1:5001" in box.ssh("sudo ss -ltnH")
    assert "0.0.0.0:5001" not in box.ssh("sudo ss -ltnH")


def test_it_is_stopped_as_digits_wants_it_and_leaves_the_jobs_to_the_user(box: Box) -> None:
    box.ssh("sudo systemctl stop digits-container")
    assert box.ssh("cat /jobs/digits/ended").strip() == "SIGINT"
    assert set(box.ssh("stat -c %U /jobs/digits/*").split()) == {"ubuntu"}
    assert "digits-container  installed" in box.fab(*SETUP)


def test_the_other_digits_on_the_host_is_not_pushed_aside(box: Box) -> None:
    put(box, "/etc/systemd/system/digits.service", "[Service]\nExecStart=true\n[Install]\nWantedBy=multi-user.target\n")
    box.ssh("sudo systemctl -q enable digits")
    said = box.fab(*SETUP, "--fresh", code=6)
    assert "systemctl disable --now digits.service" in said
    box.ssh("sudo systemctl -q disable digits")
    assert "digits-container  installed" in box.fab(*SETUP)
