"""A verb in the caller's transaction, on PostgreSQL.

    (begin)        only where each statement would commit itself
    what is set there; whether the schema is
    savepoint ── search_path is the schema
       the verb's statements; writes that nobody waits for together
       what it notifies: PostgreSQL keeps it until the caller's commit
       search_path as it was
    release        or, whatever raised, rollback to the savepoint: nothing of the verb has happened
    (commit)

The bare names of tables need the search path. It is set for the transaction and put back within it, so no statement of
the caller meets another than its own. Temporary tables of the caller come last: one named like ours is not meant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar, assert_never

from stook.core.errors import NotInstalled, OptionError, SchemaTooNew, StookError, StoreUnavailable
from stook.store.foreign.ask import Ask
from stook.store.foreign.errors import TAKEN, sqlstate_of, translate
from stook.store.migrations import migrations
from stook.store.postgres.guards import key_of
from stook.store.postgres.listen import heard_as, packed
from stook.store.postgres.texts import apart, merged, texts
from stook.store.statement import All, Each, Guard, LookAgain, Many, Notify, Now, Run, Shortcut, TryGuard

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stook.store.foreign.ask import Asking
    from stook.store.postgres.texts import Text
    from stook.store.statement import Row, Script, Statement

__all__ = ["on_postgres"]

T = TypeVar("T")
PLACE: Final = "the connection's database"
_FACTS: Final = """
select current_setting('search_path'), current_setting('client_encoding'),
       current_setting('transaction_isolation'), current_setting('transaction_read_only'), current_database()::text,
       exists (select from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
               where n.nspname = $1 and c.relname = 'migration')"""
_ENTER: Final = 'select set_config($1, $2, true), max(number) from "{schema}".migration'
_NOW: Final = "select (extract(epoch from clock_timestamp()) * 1000000)::bigint"
_GUARD: Final = "select pg_advisory_xact_lock(key) from unnest($1::bigint[]) key"
_TRY_GUARD: Final = "select key from unnest($1::bigint[]) key where pg_try_advisory_xact_lock(key)"
_SAVEPOINT: Final = "savepoint stook_verb"
_UNDO: Final = "rollback to savepoint stook_verb"
_RELEASE: Final = "release savepoint stook_verb"
_MOST: Final = 3
"""So often somebody else may have been a moment faster."""


def on_postgres(
    make: Callable[[], Script[T]], *, schema: str, clock: Callable[[], int] | None, alone: bool
) -> Asking[T]:
    """`alone`: no transaction is under way and none would be begun, so it gets one of its own."""
    if alone:
        yield Ask("begin", counted=True)
    try:
        answer = yield from _joined(make, schema, clock)
    except BaseException:
        if alone:
            yield from _quietly("rollback")
        raise
    if alone:
        yield Ask("commit", counted=True)
    return answer


def _joined(make: Callable[[], Script[T]], schema: str, clock: Callable[[], int] | None) -> Asking[T]:
    try:
        facts = (yield Ask(_FACTS, (schema,))).rows[0]
    except Exception as error:  # noqa: BLE001 - `_told` raises what is not the database's as it is
        _told(error)
    path, encoding, isolation, read_only, database, installed = facts
    place = f"the connection's database {database}"
    if encoding != "UTF8":
        raise OptionError(f"connection: its client_encoding is {encoding}", hint="stook's text needs UTF8")
    if not installed:
        raise NotInstalled(
            f"{place} has no schema {schema} of stook",
            hint="pass a connection to the app's own database, or install it there: await app.ensure_installed()",
        )
    tries = _MOST if isolation == "read committed" and read_only == "off" else 1
    while True:
        tries -= 1
        yield Ask(_SAVEPOINT, counted=True)
        try:
            answer = yield from _driven(make(), schema, clock, path, place)
        except BaseException as error:  # noqa: BLE001 - `_told` raises it again
            yield from _quietly(_UNDO)
            yield from _quietly(_RELEASE)
            if not tries or not (isinstance(error, LookAgain) or sqlstate_of(error) == TAKEN):
                _told(error, place)
        else:
            yield Ask(_RELEASE, counted=True)
            return answer


def _quietly(sql: str) -> Asking[None]:
    """What went wrong before is what the caller hears."""
    try:
        yield Ask(sql, counted=True)
    except Exception:  # noqa: BLE001 - the connection may be gone, and the transaction with it
        return


def _told(error: BaseException, place: str = PLACE) -> NoReturn:
    if isinstance(error, LookAgain):
        raise StoreUnavailable(f"{place}: other transactions were in the way: {error}", hint="try again") from None
    known = None if isinstance(error, StookError) else translate(error, place)
    if known is None:
        raise error
    raise known from error


def _driven(script: Script[T], schema: str, clock: Callable[[], int] | None, path: str, place: str) -> Asking[T]:
    rows = (yield Ask(_ENTER.format(schema=schema), ("search_path", f'"{schema}", pg_temp'))).rows
    _check_version(rows[0][1], place)
    verb = _Verb(schema, clock)
    found = yield from verb.run(script)
    yield from _notified(verb.topics, schema)
    yield Ask("select set_config($1, $2, true)", ("search_path", path))
    return found


def _notified(topics: set[str], schema: str) -> Asking[None]:
    if topics:
        payloads = [*packed(sorted({heard_as(topic) for topic in topics}))]
        yield Ask(
            "select pg_catalog.pg_notify($1, payload) from unnest($2::text[]) payload", (f"stook_{schema}", payloads)
        )


def _check_version(there: int | None, place: str) -> None:
    known = migrations("stook.store.postgres")[-1].number
    if there is None or there < known:
        raise NotInstalled(
            f"{place} has stook's schema {there or 0}, this program needs {known}",
            hint="upgrade it: await app.ensure_installed()",
        )
    if there > known:
        raise SchemaTooNew(f"{place} has schema {there}, this stook knows up to {known}", hint="upgrade stook here")


class _Verb:
    def __init__(self, schema: str, clock: Callable[[], int] | None) -> None:
        self.topics: set[str] = set()
        self._schema = schema
        self._clock = clock
        self._held_back: list[tuple[Text, Sequence[Row]]] = []

    def run(self, script: Script[T]) -> Asking[T]:
        answer: Any = None
        try:
            while True:
                try:
                    statement = script.send(answer)
                except StopIteration as done:
                    yield from self._flush()
                    found: T = done.value
                    return found
                answer = yield from self._answer(statement)
        finally:
            script.close()

    def _answer(self, statement: Statement) -> Asking[Any]:  # noqa: C901 - a case for each kind
        match statement:
            case All(name, params):
                return (yield from self._rows(texts()[name], texts()[name].sql, params))
            case Each(name, rows):
                return (yield from self._rows(texts()[name], *_sent_as(texts()[name], rows))) if rows else []
            case Many(name, rows):
                if rows:
                    yield from self._hold_back(texts()[name], rows)
            case Run(name, params):
                yield from self._before(texts()[name])
                return (yield Ask(texts()[name].sql, params, counted=True)).count
            case Now():
                return self._clock() if self._clock is not None else (yield Ask(_NOW)).rows[0][0]
            case Guard(names):
                if names:
                    yield Ask(_GUARD, (sorted({key_of(self._schema, name) for name in names}),))
            case TryGuard(names):
                keys = {name: key_of(self._schema, name) for name in names}
                free = {row[0] for row in (yield Ask(_TRY_GUARD, (sorted(set(keys.values())),))).rows}
                return frozenset(name for name, key in keys.items() if key in free)
            case Shortcut():
                pass  # the transaction is the caller's, and goes on
            case Notify(names):
                self.topics.update(names)
            case _:
                assert_never(statement)
        return None

    def _flush(self) -> Asking[None]:
        held_back, self._held_back = self._held_back, []
        if held_back:
            writes: list[tuple[str, int]] = []
            params: list[Any] = []
            for text, rows in held_back:
                sql, given = _sent_as(text, rows)
                writes.append((sql, text.params))
                params += given
            yield Ask(merged(tuple(writes), receipt=False), params)

    def _rows(self, text: Text, sql: str, params: Sequence[Any]) -> Asking[list[tuple[Any, ...]]]:
        yield from self._before(text)
        rows = (yield Ask(sql, params)).rows
        return [tuple(row[:-1]) for row in rows] if text.clocked else [tuple(row) for row in rows]

    def _hold_back(self, text: Text, rows: Sequence[Row]) -> Asking[None]:
        yield from self._before(text)
        self._held_back.append((text, rows))

    def _before(self, text: Text) -> Asking[None]:
        if not all(apart(text, other) for other, _ in self._held_back):
            yield from self._flush()


def _sent_as(text: Text, rows: Sequence[Row]) -> tuple[str, Sequence[Any]]:
    if len(rows) == 1 and text.for_one is not None:
        return text.for_one, rows[0]
    return text.sql, list(zip(*rows, strict=True))
