"""The commands behind `stook webhooks`: what `stook webhooks --help` shows, from this table alone."""

from __future__ import annotations

from typing import Final

from stook.cli.overview import Command

__all__ = ["COMMANDS", "SUMMARY", "webhook_overview"]

SUMMARY: Final = "Say where events are sent, and see what became of it."
COMMANDS: Final = (
    Command("list", "stook.cli.webhook_endpoints:list_endpoints", "List endpoints, oldest first."),
    Command("add", "stook.cli.webhook_endpoints:add", "Make an endpoint; its secret is shown this once."),
    Command("show", "stook.cli.webhook_endpoints:show", "Show one endpoint."),
    Command("update", "stook.cli.webhook_endpoints:update", "Change an endpoint; what is not given stays."),
    Command("rotate", "stook.cli.webhook_acts:rotate", "Give an endpoint a new secret, shown this once."),
    Command("test", "stook.cli.webhook_acts:send_test", "Send an endpoint a webhook.test event."),
    Command("enable", "stook.cli.webhook_acts:enable", "Send events to an endpoint again."),
    Command("disable", "stook.cli.webhook_acts:disable", "Send nothing more to an endpoint; its events are kept."),
    Command("remove", "stook.cli.webhook_acts:remove", "Remove an endpoint; what waits for it is given up."),
    Command("deliveries", "stook.cli.webhook_log:deliveries", "List what was sent, newest first."),
    Command("delivery", "stook.cli.webhook_log:delivery", "Show one delivery: what was sent, and what came back."),
    Command("replay", "stook.cli.webhook_acts:replay", "Send again: one delivery, or many of an endpoint."),
    Command("new-key", "stook.cli.webhook_acts:new_key", "Print a new key to encrypt secrets with."),
)


def webhook_overview() -> str:
    lines = [
        f"stook webhooks: {SUMMARY}",
        "",
        "Usage: stook webhooks COMMAND …        stook webhooks COMMAND --help tells all about one",
        "",
        *(f"  {one.name:<10} {one.summary}" for one in COMMANDS),
        "",
        "A first use:  stook webhooks add https://hooks.example.com/stook",
    ]
    return "\n".join(lines) + "\n"
