"""What the server needs and somebody else knows: how items are read out of a body, and what webhooks may be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from stook.engine.options import Block
    from stook.engine.webhook_views import EndpointChanges, NewEndpoint
    from stook.store.script.read.item_row import ItemRow
    from stook.wire.webhook import ChangeWebhookEndpoint, NewWebhookEndpoint

__all__ = [
    "BodyFormat",
    "EndpointSecrets",
    "ItemDecoder",
    "Readable",
    "ResultFile",
    "SealedSecret",
    "SourceFetcher",
]

BodyFormat = Literal["jsonl", "csv", "parquet"]


class Readable(Protocol):
    """A body as a stream of bytes, read by a thread."""

    name: str

    def read(self, size: int) -> bytes:
        """Up to `size` bytes, none at the end."""
        ...


class ResultFile(Protocol):
    """A file of results, made while it is read. Its methods take time: call them in a thread, one after the other."""

    def add(self, rows: Sequence[ItemRow]) -> bytes:
        """What is to be sent next, which may be nothing."""
        ...

    def finish(self) -> bytes: ...

    def drop(self) -> None:
        """Nobody wants the rest."""
        ...


class ItemDecoder(Protocol):
    """Errors are `InputError`s with the item's index and its line."""

    def read(
        self, body: Readable, kind: BodyFormat, *, key: str | None, dedupe_key: str | None, tag: str | None, most: int
    ) -> Iterator[Block]:
        """Blocks of items as they come, in a thread; `most` bytes each may have."""
        ...

    def marked(
        self,
        payloads: Sequence[bytes],
        *,
        keys: Sequence[str] | None,
        key: str | None,
        dedupe_key: str | None,
        tags: Sequence[str | list[str] | None] | None,
        tag: str | None,
    ) -> Block:
        """Items at hand, with their keys and tags: given, or those that the fields hold."""
        ...

    def parquet(self) -> ResultFile:
        """The other way: `MissingExtra` where this installation cannot write it."""
        ...


class SourceFetcher(Protocol):
    """Fetches repositories for deployments."""

    async def fetch(self, url: str, ref: str, path: str, token: str | None, to: Path) -> str:
        """Writes a ZIP whose root is the folder `path` of the repository at `ref`. The SHA-256, in hex, of what was
        fetched. `InputError` says what went wrong, without the token."""
        ...


class SealedSecret(NamedTuple):
    """`text` and `library` (the same as libraries of Standard Webhooks take it) are shown once, `hint` to everybody."""

    text: str
    library: str
    sealed: bytes
    hint: str

    def __repr__(self) -> str:
        return f"<SealedSecret {self.hint}>"


class EndpointSecrets(Protocol):
    """Checks what a webhook endpoint is to be, and seals what must not be read. Errors are `StookError`s whose `where`
    is the field; `NoEncryptionKey` where there is nothing to seal with."""

    def new_endpoint(self, wanted: NewWebhookEndpoint) -> tuple[NewEndpoint, SealedSecret]: ...

    def changes(self, wanted: ChangeWebhookEndpoint) -> EndpointChanges: ...

    def secret(self, chosen: str | None) -> SealedSecret:
        """`chosen`, or one made now."""
        ...
