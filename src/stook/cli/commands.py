"""The cyclopts App. A command's module is loaded when it runs or is asked for help."""

from __future__ import annotations

from cyclopts import App, Parameter

from stook import __version__
from stook.cli.overview import COMMANDS

__all__ = ["app"]


def _worth_saying(default: object) -> object:
    """A flag that is not given is off, a list is empty: nobody needs to read that."""
    return default if default not in (False, ()) else None


app = App(
    name="stook",
    help="Submit a million things in one call, see every one, retry only what failed.",
    version=f"stook {__version__}",
    help_format="plaintext",
    default_parameter=Parameter(negative=(), show_default=_worth_saying),
    suppress_keyboard_interrupt=False,
)
for _purpose, _commands in COMMANDS.items():
    for _command in _commands:
        app.command(_command.place, name=_command.name, group=_purpose)
app.register_install_completion_command()
