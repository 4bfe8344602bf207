"""Options of commands that serve."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

from cyclopts import Parameter

__all__ = ["LISTEN", "HostingOption", "Listen", "StoreOption"]

StoreOption = Annotated[
    str | None,
    Parameter(help="sqlite:///FILE (or just FILE) or postgresql://…; else STOOK_URL, else stook.db in this folder."),
]

HostingOption = Annotated[
    bool | None,
    Parameter(
        help="Build and serve what was deployed, in processes of its own; else STOOK_HOSTING says.",
        negative="--no-hosting",
    ),
]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Listen:
    """Where it answers."""

    host: Annotated[str, Parameter(help="The address to listen on; 127.0.0.1 is this machine alone.")] = "127.0.0.1"
    port: Annotated[int, Parameter(help="The port; 0 picks a free one.")] = 8484
    ready_file: Annotated[
        Path | None,
        Parameter(help='A file that appears once it answers: JSON {"url", "key", "pid"}, key null if it is not new.'),
    ] = None
    grace: Annotated[
        float, Parameter(help="Seconds that running handlers and requests have to end after Ctrl-C or SIGTERM.")
    ] = 30.0


LISTEN: Final = Listen()
