"""What is written into a root file system: once into the base, and per instance before its first boot.

The base gets what makes a server image boot as a box; an instance gets its NoCloud seed and this machine's package
settings, so that apt and pip work in it as they do outside.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from rehearsal.boxes.run import run

if TYPE_CHECKING:
    from rehearsal.hypervisor import InstanceSpec

USER = "ubuntu"
CALLER_NAME = "rehearsal.internal"

# A box's network and devices are made from outside. cloud-init must not configure the outer machine's interfaces, which
# show through /sys, nor networkd wait for them.
_MASKED = (
    *("systemd-networkd.service", "systemd-networkd.socket", "systemd-networkd-wait-online.service"),
    *("systemd-resolved.service", "systemd-udevd.service", "systemd-udev-trigger.service"),
)
_CLOUD_CONFIG = {
    "datasource_list": ["NoCloud"],
    "network": {"config": "disabled"},
    "growpart": {"mode": "off"},
    "resize_rootfs": False,
    "apt": {"preserve_sources_list": True},
    "system_info": {"default_user": {"name": USER}},
}
_BASE_FILES = {
    "etc/cloud/cloud.cfg.d/90-rehearsal.cfg": json.dumps(_CLOUD_CONFIG, indent=1) + "\n",
    "etc/default/locale": "LANG=C.UTF-8\n",
    "etc/apt/apt.conf.d/90-rehearsal": (
        'Acquire::Languages "none";\n'
        'APT::Keep-Downloaded-Packages "true";\n'
        'Binary::apt::APT::Keep-Downloaded-Packages "true";\n'
    ),
}
BASE_DIGEST = hashlib.sha256(json.dumps([_MASKED, _BASE_FILES]).encode()).hexdigest()

_COPIED = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pip.conf")
_RESOLV_CONF = (Path("/etc/resolv.conf"), Path("/run/systemd/resolve/resolv.conf"))


def prepare_base(tree: Path) -> None:
    """Make a fresh root file system boot as a box."""
    for unit in _MASKED:
        mask = tree / "etc/systemd/system" / unit
        mask.unlink(missing_ok=True)
        mask.symlink_to("/dev/null")
    for name, text in _BASE_FILES.items():
        put(tree, name, text)


def write_instance(tree: Path, spec: InstanceSpec, *, base: Path, user: str, caller: str) -> None:
    """Write one instance's files into `tree`, the layer over `base`.

    `user` is the account that its image lets in, `caller` this machine's address for boxes.
    """
    hostname = f"ip-{spec.private_ip.replace('.', '-')}"
    meta = {"instance-id": spec.instance_id, "local-hostname": hostname, "public-keys": list(spec.public_keys)}
    put(tree, "var/lib/cloud/seed/nocloud/meta-data", json.dumps(meta))
    put(tree, "var/lib/cloud/seed/nocloud/user-data", spec.user_data, mode=0o600)
    account = {"system_info": {"default_user": {"name": user}}}
    put(tree, "etc/cloud/cloud.cfg.d/95-account.cfg", json.dumps(account) + "\n")
    put(tree, "etc/hostname", f"{hostname}\n")
    put(tree, "etc/resolv.conf", resolv_conf())
    names = "".join(f"{line}\n" for line in [f"{caller} {CALLER_NAME}", *_host_lines()])
    put(tree, "etc/hosts", f"127.0.0.1 localhost\n127.0.1.1 {hostname}\n{names}")
    for name in ("debian", "ubuntu"):  # what cloud-init's manage_etc_hosts writes /etc/hosts from
        template = base / f"etc/cloud/templates/hosts.{name}.tmpl"
        if template.exists():
            put(tree, str(template.relative_to(base)), template.read_text() + names)
    _copy_package_settings(tree)


def apt_transport() -> list[str]:
    """Return how apt reaches archives from this machine (proxies, certificates, date checks), in apt's own syntax."""
    wanted = ("Acquire::http", "Acquire::https", "Acquire::Check-", "Acquire::Proxy")
    lines = run("apt-config", "dump").splitlines()
    return [line for line in lines if line.startswith(wanted) and not line.endswith('"";')]


def resolv_conf() -> str:
    """Return name servers that answer in another network namespace: a stub on 127.0.0.53 does not."""
    for path in _RESOLV_CONF:
        text = path.read_text() if path.exists() else ""
        servers = [line.split()[1] for line in text.splitlines() if line.startswith("nameserver ")]
        if servers and not any(server.startswith("127.") for server in servers):
            return text
    return ""


def put(tree: Path, name: str, content: str | bytes, *, mode: int = 0o644) -> None:
    """Write a file of a tree, in place of whatever is there, a link included."""
    path = tree / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    path.chmod(mode)


def _host_lines() -> list[str]:
    """Return what this machine's /etc/hosts says about other machines."""
    hosts = Path("/etc/hosts")
    lines = hosts.read_text().splitlines() if hosts.exists() else []
    return [
        line for line in lines if line.strip() and not line.startswith(("#", "127.", "::1", "fe00:", "ff00:", "ff02:"))
    ]


def _copy_package_settings(tree: Path) -> None:
    for name in _COPIED:
        if Path(name).exists():
            put(tree, name[1:], Path(name).read_bytes())
    authorities = Path("/usr/local/share/ca-certificates")
    if authorities.is_dir():
        shutil.copytree(authorities, tree / str(authorities)[1:], dirs_exist_ok=True)
    put(tree, "etc/apt/apt.conf.d/95-machine", "".join(f"{line}\n" for line in apt_transport()))
    proxies = {
        name: os.environ[name] for name in os.environ if name.lower() in {"http_proxy", "https_proxy", "no_proxy"}
    }
    if proxies:
        put(tree, "etc/environment", "".join(f'{name}="{value}"\n' for name, value in proxies.items()))
