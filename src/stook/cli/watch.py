"""`stook watch`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from stook.cli.options import ANYWHERE, BatchArgument, Json, Reach

if TYPE_CHECKING:
    from stook.cli.reach import Reached
    from stook.store.script.read.batch_view import BatchView

__all__ = ["watch"]


def watch(batch: BatchArgument, /, *, where: Reach = ANYWHERE, as_json: Json = False) -> int:
    """Follow a batch until it has ended.

    From any process that reaches the store; watching works on nothing itself.
    With --json a line for each change, five a second at most, the last one when
    it has ended. Ctrl-C ends the watching, not the batch.

    Exit code: as `stook run`.
    """
    from stook.cli.documents import batch_document, print_document
    from stook.cli.exits import exit_of_batch
    from stook.cli.following import Changes, follow
    from stook.cli.progress import choose_display
    from stook.cli.reach import in_reach
    from stook.cli.run_report import headline

    def said(view: BatchView) -> None:
        print_document(batch_document(view))
        sys.stdout.flush()  # whoever reads a pipe sees each change as it comes

    async def watched(session: Reached) -> BatchView:
        found = await session.engine.find(batch)
        display = Changes(said) if as_json else choose_display(quiet=False)
        try:
            if not as_json and not found.state.terminal:
                for reason in await session.engine.why(found.id):
                    display.say(reason)
            return await follow(session.engine, found.id, display, done=lambda _: False)
        finally:
            display.close()

    view = in_reach(where, watched)
    if not as_json:
        print(f"{view.public_id}  {headline(view)}")
    return exit_of_batch(view.state)
