"""A receiver of webhooks, as a process of its own: `receiver_process.py FOLDER`.

It reads `secrets.txt` (one a line) and `status.txt` at each request, verifies with `standardwebhooks`, and writes what
came to received.jsonl, a line each: which of the secrets verify it, and the status it was answered with.
"""

from __future__ import annotations

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from standardwebhooks import Webhook, WebhookVerificationError

FOLDER = Path(sys.argv[1])


def verified(body, headers, secret):
    try:
        Webhook(secret).verify(body, headers)
    except WebhookVerificationError:
        return False
    return True


class Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = dict(self.headers)
        secrets = (FOLDER / "secrets.txt").read_text().split()
        status = int((FOLDER / "status.txt").read_text())
        line = {
            "path": self.path,
            "status": status,
            "verified": [number for number, one in enumerate(secrets) if verified(body, headers, one)],
            "headers": {name.lower(): value for name, value in headers.items()},
            "body": body.decode(),
        }
        with (FOLDER / "received.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")
        self.send_response(status)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_):
        pass


with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
    print(server.server_port, flush=True)
    server.serve_forever()
