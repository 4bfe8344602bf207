"""`stook invoke`. A command's module is loaded when it runs or is asked for help."""

from __future__ import annotations

from typing import Final

from cyclopts import App

__all__ = ["BATCH", "app"]

BATCH: Final = "Invoke a hosted action of a Kernel app with each payload of an input."

app = App(name="invoke", help="Invoke a hosted action for every item of an input.")
app.command(
    "stook.cli.invoke_batch:invoke_batch",
    name="batch",
    help=BATCH,
)
