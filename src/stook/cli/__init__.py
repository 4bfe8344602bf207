"""The command line. `main` is the program `stook`; `app` is the cyclopts App with all its commands, made when it is
asked for, so that `stook --help` need not wait for it.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from stook.cli.overview import overview
from stook.cli.webhook_overview import webhook_overview

if TYPE_CHECKING:
    from collections.abc import Sequence

    import cyclopts

    app: cyclopts.App

__all__ = ["app", "main"]

_OVERVIEW: Final[tuple[list[str], ...]] = ([], ["--help"], ["-h"], ["help"])
_WEBHOOKS: Final = (["webhooks"], ["webhooks", "--help"], ["webhooks", "-h"])
_VERSION: Final = (["--version"], ["version"])


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command line and returns the exit code (`stook.cli.exits`). Every failure is one line on standard
    error; standard output holds what was asked for and nothing else."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given in _OVERVIEW:
        sys.stdout.write(overview())
        return 0
    if given in _WEBHOOKS:
        sys.stdout.write(webhook_overview())
        return 0
    if given in _VERSION:
        from stook import __version__

        sys.stdout.write(f"stook {__version__}\n")
        return 0
    from stook.cli.dispatch import dispatch

    return dispatch(given)


def __getattr__(name: str) -> object:
    if name == "app":
        from stook.cli.commands import app

        return app
    raise AttributeError(f"module 'stook.cli' has no attribute {name!r}")
