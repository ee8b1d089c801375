"""Runs one Pulumi program; a script of its own, for the project's interpreter, which need not see this package.

It does what Pulumi's language host does: connects the SDK to the engine, runs the program's folder (or file) as
``__main__``, and turns what it raises into messages. Exit codes: 0 well, 1 a RunError, 32 any other exception (shown),
2 no SDK. The configuration comes in PULUMI_CONFIG.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import runpy
import sys
import threading
import time
import traceback
from concurrent import futures
from pathlib import Path
from typing import Any

SHOWN = 32


def _connect(settings: dict[str, Any]) -> None:
    import pulumi.runtime  # noqa: PLC0415  after the check that it is there

    runtime = pulumi.runtime
    runtime.set_all_config(runtime.get_config_env())
    runtime.configure(runtime.Settings(**settings))


def _users_part(error: BaseException, program: str) -> str:
    """Give the traceback from the user's own first frame on."""
    frames = traceback.extract_tb(error.__traceback__)
    folder = str(Path(program).resolve())
    first = next((i for i, frame in enumerate(frames) if str(Path(frame.filename).resolve()).startswith(folder)), 0)
    return "".join(traceback.format_exception(error, limit=first - len(frames)))


def _end_with(engine: int) -> None:
    """End this process once the engine is gone: one that was killed says no goodbye, and the SDK waits for it."""
    while os.getppid() == engine:
        time.sleep(1)
    os._exit(1)


def main() -> int:
    """Run ``argv[1]``, a path, with ``argv[2]``, the SDK's settings as JSON."""
    program, settings = sys.argv[1], json.loads(sys.argv[2])
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    try:
        import pulumi  # noqa: PLC0415  its absence is a message
    except ImportError:
        traceback.print_exc()
        print("the Pulumi SDK is not installed for this interpreter: install the project's requirements first")
        return 2
    _connect(settings)
    sys.argv = [program]
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    executor = futures.ThreadPoolExecutor(max_workers=4 * settings["parallel"])
    loop.set_default_executor(executor)
    # A program that fails leaves futures that nobody awaits; asyncio's complaints would bury the user's error.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)

    def run() -> None:
        runpy.run_path(program, run_name="__main__")

    try:
        loop.run_until_complete(pulumi.runtime.run_in_stack(run))
    except pulumi.RunError as error:
        pulumi.log.error(str(error))
        return 1
    except Exception as error:  # noqa: BLE001  whatever the program raises is the user's to read
        pulumi.log.error("Program failed with an unhandled exception:\n" + _users_part(error, program))
        return SHOWN
    finally:
        executor.shutdown(wait=True)
        loop.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
