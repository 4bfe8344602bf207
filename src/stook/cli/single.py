"""Finding one execution, and saying how it is after something was done to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stook.cli.documents import execution_document, print_document
from stook.cli.figures import one_line
from stook.cli.showing import find_item
from stook.core.errors import NotFound, OptionError
from stook.core.ids import index_of, parse_id

if TYPE_CHECKING:
    from stook.client.backend import Reading

__all__ = ["find_execution", "print_execution"]


async def find_execution(engine: Reading, text: str, item: str | None = None) -> tuple[bytes, int]:
    """Batch and index. `text` is an execution's id, or names a batch with `item` (index or key) in it, or with no
    other."""
    view = await engine.find(text)
    if item is not None:
        return view.id, (await find_item(engine, view, item)).item.index
    try:
        index = index_of(parse_id(text))
    except NotFound:
        index = 0 if view.counters.total == 1 else -1
    if index < 0:
        raise OptionError(
            f"{text!r} is a batch of {view.counters.total} items", hint="say which of them with --item INDEX"
        )
    return view.id, index


async def print_execution(engine: Reading, batch_id: bytes, index: int, what: str, *, as_json: bool) -> None:
    """`what` was done."""
    row = (await engine.item(batch_id, index=index)).item
    if as_json:
        print_document(execution_document(row))
    else:
        name = f"item {row.index}" if row.key is None else f"item {row.index}, {one_line(row.key, 60)}"
        print(f"{row.id}  {what}: {row.state.name} ({name})")
