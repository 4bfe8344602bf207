"""One `map` over HTTP.

a short list   ─▶ one body ─────────────────────────────▶ batch
a file         ─▶ its bytes, streamed ──────────────────▶ batch
anything else  ─▶ open ─▶ append at offset … ─▶ seal ───▶ batch
"""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterable, Iterable, Mapping
from collections.abc import Sequence as SequenceABC
from collections.abc import Set as AbstractSet
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final

from stook.client import calls
from stook.client.file_body import file_body
from stook.client.frames import rows_of
from stook.client.options import BATCH_OPTIONS, check_words
from stook.client.pieces import Packer, item_list, pieces_of
from stook.client.refused import problem_behind
from stook.client.transport import Lost
from stook.core.errors import (
    Conflict,
    DuplicateKeys,
    InputError,
    KeyConflict,
    OptionError,
    StookError,
    StoreUnavailable,
)
from stook.core.payload import encode

if TYPE_CHECKING:
    from stook.client.connection import Connection
    from stook.client.options import BatchOptions
    from stook.client.pieces import Piece
    from stook.wire.batch import Batch

__all__ = ["Submission"]

log = logging.getLogger("stook.client")
SMALL: Final = 50_000
SMALL_BYTES: Final = 16 * 1024 * 1024
"""What goes in one body."""
_OF_BATCH: Final = ("name", "priority", "deadline", "max_concurrency", "metadata", "webhooks")
_OF_ITEMS: Final = ("run_at", "delay", "expires_in")
_PAIRS: Final = 100


class Submission:
    def __init__(self, connection: Connection, task: str, options: BatchOptions) -> None:
        check_words(options, BATCH_OPTIONS)
        self._connection = connection
        self._task = task
        self._options = options
        self._key = options.get("idempotency_key") or calls.new_key()

    async def run(self, items: Any) -> Batch:
        """Durable when it returns. A bad item raises with its index; what was submitted before is then cancelled."""
        if isinstance(items, str | os.PathLike):
            return await self._file(items)
        frame = rows_of(items)
        if frame is not None:
            return await self._streamed(frame)
        if isinstance(items, bytes | bytearray | Mapping) or not isinstance(items, Iterable | AsyncIterable):
            name = type(items).__name__
            kind = f"{'an' if name[0] in 'aeiou' else 'a'} {name}"
            raise InputError(f"{kind} is one value, not many", hint="put it into a list, or use submit")
        if isinstance(items, SequenceABC | AbstractSet) and len(items) <= SMALL:
            whole = await self._whole(items)
            if whole is not None:
                return whole
        return await self._streamed(items)

    # ----------------------------------------------------------------------------------------------------- in one body

    async def _whole(self, items: Iterable[Any]) -> Batch | None:
        """None for what is too large."""
        packer = Packer(self._options)
        pieces, size = [], 0
        async with aclosing(pieces_of(items, packer)) as found:
            async for piece in found:
                pieces.append(piece)
                size += sum(map(len, piece.payloads))
                if size > SMALL_BYTES:
                    return None
        keys = [key for piece in pieces for key in piece.keys or ()]
        _check_unique(keys)
        fields = {"task": self._task, **self._given(*_OF_BATCH, *_OF_ITEMS, "dedupe_key", "tag")}
        if callable(self._options.get("key")):
            fields["keys"] = keys
        else:
            fields |= self._given("key")
        payloads = item_list(payload for piece in pieces for payload in piece.payloads)
        body = encode(fields)[:-1] + b',"items":' + payloads + b"}"
        batch, _ = await self._connection.send(calls.create_batch(body, self._key))
        return batch

    # ------------------------------------------------------------------------------------------------------- as a file

    async def _file(self, path: str | os.PathLike[str]) -> Batch:
        body = file_body(path)
        if callable(self._options.get("key")):
            raise OptionError("key is a function, and a file is sent as it is", hint="name the field that holds it")
        options = {"task": self._task, **self._given(*_OF_BATCH, *_OF_ITEMS, "key", "dedupe_key", "tag")}
        if "metadata" in options:
            options["metadata"] = encode(options["metadata"]).decode()
        if "webhooks" in options:
            options["webhooks"] = ",".join(options["webhooks"]) or None
        if "run_at" in options:
            options["run_at"] = self._options["run_at"].isoformat()
        request = calls.stream_batch(options, body.pieces, body.media_type, key=self._key, encoding=body.encoding)
        batch, _ = await self._connection.send(request)
        return batch

    # --------------------------------------------------------------------------------------------------- piece by piece

    async def _streamed(self, items: Iterable[Any] | AsyncIterable[Any]) -> Batch:
        fields = {"task": self._task, "open": True, **self._given(*_OF_BATCH)}
        batch, created = await self._connection.send(calls.create_batch(encode(fields), self._key))
        ours = created or "idempotency_key" not in self._options
        count, consumed = 0, batch.consumed
        try:
            async with aclosing(pieces_of(items, Packer(self._options))) as pieces:
                async for piece in pieces:
                    consumed = await self._append(batch.id, piece)
                    count = piece.stop
            self._check_count(consumed, count)
            return await self._connection.send(calls.seal(batch.id))
        except BaseException as error:
            if ours:
                await self._give_up(batch.id, error)
            raise

    def _check_count(self, consumed: int, count: int) -> None:
        if consumed != count:
            raise KeyConflict(
                f"key {self._key!r} already stands for a batch of {consumed} items, these are {count}",
                hint="use another key, or the same content",
            )

    async def _append(self, batch: str, piece: Piece) -> int:
        """How many items the batch has consumed afterwards. What a cut connection has left behind, the server compares
        and skips."""
        body, media_type = piece.body()
        options = self._given(*_OF_ITEMS, "dedupe_key", "tag")
        if "run_at" in options:
            options["run_at"] = self._options["run_at"].isoformat()
        if not callable(self._options.get("key")):
            options |= self._given("key")
        request = calls.append(batch, body, media_type, {"offset": piece.offset, **options})
        patience = self._connection.patience()
        while True:
            try:
                return (await self._connection.send(request, first_index=piece.offset)).consumed
            except Conflict as error:
                problem = problem_behind(error)
                if problem is None or problem.code != "offset_mismatch":
                    raise
                if problem.index is not None:
                    raise KeyConflict(
                        error.message, index=problem.index, where=error.where, hint="another batch's items are there"
                    ) from error
                # A request that was cut is still being taken in: its items come to stand behind each other.
                if problem.expected is None or not piece.offset <= problem.expected <= piece.stop:
                    raise
                await patience.after(Lost(error.message))

    async def _give_up(self, batch: str, error: BaseException) -> None:
        """Not where there is no server to tell: the same idempotency key goes on with it, or its time runs out."""
        if isinstance(error, StoreUnavailable):
            return
        try:
            acted = await self._connection.send(
                calls.cancel(batch, reason=f"its submission failed: {error}"[:500].replace("\0", " "))
            )
            if not acted.batch.total:
                await self._connection.send(calls.delete(batch))  # as if it had never been
        except StookError as second:  # the first error is what the caller needs to hear
            log.warning("batch %s stays open until its time is over, its submission failed: %s", batch, second)

    def _given(self, *names: str) -> dict[str, Any]:
        given: Mapping[str, Any] = self._options
        return {name: given[name] for name in names if given.get(name) is not None}


def _check_unique(keys: list[str]) -> None:
    """Before anything is sent."""
    seen: dict[str, int] = {}
    pairs = [
        (key, index, earlier) for index, key in enumerate(keys) if (earlier := seen.setdefault(key, index)) != index
    ]
    if pairs:
        raise DuplicateKeys(pairs[:_PAIRS])
