"""Webhook endpoints and deliveries, as people read them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from stook.cli.figures import duration, moment, one_line
from stook.cli.tables import console_for, facts, table
from stook.core.webhook_events import DEFAULT_EVENTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from stook.cli.tables import Cell
    from stook.client.webhook_backend import ShownEndpoint
    from stook.engine.webhook_views import AttemptView, Delivery, DeliveryDetail, Endpoint

__all__ = ["delivery_table", "draw_detail", "draw_endpoint", "endpoint_table", "said_once"]

_LONGEST: Final = 2000


def endpoint_table(found: Sequence[Endpoint]) -> Table:
    return table(
        ("id", "*url", "status", "*events", "breaker", "secret"),
        (
            (
                view.id,
                one_line(view.url, 200),
                view.status,
                _events(view),
                view.breaker.state,
                view.secret_hint,
            )
            for view in found
        ),
    )


def draw_endpoint(view: Endpoint) -> None:
    console_for(sys.stdout).print(facts(_facts(view)))


def said_once(view: ShownEndpoint) -> list[str]:
    """The lines that show the secret."""
    lines = [f"{view.id}  {one_line(view.url)}", f"secret  {view.secret}  (shown this once)"]
    if view.library_secret != view.secret:
        lines.append(f"        {view.library_secret}  (the same, for libraries of Standard Webhooks)")
    return lines


def _events(view: Endpoint) -> str:
    return ", ".join(view.events) if view.events else "default"


def _facts(view: Endpoint) -> list[tuple[str, Cell]]:
    auth = f"header {view.auth.name}" if view.auth.kind == "header" else view.auth.kind
    found: list[tuple[str, Cell]] = [
        ("id", view.id),
        ("url", one_line(view.url)),
        ("description", one_line(view.description)),
        ("status", view.status if view.reason is None else f"{view.status}: {one_line(view.reason)}"),
        ("events", ", ".join(view.events or DEFAULT_EVENTS)),
        ("tasks", ", ".join(view.tasks) or "all"),
        ("batches", "all" if view.batches == "all" else "those submitted with its id"),
        ("auth", auth),
        ("signed by", ", ".join(view.schemes)),
        ("at once", str(view.max_concurrency)),
        ("breaker", _breaker(view)),
        ("secret", view.secret_hint),
        ("made", moment(view.created_at)),
        ("changed", moment(view.updated_at)),
    ]
    if view.held_until is not None:
        found.append(("held until", moment(view.held_until)))
    if view.old_secret_until is not None:
        found.append(("old secret until", moment(view.old_secret_until)))
    return found


def _breaker(view: Endpoint) -> str:
    breaker = view.breaker
    text: str = breaker.state
    if breaker.failures:
        text += f", {breaker.failures} failures in a row since {moment(breaker.since)}"
    return text if breaker.next_trial_at is None else f"{text}, next trial {moment(breaker.next_trial_at)}"


def delivery_table(found: Sequence[Delivery]) -> Table:
    return table(
        ("id", "event", "endpoint", "state", "#run", "#attempt", "#code", "*error", "made"),
        (
            (
                view.id,
                view.event,
                view.endpoint_id,
                view.state,
                str(view.run),
                str(view.attempt),
                "" if view.code is None else str(view.code),
                one_line(view.error or "", 200),
                moment(view.created_at),
            )
            for view in found
        ),
    )


def draw_detail(view: DeliveryDetail) -> None:
    one = view.delivery
    about: list[tuple[str, Cell]] = [
        ("id", one.id),
        ("event", f"{one.event}  {one.event_id}"),
        ("endpoint", one.endpoint_id),
        ("state", one.state if one.error is None else f"{one.state}: {one_line(one.error)}"),
        ("run", f"{one.run}, attempt {one.attempt}"),
        ("made", moment(one.created_at)),
    ]
    if one.public_batch_id is not None:
        about.append(("batch", one.public_batch_id))
    if one.public_execution_id is not None:
        about.append(("execution", one.public_execution_id))
    if one.next_at is not None:
        about.append(("next", moment(one.next_at)))
    console = console_for(sys.stdout)
    console.print(facts(about))
    console.print(f"\n{one_line(view.body.decode(errors='replace'), _LONGEST)}")
    for attempt in view.attempts:
        _draw_attempt(attempt)


def _draw_attempt(view: AttemptView) -> None:
    console = console_for(sys.stdout)
    said = f"answered {view.code}" if view.code is not None else "no answer"
    console.print(f"\nrun {view.run}, attempt {view.attempt}  {moment(view.at)}  {said}", end="")
    console.print(f" after {duration(view.duration / 1_000_000)}")
    if view.error is not None:
        console.print(f"  {one_line(view.error)}")
    console.print(facts((f"  {name}", one_line(value)) for name, value in view.headers.items()))
    if view.answer:
        console.print(f"  {one_line(view.answer.decode(errors='replace'), _LONGEST)}")
