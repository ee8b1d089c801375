"""TensorBoard, behind a token."""

from __future__ import annotations

import os
from pathlib import Path

from absl import app
from locked import Locked
from tensorboard import default, main_lib, program


def main() -> None:
    """Serve what the command line's flags say."""
    main_lib.global_init()
    token = Path(os.environ.pop("TOKEN_FILE")).read_text(encoding="ascii")
    board = program.TensorBoard(
        plugins=default.get_plugins(),
        server_class=lambda application, flags: program.WerkzeugServer(Locked(application, token), flags),
    )
    app.run(board.main, flags_parser=board.configure)


if __name__ == "__main__":
    main()
