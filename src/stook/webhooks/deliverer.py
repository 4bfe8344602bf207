"""Deliveries are executions of a task of stook's own; this is its handler.

begin ──▶ send ──▶ record ──▶ Done: it succeeded     Retry: due again later     Dead: it failed for good
"""

from __future__ import annotations

import asyncio
import logging
import random
from typing import TYPE_CHECKING, Final, assert_never

import msgspec

from stook.core.errors import ConfigError, OptionError, SecretUnreadable, StoreUnavailable
from stook.core.policy import TaskPolicy
from stook.core.webhook_events import QUEUE, TASK, sent_id
from stook.engine.deliveries import Attempted, Dead, Done, Held, Retry
from stook.webhooks.letter import Letter, check_auth
from stook.worker.backoff import pause_after
from stook.worker.definition import define
from stook.worker.verdicts import NonRetryable, RetryAfter

if TYPE_CHECKING:
    from collections.abc import Callable

    from stook.engine.deliveries import Deliveries, Sending, Verdict
    from stook.webhooks.sealer import Sealer
    from stook.webhooks.sender import Sender
    from stook.worker.definition import TaskDefinition

__all__ = ["SLOTS", "Carried", "Deliverer"]

log = logging.getLogger("stook.webhooks")
SLOTS: Final = 256
"""Attempts at once in one process. Each is little but waiting."""


class Carried(msgspec.Struct, frozen=True):
    """The payload of an execution that carries a delivery. `run` counts replays."""

    delivery: str
    run: int


class Deliverer:
    """`draw` is uniform in [0, 1): it spreads retries."""

    def __init__(
        self, deliveries: Deliveries, sealer: Sealer, sender: Sender, *, draw: Callable[[], float] = random.random
    ) -> None:
        self._deliveries = deliveries
        self._sealer = sealer
        self._sender = sender
        self._draw = draw

    def definition(self) -> TaskDefinition:
        """What a worker runs. The policy is that of each batch, which the store wrote."""
        return define(self.deliver, name=TASK, policy=TaskPolicy(queue=QUEUE))

    async def deliver(self, carried: Carried) -> None:
        """One attempt. Sent before it is recorded: a process that dies between the two sends once more."""
        sending = await self._deliveries.begin(carried.delivery, carried.run)
        if sending is None:
            return
        if isinstance(sending, Held):
            raise RetryAfter(sending.delay, "its endpoint may not be called now")
        try:
            letter = self._letter(sending)
        except (SecretUnreadable, ConfigError, OptionError) as error:
            log.error("cannot sign for webhook endpoint %s: %s", sending.endpoint_id, error)  # noqa: TRY400 - it is one line
            tried = Attempted(headers={}, code=None, error=f"secret_unreadable: {error}", duration=0)
        else:
            tried = await self._sender.send(letter)
        verdict = await self._record(carried, sending.attempt, tried)
        match verdict:
            case Done():
                return
            case Retry(delay):
                raise RetryAfter(delay, tried.error)
            case Dead(reason):
                raise NonRetryable(reason)
            case _:
                assert_never(verdict)

    def _letter(self, sending: Sending) -> Letter:
        sealed = [sending.secret] if sending.old_secret is None else [sending.secret, sending.old_secret]
        value = None if sending.auth_value is None else self._opened(sending.auth_value)
        return Letter(
            event_id=sent_id(sending.event_id, sending.event),
            body=sending.body,
            attempt=sending.attempt,
            url=sending.url,
            schemes=sending.schemes,
            secrets=[self._opened(one) for one in sealed],
            auth=check_auth(sending.auth_kind, sending.auth_name, value),
        )

    def _opened(self, sealed: bytes) -> str:
        return self._sealer.open(sealed).decode()

    async def _record(self, carried: Carried, attempt: int, tried: Attempted) -> Verdict:
        """While the store is away it is asked again: what was sent once shall not be sent again for that."""
        failures = 0
        while True:
            try:
                return await self._deliveries.record(carried.delivery, carried.run, attempt, tried, self._draw())
            except StoreUnavailable as error:
                failures += 1
                log.warning("cannot record an attempt of delivery %s, trying on: %s", carried.delivery, error)
                await asyncio.sleep(pause_after(failures))
