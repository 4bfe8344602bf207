"""Receives webhooks, and takes only what stook signed.

pip install standardwebhooks
WEBHOOK_SECRET=whsec_… python receiver.py                # listens on http://127.0.0.1:8000
"""

from __future__ import annotations

import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks import Webhook

WEBHOOK = Webhook(os.environ["WEBHOOK_SECRET"])


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        try:
            body = self.rfile.read(int(self.headers["content-length"]))
            event = WEBHOOK.verify(body, dict(self.headers))
            print(event["type"], event["id"], flush=True)  # the same id again is the same event
            self.send_response(204)
        except Exception:  # noqa: BLE001 - whatever is wrong with it, it is not from stook
            self.send_response(400)
        self.end_headers()


ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "8000"))), Receiver).serve_forever()
