"""Doing something to one batch, and saying how it is afterwards."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from stook.cli.documents import batch_document, print_document
from stook.cli.reach import in_reach
from stook.cli.run_report import headline

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from stook.cli.options import Reach
    from stook.cli.reach import Reached

__all__ = ["act"]


def act(
    batch: str, do: Callable[[Reached, bytes], Awaitable[str]], *, where: Reach, as_json: bool, hint: bool = True
) -> int:
    """`do` returns what there is to say about it. With `hint`, why the batch waits is said too."""

    async def acted(session: Reached) -> None:
        found = await session.engine.find(batch)
        said = await do(session, found.id)
        view = await session.engine.show(found.id)
        if as_json:
            print_document(batch_document(view))
            return
        lines = [f"{view.public_id}  {headline(view)}"]
        if said:
            lines.insert(0, said)
        if hint and not view.state.terminal:
            lines += [f"  {reason}" for reason in await session.engine.why(view.id)]
        sys.stdout.write("\n".join(lines) + "\n")

    in_reach(where, acted)
    return 0
