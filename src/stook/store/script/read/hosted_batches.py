"""Batches and carriers of hosted code, in the order of their ids, passed over whole where their counters allow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from stook.core.hosted import Dialect
from stook.core.states import TERMINAL, State
from stook.store.script.hosted_place import BITS, LIVE_BATCH, LIVE_SINGLE, HostedPlace
from stook.store.script.read.storable import storable
from stook.store.statement import All, Each

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stook.store.statement import Row, Script

__all__ = ["HostedFilter", "HostedRow", "find_hosted_prefix", "hosted_rows", "read_hosted_row"]

_BITE: Final = 500
_FIRST: Final = bytes(16)
_LAST: Final = b"\xff" * 16
_LATEST: Final = 2**48 - 1
_SKEW: Final = 3600 * 1_000_000
"""Microseconds: ids are made beside the database's clock, and sort by it no better than this."""
_LIVE: Final = frozenset(State) - TERMINAL
_LIVE_BIT: Final = 16
_ALL_BITS: Final = _LIVE_BIT | sum(BITS.values())
_HOW: Final = ("list_hosted_ended", "list_hosted_ended_oldest")
_OF_PROJECT: Final = ("list_hosted_batches", "list_hosted_batches_oldest")
_OF_APP: Final = ("list_hosted_app", "list_hosted_app_oldest")
_OF_DEPLOYMENT: Final = ("list_hosted_deployment", "list_hosted_deployment_oldest")


class HostedFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Joined by and; what is None lets everything pass. `begun`: an attempt has, or has not, started. `since`: created
    then (microseconds) or later; `until`: before. `query` is some of the name of the app or the action, whatever its
    case, or an id's beginning."""

    dialect: Dialect
    app: str | None = None
    action: str | None = None
    label: str | None = None
    deployment_id: str | None = None
    batch_id: bytes | None = None
    states: frozenset[State] | None = None
    begun: bool | None = None
    since: int | None = None
    until: int | None = None
    query: str | None = None
    singles: bool = True

    @property
    def possible(self) -> bool:
        texts = (self.app, self.action, self.label, self.deployment_id, self.query)
        return all(text is None or storable(text) for text in texts)

    @property
    def prefix(self) -> str | None:
        """Of an id's 32 digits, where `query` may be that."""
        return None if self.query is None else hex_prefix(self.query)


class HostedRow(msgspec.Struct, gc=False):
    """Columns of `list_hosted_batches.sql`."""

    batch_id: bytes
    project: str
    dialect: Dialect
    app: str
    action: str
    label: str
    version_id: str
    deployment_id: str
    single: int
    keyed: int
    phase: str
    total: int
    succeeded: int
    failed: int
    cancelled: int
    expired: int
    created_at: int

    @property
    def place(self) -> HostedPlace:
        return HostedPlace(self.dialect, self.app, self.action, self.label, self.version_id, self.deployment_id)

    def within(self, by: HostedFilter) -> range | None:
        """The indexes that the filters leave, whatever their states; None: none of them."""
        if (
            by.query is None
            or by.query.casefold() in self.app.casefold()
            or by.query.casefold() in self.action.casefold()
        ):
            return range(self.total)
        prefix, own = by.prefix, self.batch_id.hex()[:24]
        if prefix is None or prefix[:24] != own[: len(prefix)]:
            return None
        low, high = _span(prefix)
        first, last = int(low[24:], 16), int(high[24:], 16)
        return range(first, min(last + 1, self.total)) if first < self.total else None

    def count(self, by: HostedFilter) -> int | None:
        """How many of its executions the filters on states let pass; None: the counters do not say."""
        if by.states is None and by.begun is None:
            return self.total
        states = _LIVE | TERMINAL if by.states is None else by.states
        ended = self.succeeded + self.failed + self.cancelled + self.expired
        if by.begun is not None and (ended < self.total or states & TERMINAL):
            return None
        found: int = sum(getattr(self, state.name) for state in states & TERMINAL)
        if states & _LIVE and ended < self.total:
            if not states >= _LIVE - {State.cancelling}:
                return None
            found += self.total - ended
        return found


def hosted_rows(
    project: str, by: HostedFilter, *, newest: bool, behind: bytes | None, bite: int = _BITE
) -> Script[tuple[list[HostedRow], bytes | None]]:
    """The next of those that may have something, and the id behind which to go on; None: these were the last."""
    if not by.possible:
        return [], None
    if by.batch_id is not None:
        row = yield from read_hosted_row(by.batch_id)
        here = row is not None and row.project == project and _passes(row, by)
        return ([row] if row is not None and here else []), None
    at = behind if behind is not None else _begin(by, newest=newest)
    if by.app is not None and by.deployment_id is None and _wanted(by) != _ALL_BITS:
        rows, more = yield from _ended_rows(project, by, at, newest=newest, bite=bite)
        return [one for one in rows if _passes(one, by)], _unless_past(rows, more, by, newest=newest)
    where: tuple[object, ...] = (at, _wanted(by), by.action, by.label, int(by.singles), bite)
    if by.deployment_id is not None:
        names, where = _OF_DEPLOYMENT, (*where, by.deployment_id)
    elif by.app is not None:
        names, where = _OF_APP, (project, by.dialect, *where, by.app)
    else:
        names, where = _OF_PROJECT, (project, by.dialect, *where)
    found: list[Row] = yield All(names[0] if newest else names[1], where)
    rows = [HostedRow(*one) for one in found]
    more = rows[-1].batch_id if len(rows) == bite else None
    passed = [one for one in rows if one.project == project and _passes(one, by)]
    return passed, _unless_past(rows, more, by, newest=newest)


def _ended_rows(
    project: str, by: HostedFilter, at: bytes, *, newest: bool, bite: int
) -> Script[tuple[list[HostedRow], bytes | None]]:
    """Of each way to end that may be wanted the next ones, put in order."""
    wanted = _wanted(by)
    ended = wanted & ~_LIVE_BIT
    marks = [mark for mark in range(1, LIVE_BATCH) if mark & ended]
    marks += [LIVE_BATCH, LIVE_SINGLE] if wanted & _LIVE_BIT else [LIVE_BATCH]
    rest = (at, wanted, by.action, by.label, int(by.singles), bite)
    found: list[Row] = yield Each(
        _HOW[0 if newest else 1], [(project, by.dialect, by.app, one, *rest) for one in marks]
    )
    rows = sorted((HostedRow(*one) for one in found), key=lambda one: one.batch_id, reverse=newest)[:bite]
    return rows, rows[-1].batch_id if len(rows) == bite else None


def _begin(by: HostedFilter, *, newest: bool) -> bytes:
    """An id before which there can be nothing."""
    at = by.until if newest else by.since
    if at is None:
        return _LAST if newest else _FIRST
    millis = (at + _SKEW if newest else at - _SKEW) // 1000
    return (min(max(millis, 0), _LATEST) << 80).to_bytes(16, "big")


def _unless_past(rows: list[HostedRow], more: bytes | None, by: HostedFilter, *, newest: bool) -> bytes | None:
    """None: what follows was created too early, or too late."""
    if more is None:
        return None
    last, end = rows[-1].created_at, by.since if newest else by.until
    past = end is not None and (last < end - _SKEW if newest else last > end + _SKEW)
    return None if past else more


def read_hosted_row(batch_id: bytes) -> Script[HostedRow | None]:
    rows: list[Row] = yield Each("read_hosted_batch", [(batch_id,)])
    return HostedRow(*rows[0]) if rows else None


def find_hosted_prefix(project: str, dialect: Dialect, text: str, most: int) -> Script[list[tuple[bytes, int]]]:
    """(batch, index) of executions whose id begins so, the newest first."""
    prefix = hex_prefix(text)
    if prefix is None:
        return []
    low, high = _span(prefix)
    begin, end = bytes.fromhex(low[:24] + "0" * 8), bytes.fromhex(high[:24] + "0" * 8)
    rows: list[Row] = yield All("find_hosted_prefix", (project, dialect, begin, end, most))
    return list(_places(rows, int(low[24:], 16), int(high[24:], 16), most))


def hex_prefix(text: str) -> str | None:
    """The digits of the beginning of an id; None: no id begins so."""
    digits = text.replace("-", "").lower()
    return digits if 0 < len(digits) <= 32 and not digits.strip("0123456789abcdef") else None  # noqa: PLR2004


def _span(prefix: str) -> tuple[str, str]:
    return prefix.ljust(32, "0"), prefix.ljust(32, "f")


def _places(rows: list[Row], low: int, high: int, most: int) -> Iterator[tuple[bytes, int]]:
    left = most
    for batch_id, total in rows:
        for index in range(min(high, total - 1), low - 1, -1):
            if not left:
                return
            yield batch_id, index
            left -= 1


def _wanted(by: HostedFilter) -> int:
    if by.states is None:
        return _ALL_BITS
    return sum(BITS[state] for state in by.states & TERMINAL) | (_LIVE_BIT if by.states & _LIVE else 0)


def _passes(row: HostedRow, by: HostedFilter) -> bool:
    return (
        row.dialect == by.dialect
        and by.app in (None, row.app)
        and by.action in (None, row.action)
        and by.label in (None, row.label)
        and by.deployment_id in (None, row.deployment_id)
        and (by.since is None or row.created_at >= by.since)
        and (by.until is None or row.created_at < by.until)
        and (by.singles or not row.single)
        and row.within(by) is not None
    )
