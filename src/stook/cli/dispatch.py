"""One command line from its words to its exit code, whatever happens on the way."""

from __future__ import annotations

import contextlib
import os
import sys
from io import TextIOWrapper
from typing import TYPE_CHECKING

from cyclopts import CycloptsError

from stook.cli.commands import app
from stook.cli.exits import Exit, exit_of_error
from stook.cli.webhook_overview import COMMANDS
from stook.core.errors import StookError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["dispatch", "say"]


def dispatch(arguments: Sequence[str]) -> int:
    _print_anything()
    try:
        code = _run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        _forget_output()
        return Exit.PIPE
    except OSError as error:
        _forget_output()
        place = "" if error.filename is None else f"{error.filename}: "
        say(f"{place}{error.strerror or error}")
        return Exit.STORE
    return code


def say(text: str) -> None:
    """One line to the person at the terminal, beside the output."""
    with contextlib.suppress(BrokenPipeError):
        print(f"stook: {' '.join(text.split())}", file=sys.stderr, flush=True)


def _run(arguments: Sequence[str]) -> int:
    try:
        code = app(arguments, exit_on_error=False, print_error=False, result_action="return_value")
    except CycloptsError as error:
        say(f"{error} (`stook {_known_command(arguments)}--help` says what there is)")
        return Exit.WRONG
    except StookError as error:
        say(str(error))
        return exit_of_error(error)
    except KeyboardInterrupt:
        say("interrupted")
        return Exit.INTERRUPTED
    return int(code or 0)


def _known_command(arguments: Sequence[str]) -> str:
    if not arguments or arguments[0] not in app:
        return ""
    if arguments[0] == "webhooks" and any(one.name in arguments[1:2] for one in COMMANDS):
        return f"webhooks {arguments[1]} "
    return f"{arguments[0]} "


def _print_anything() -> None:
    """Users' messages hold what they hold: no terminal's encoding is a reason to fail."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _forget_output() -> None:
    """The interpreter flushes standard output once more at its end, where nobody could catch the error."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
