"""A web server on the box that stands for one at the other end of a slow link: it sends a file of zeros at a rate.

`python3 slow_link.py PORT MEGABYTES RATE`: RATE in megabytes a second. What ends in .sha256 is that file's checksum.
"""

from __future__ import annotations

import hashlib
import http.server
import sys
import time

PORT, SIZE, RATE = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
MEGABYTE = bytes(10**6)
SUM = hashlib.sha256()
for _ in range(SIZE):
    SUM.update(MEGABYTE)


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers a request."""

    def do_GET(self) -> None:
        """Send the checksum at once, or the file bit by bit."""
        text = SUM.hexdigest().encode() if self.path.endswith(".sha256") else b""
        self.send_response(200)
        self.send_header("Content-Length", str(len(text) or SIZE * 10**6))
        self.end_headers()
        self.wfile.write(text)
        began = time.monotonic()
        for number in range(0 if text else SIZE):
            self.wfile.write(MEGABYTE)
            time.sleep(max(0.0, began + (number + 1) / RATE - time.monotonic()))


http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Handler).serve_forever()
