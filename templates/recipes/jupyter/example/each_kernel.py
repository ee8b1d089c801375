"""Start each kernel of the box by Jupyter's own interface, and have it compute something."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import urllib.request
import uuid
from pathlib import Path
from typing import Any

from tornado.websocket import websocket_connect

PORT = 8888
SECONDS = 120
CODE = "import sys; print(sum(range(10)), sys.version.split()[0], sys.prefix)"
TOKEN = Path("/run/gpurig-jupyter/token").read_text(encoding="ascii")


def ask(path: str, method: str = "GET", body: object = None) -> Any:
    """Return what JupyterLab answers."""
    request = urllib.request.Request(f"http://127.0.0.1:{PORT}/api/{path}", method=method)
    request.add_header("Authorization", f"token {TOKEN}")
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(request, data, timeout=SECONDS) as answer:  # noqa: S310 - it is http
        return json.loads(answer.read() or b"null")


async def say(kernel: str, code: str) -> str:
    """Return what a kernel prints for some code, its errors too."""
    url = f"ws://127.0.0.1:{PORT}/api/kernels/{kernel}/channels?token={TOKEN}"
    line = await websocket_connect(url)
    header = {"msg_id": uuid.uuid4().hex, "msg_type": "execute_request", "session": uuid.uuid4().hex}
    header |= {"username": "", "version": "5.3"}
    content = {"code": code, "silent": False, "store_history": False, "allow_stdin": False}
    ask_it = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}
    await line.write_message(json.dumps(ask_it))
    said = ""
    while True:
        message = json.loads(await line.read_message() or "{}")
        if not message:
            return said + "\nit ended"
        if message["parent_header"].get("msg_id") != header["msg_id"]:
            continue
        content = message["content"]
        said += content.get("text", "") if message["msg_type"] == "stream" else ""
        said += "\n".join(content.get("traceback", ())) if message["msg_type"] == "error" else ""
        if message["msg_type"] == "status" and content["execution_state"] == "idle":
            line.close()
            return said


def main() -> int:
    """Try each of them; returns the program's exit code."""
    kernels = ask("kernelspecs")["kernelspecs"]
    results = {}
    for name, row in sorted(kernels.items()):
        kernel = ask("kernels", "POST", {"name": name})["id"]
        try:
            results[name] = asyncio.run(asyncio.wait_for(say(kernel, CODE), SECONDS)).strip()
        except TimeoutError:
            results[name] = f"no answer after {SECONDS} s"
        finally:
            ask(f"kernels/{kernel}", "DELETE")
        print(f"{row['spec']['display_name']}: {results[name]}", flush=True)
    Path(os.environ["GPURIG_RESULTS"], "kernels.json").write_text(json.dumps(results, indent=1), encoding="utf-8")
    wrong = [name for name, said in results.items() if not said.startswith("45 ")]
    print(f"{len(results) - len(wrong)} of {len(results)} kernels compute")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
