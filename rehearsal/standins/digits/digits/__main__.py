"""`python -m digits -p 5000`: DIGITS' own start line."""

import argparse

from gevent import monkey

monkey.patch_all()

from flask_socketio import SocketIO  # noqa: E402 - DIGITS patches first, too

from digits.webapp import app  # noqa: E402


def main() -> None:
    """Serve until SIGINT."""
    parser = argparse.ArgumentParser(prog="digits", description="a stand-in for DIGITS")
    parser.add_argument("-p", "--port", type=int, default=5000, help="port to listen on")
    port = parser.parse_args().port
    print(f"DIGITS (STAND-IN) on port {port}, jobs in {app.config['JOBS_DIR']}", flush=True)
    try:
        SocketIO(app, async_mode="gevent").run(app, "0.0.0.0", port)  # noqa: S104 - DIGITS listens everywhere: the security group decides
    except KeyboardInterrupt:
        print("DIGITS (STAND-IN) stops", flush=True)


if __name__ == "__main__":
    main()
