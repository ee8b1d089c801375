"""The plugin as a process: how it is found, configured, and ended."""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import json
import os
import re
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from google.protobuf import empty_pb2
from pulumi.runtime.proto import provider_pb2 as pb
from pulumi.runtime.proto import provider_pb2_grpc

from rehearsal.provider import install_shim
from rehearsal.provider.catalogue import KINDS
from rehearsal.provider.wire import pack
from tests.rehearsal.provider.plugin import ROOT, Plugin

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rehearsal.cloud.handle import Cloud


@pytest.fixture
def spawned() -> Iterator[list[Plugin]]:
    """Plugins that a test starts for itself."""
    running: list[Plugin] = []
    yield running
    for plugin in running:
        with contextlib.suppress(ProcessLookupError):
            plugin.close()


def _stub(port: int) -> Any:
    return provider_pb2_grpc.ResourceProviderStub(grpc.insecure_channel(f"127.0.0.1:{port}"))


def test_the_launcher_prints_a_port_from_any_folder(tmp_path: Path) -> None:
    shim = install_shim(tmp_path / "bin")
    assert shim.name == "pulumi-resource-aws"
    env = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    process = subprocess.Popen([shim, "127.0.0.1:1"], cwd=tmp_path, env=env, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        info = _stub(int(process.stdout.readline())).GetPluginInfo(empty_pb2.Empty())
        assert info.version == importlib.metadata.version("pulumi-aws")
    finally:
        process.kill()
        process.communicate()


def test_who_it_is(plugin: Plugin) -> None:
    answer = plugin.stub.Handshake(pb.ProviderHandshakeRequest(engine_address="127.0.0.1:1"))
    assert not answer.accept_secrets
    assert not answer.accept_outputs


def test_the_schema_has_every_type_as_pulumi_import_looks_it_up(plugin: Plugin) -> None:
    schema = json.loads(plugin.stub.GetSchema(pb.GetSchemaRequest()).schema)
    assert (schema["name"], schema["version"]) == ("aws", importlib.metadata.version("pulumi-aws"))
    assert schema["resources"].keys() == KINDS.keys()
    for token, found in schema["resources"].items():
        package, module, name = token.split(":")
        sdk = getattr(importlib.import_module(f"pulumi_aws.{module.split('/')[0]}"), name)
        assert found["inputProperties"].keys() <= found["properties"].keys()
        assert not [one for one in found["properties"] if not hasattr(sdk, re.sub("([A-Z])", r"_\1", one).lower())]
        assert found["requiredInputs"] == [name for name, field in KINDS[token].fields.items() if field.required]
        assert package == "aws"
        assert re.fullmatch(schema["meta"]["moduleFormat"], module)


@pytest.mark.parametrize("goodbye", [signal.SIGINT, signal.SIGTERM])
def test_a_goodbye_ends_an_idle_plugin(cloud_daemon: Cloud, spawned: list[Plugin], goodbye: signal.Signals) -> None:
    plugin = Plugin(cloud_daemon.env, region="us-east-1")
    spawned.append(plugin)
    plugin.process.send_signal(goodbye)
    assert plugin.process.wait(timeout=60) == 0


def test_ctrl_c_lets_a_creation_finish(cloud: Cloud, spawned: list[Plugin]) -> None:
    plugin = Plugin(cloud.env, region="us-east-1")
    spawned.append(plugin)
    cloud.fault("CreateVpc", seconds=1.0)
    inputs = plugin.checked("aws:ec2/vpc:Vpc", {"cidrBlock": "10.0.0.0/16"})
    urn = "urn:pulumi:dev::gpurig::aws:ec2/vpc:Vpc::net"
    pending = plugin.stub.Create.future(pb.CreateRequest(urn=urn, properties=pack(inputs)))
    while not cloud.calls("CreateVpc"):
        time.sleep(0.02)
    plugin.process.send_signal(signal.SIGINT)
    assert pending.result(timeout=60).id.startswith("vpc-")


def test_it_does_not_outlive_the_engine_that_started_it() -> None:
    program = (
        "import subprocess, sys; "
        "command = [sys.executable, '-m', 'rehearsal.provider', '127.0.0.1:1']; "
        "plugin = subprocess.Popen(command, stdout=subprocess.PIPE); "
        "print(plugin.pid, plugin.stdout.readline().decode().strip(), flush=True)"
    )
    engine = subprocess.run([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, check=True, text=True)
    pid, _ = map(int, engine.stdout.split())
    deadline = time.monotonic() + 60
    while _runs(pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not _runs(pid)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _config_problems(plugin: Plugin, **config: Any) -> dict[str, str]:
    answer = plugin.stub.CheckConfig(
        pb.CheckRequest(urn="urn:pulumi:dev::gpurig::pulumi:providers:aws::aws", news=pack(config))
    )
    return {one.property: one.reason for one in answer.failures}


def test_settings_are_checked(plugin: Plugin) -> None:
    sane = {
        "region": "us-east-1",
        "skipCredentialsValidation": "true",
        "defaultTags": '{"tags": {"a": "b"}}',
        "version": "7.0.0",
    }
    assert _config_problems(plugin, **sane) == {}
    found = _config_problems(plugin, region="us-east-1", maxRetries="{", assumeRole="[]")
    assert found.keys() == {"maxRetries", "assumeRole"}
    assert "not valid JSON" in found["maxRetries"]
    assert "no setting 'assumeRole'" in found["assumeRole"]


def test_a_region_there_must_be(cloud_daemon: Cloud, spawned: list[Plugin]) -> None:
    nowhere = {**cloud_daemon.env, "AWS_REGION": "", "AWS_DEFAULT_REGION": ""}
    with pytest.raises(grpc.RpcError, match="no region"):
        spawned.append(Plugin(nowhere))


def test_without_credentials_it_says_where_they_may_come_from(cloud: Cloud, spawned: list[Plugin]) -> None:
    bare = dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "")
    plugin = Plugin({**cloud.env, **bare}, region="us-east-1")
    spawned.append(plugin)
    with pytest.raises(grpc.RpcError, match="no valid credential sources found"):
        plugin.invoke("aws:index/getAvailabilityZones:getAvailabilityZones", state="available")


def test_many_at_once(cloud: Cloud, spawned: list[Plugin]) -> None:
    plugin = Plugin(cloud.env, region="us-east-1")
    spawned.append(plugin)
    inputs = plugin.checked("aws:ec2/vpc:Vpc", {"cidrBlock": "10.0.0.0/16"})
    request = pb.CreateRequest(urn="urn:pulumi:dev::gpurig::aws:ec2/vpc:Vpc::net", properties=pack(inputs))
    made = [plugin.stub.Create.future(request) for _ in range(16)]
    assert len({one.result().id for one in made}) == 16
