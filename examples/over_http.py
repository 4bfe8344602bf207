"""A batch over HTTP with the standard library alone: a file goes in, progress and results come out.

stook up orders.py                                       # prints the address and, the first time, a key
STOOK_SERVER=http://127.0.0.1:8484 STOOK_KEY=stk_… python over_http.py
"""

from __future__ import annotations

import json
import os
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

API = os.environ["STOOK_SERVER"] + "/api/v1"
KEY = os.environ["STOOK_KEY"]


def ask(path: str, body: bytes | None = None, **headers: str) -> Any:
    """The open answer."""
    headers["Authorization"] = f"Bearer {KEY}"
    request = urllib.request.Request(API + path, body, headers)  # noqa: S310 - the address is ours
    return urllib.request.urlopen(request, timeout=60)  # noqa: S310


def submit(file: Path) -> dict[str, Any]:
    """Sent twice it is one batch: the key says so."""
    query = urllib.parse.urlencode({"task": "orders.price", "key": "order_id", "name": file.name})
    headers = {"Content-Type": "text/csv", "Idempotency-Key": f"{file.name} of today"}
    batch: dict[str, Any] = json.load(ask(f"/batches?{query}", file.read_bytes(), **headers))
    return batch


def follow(batch_id: str) -> dict[str, Any]:
    """Prints progress until the end. A line that is cut, by a server that is restarted too, is taken up again."""
    last, event = "0", ""
    while True:
        try:
            with ask(f"/batches/{batch_id}/follow?settled=false", **{"Last-Event-ID": last}) as lines:
                for raw in lines:
                    name, _, value = raw.decode().rstrip("\n").partition(": ")
                    if name == "id":
                        last = value
                    elif name == "event":
                        event = value
                    elif name == "data" and event in ("snapshot", "progress", "end"):
                        batch = json.loads(value)
                        print(f"{batch['settled']} of {batch['total']} settled, {batch['counters']['failed']} failed")
                        if event == "end":
                            return dict(batch)
        except urllib.error.HTTPError as error:
            if error.code < 500:  # noqa: PLR2004 - what no second try mends
                raise
            print(f"not now: {error}")
        except OSError as error:
            print(f"cut off, trying again: {error}")
        time.sleep(1)


def main() -> None:
    batch = submit(Path("orders.csv"))
    print(f"batch {batch['id']}")
    ended = follow(batch["id"])
    for group in json.load(ask(f"/batches/{batch['id']}/failures"))["data"]:
        print(f"{group['failed']:>4} × {group['message']}")
    with ask(f"/batches/{batch['id']}/results?format=csv") as results:
        Path("priced.csv").write_bytes(results.read())
    print(f"{ended['state']}: priced.csv")


if __name__ == "__main__":
    main()
