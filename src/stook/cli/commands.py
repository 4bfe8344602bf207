"""The cyclopts App. A command's module is loaded when it runs or is asked for help."""

from __future__ import annotations

from cyclopts import App

from stook import __version__
from stook.cli.overview import COMMANDS

__all__ = ["app"]

app = App(
    name="stook",
    help="Submit a million things in one call, see every one, retry only what failed.",
    version=f"stook {__version__}",
    help_format="plaintext",
    suppress_keyboard_interrupt=False,
)
for _purpose, _commands in COMMANDS.items():
    for _command in _commands:
        app.command(_command.place, name=_command.name, group=_purpose)
app.register_install_completion_command()
