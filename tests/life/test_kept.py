"""Kept builds on real boxes: what one box built and downloaded, the next has from the job volume, by a signature."""

from __future__ import annotations

from rehearsal.user import User

CONFIG = {"jobVolumeGib": "1"}

TOML = """
summary = "a package, a tree and a service"
version = "1"
needs   = ["base"]
keeps   = ["{{ prefix }}/tool"]
unit    = "tool.service"
[files."/etc/systemd/system/tool.service"]
template = "tool.service.j2"
"""
# Only a build knows on which machine it was made.
INSTALL = """
apt_install cowsay
mkdir -p {{ prefix }}/tool.part
[[ -e {{ prefix }}/tool/built ]] || cat /proc/sys/kernel/random/uuid >{{ prefix }}/tool.part/built
head -c 6000000 /dev/urandom >{{ prefix }}/tool.part/large
[[ -e {{ prefix }}/tool ]] || mv {{ prefix }}/tool.part {{ prefix }}/tool
groupadd --force toolers
start_service tool.service
"""
VERIFY = """
want "its package is there" has_packages cowsay
want "it is built" [ -s {{ prefix }}/tool/built -a -s {{ prefix }}/tool/large ]
want "its group is there" getent group toolers >/dev/null
want "its service is up" is_running tool.service
"""
SERVICE = "[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n"
SUMS = "cd /opt/gpurig/tool && cat built && sha256sum large && dpkg --verify cowsay && stat -c %a:%U /jobs/.gpurig/kept"
GONE = "sudo systemctl disable --now tool.service; sudo apt-get -qq purge -y cowsay; sudo rm -rf /opt/gpurig/tool"


LOG, BUILT = "sudo cat /var/lib/gpurig/logs/tool.log", "cat /opt/gpurig/tool/built"
SIGNED = "sudo sh -c 'cd /jobs/.gpurig/kept && ls */signature'"
WELL = "sudo apt-get -qq check && dpkg --audit && systemctl is-active tool.service"


def test_the_next_box_has_it_from_the_volume_and_what_is_wrong_there_is_made_anew(user: User) -> None:
    folder = user.project / "templates" / "recipes" / "tool"
    folder.mkdir()
    files = {"recipe.toml": TOML, "install.sh.j2": INSTALL, "verify.sh.j2": VERIFY, "tool.service.j2": SERVICE}
    for name, text in files.items():
        (folder / name).write_text(text)

    user.up()
    assert "taken from the job volume" not in user.fab("setup-tool")
    first, built = user.on_box(f"sudo sh -c '{SUMS}'"), user.on_box(BUILT)
    assert first.rstrip().endswith("700:root")
    assert sorted(name.split("-")[1] for name in user.on_box(SIGNED).split()) == ["built", "packages"]

    user.destroy()
    user.up()
    assert "what it builds taken from the job volume" in user.fab("setup-tool")
    assert user.on_box(f"sudo sh -c '{SUMS}'") == first
    log = user.on_box(LOG)
    assert "taken from the job volume (packages)" in log
    assert "Setting up cowsay" in log
    assert user.on_box(WELL).split() == ["active"]

    # The same box, without it, and an entry that nobody signed: it is built anew, and that is kept.
    user.on_box(f"{GONE}; sudo sh -c 'rm /jobs/.gpurig/kept/tool-built-*/signature'")
    assert "taken from the job volume" not in user.fab("setup-tool")
    assert "(built) is not used, and is deleted: it is not signed by a key that you trust" in user.on_box(LOG)
    second = user.on_box(BUILT)
    assert second != built

    # Cut short on the volume, which then has no room either.
    user.on_box(f"{GONE}; sudo sh -c 'truncate -s -1 /jobs/.gpurig/kept/tool-built-*/0; fallocate -l 900M /jobs/full'")
    assert "the job volume has no room to keep all of it" in user.fab("setup-tool")
    log = user.on_box(LOG)
    assert "(built) is not used, and is deleted: part 0 of it was cut short" in log
    assert "not kept on the job volume (built): there is no room for it" in log
    assert user.on_box(BUILT) != second
    assert user.on_box("sudo ls /jobs/.gpurig/kept | grep -c built || true").strip() == "0"
