"""`stook webhooks`. A command's module is loaded when it runs or is asked for help."""

from __future__ import annotations

from cyclopts import App

from stook.cli.webhook_overview import COMMANDS, SUMMARY

__all__ = ["app"]

app = App(name="webhooks", help=SUMMARY)
for _command in COMMANDS:
    app.command(_command.place, name=_command.name)
