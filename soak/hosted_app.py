"""An app for Kernel that writes down whatever it does, and leaves a process behind if nobody ends it."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["ACTION", "APP", "SDK", "Effect", "archive", "read_effects", "read_pids"]

APP: Final = "soak"
ACTION: Final = "record"
SDK: Final = "kernel==0.131.0"
_CODE: Final = """
import os, subprocess, time
import kernel

kernel.Kernel()
app = kernel.App("soak")
with open(os.environ["EFFECTS"] + ".pids", "a") as file:
    file.write(f"{os.getpid()}\\n")
effects = os.open(os.environ["EFFECTS"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


@app.action("record")
def record(ctx, payload):
    os.write(effects, f"{ctx.invocation_id} {payload['n']} VERSION\\n".encode())
    if payload["seconds"] > 0.1:
        child = subprocess.Popen(["/bin/sleep", os.environ["SLEEP"]], start_new_session=True)
        time.sleep(payload["seconds"])
        child.kill()
        child.wait()
    return {"n": payload["n"], "version": VERSION}
"""


class Effect(NamedTuple):
    """`number` of the payload."""

    invocation: str
    number: int
    version: int


def archive(version: int) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as file:
        file.writestr("main.py", _CODE.replace("VERSION", str(version)))
        file.writestr("requirements.txt", f"{SDK}\n")
    return made.getvalue()


def read_pids(effects: Path) -> set[int]:
    """Of the processes that have loaded the app."""
    return set(map(int, effects.with_name(f"{effects.name}.pids").read_text().split()))


def read_effects(path: Path) -> list[Effect]:
    if not path.exists():
        return []
    rows = [line.split() for line in path.read_text().splitlines()]
    return [Effect(invocation, int(number), int(version)) for invocation, number, version in rows]
