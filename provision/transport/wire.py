"""What travels over one SSH command: a few lines of program that ask for the rest, and JSON events back."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

from provision.bundle.render import HOME

Event = dict[str, Any]

PROMPT = "gpurig: sudo asks for a password"

# The host may have this very bundle: then its digest is all that has to travel. Else the host asks for the request.
# Once it has asked this very runner, Python keeps its bytecode: to compile it takes longer than many an answer.
BOOT = f"""
import hashlib, json, sys, types, zlib
from importlib.machinery import SourceFileLoader
def code(name, text):
    path = "{HOME}/" + name + ".py"
    try:
        with open(path, encoding="utf-8") as file:
            if file.read() == text:
                return SourceFileLoader(name, path).get_code(name)
    except Exception:  # a cache that a full disk cut short keeps no answer back
        pass
    return compile(text, "gpurig-" + name, "exec")
ask = json.loads(sys.argv[1])
have, whole = {{}}, None
if ask["digest"]:
    try:
        text = open("{HOME}/bundle.json").read()
        have = json.loads(text)
        body = {{key: value for key, value in have.items() if key != "digest"}}
        whole = hashlib.sha256(json.dumps(body, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
    except (OSError, ValueError, AttributeError):
        pass
if whole and whole == ask["digest"]:
    request = dict(ask, bundle=text, runner=have["runner"])
else:
    print('{{"event": "send"}}', flush=True)
    request = json.loads(zlib.decompress(sys.stdin.buffer.read()))
for name, text in [("runner", request["runner"]), *request.get("modules", ())]:
    module = sys.modules["provision.agent." + name] = types.ModuleType("provision.agent." + name)
    exec(code(name, text), vars(module))
module.main(request)
"""


@functools.cache
def source(name: str) -> str:
    """Return the source of one of our modules that run on the host: Python 3.8, standard library only."""
    return Path(__file__).parents[1].joinpath("agent", f"{name}.py").read_text(encoding="utf-8")


def parse(line: str) -> Event:
    """Return the event in a line; a line that is none becomes one: nothing that the host says is dropped."""
    text = line.rstrip("\n")
    if text == PROMPT:
        return {"event": "prompt", "step": "", "line": text}
    try:
        event = json.loads(line)
    except ValueError:
        event = None
    return event if isinstance(event, dict) and "event" in event else {"event": "log", "step": "", "line": text}
