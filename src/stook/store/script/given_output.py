"""What executions came to because somebody else than their code said so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from stook.core.given_output import Form
from stook.store.statement import Each, Many

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.store.script.batch_row import BatchRow
    from stook.store.statement import Row, Script

__all__ = ["GIVEN", "WHOLE", "GivenOutputs", "put_output", "read_outputs"]

GIVEN: Final = 512
"""Bit of `batch.keyed`: there are rows in given_output."""
WHOLE: Final = -1
"""In the place of an index: what all came to that were cancelled with their batch."""


class GivenOutputs(msgspec.Struct):
    """`ended`, by (index, round): how the text stands in the result. `cancelled`, by index: the text; `since`: the
    outcome from which on those are meant that have none of their own."""

    ended: dict[tuple[int, int], Form] = msgspec.field(default_factory=dict)
    cancelled: dict[int, str | None] = msgspec.field(default_factory=dict)
    since: int = 0

    def of_cancelled(self, index: int, settle: int | None) -> str | None:
        if index in self.cancelled:
            return self.cancelled[index]
        return None if settle is None or settle < self.since else self.cancelled.get(WHOLE)


def put_output(batch: BatchRow, index: int, form: Form, text: str | None, *, round_: int | None = None) -> Script[None]:
    """The caller holds the batch's row and saves it. With `round_` it was ended so in that round, and its result has
    the text; None: it was cancelled, and the text is kept here."""
    batch.keyed |= GIVEN
    raw = None if text is None else text.encode(errors="surrogatepass")
    since = batch.settled if index == WHOLE else None
    yield Many("put_given_output", [(batch.id, index, round_, since, int(form), raw)])


def read_outputs(batch_id: bytes, indexes: Sequence[int]) -> Script[GivenOutputs]:
    """Of a batch that has some."""
    rows: list[Row] = yield Each("read_given_output", [(batch_id, index) for index in (WHOLE, *indexes)])
    found = GivenOutputs()
    for _, index, round_, since, form, raw in rows:
        found.since = since or found.since
        if round_ is None:
            found.cancelled[index] = None if raw is None else raw.decode(errors="surrogatepass")
        else:
            found.ended[index, round_] = Form(form)
    return found
