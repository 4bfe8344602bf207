"""`stook demo` from its files to its tables."""

from __future__ import annotations

import contextlib
import heapq
import os
import shlex
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from stook.cli.checked_input import check_input
from stook.cli.demo_task import measure
from stook.cli.exits import Exit, exit_of_batch
from stook.cli.failure_table import failure_table
from stook.cli.figures import count, duration, plural
from stook.cli.opened import settings_of
from stook.cli.progress import choose_display
from stook.cli.run_batch import Job, run_job
from stook.cli.run_report import headline
from stook.cli.stopping import Stop
from stook.cli.tables import console_for, table
from stook.core.payload import decode, encode_many
from stook.core.states import State
from stook.wiring.loop import run
from stook.wiring.session import open_session

if TYPE_CHECKING:
    from rich.console import Console

    from stook.cli.options import Where
    from stook.cli.progress import Display
    from stook.cli.run_batch import Outcome

__all__ = ["show_demo"]

_SHOWN: Final = 10
_NOT_PYTHONS: Final = frozenset({"site-packages", "dist-packages", "__pycache__"})


def show_demo(*, processes: int | None, where: Where) -> int:
    library = sysconfig.get_path("stdlib")
    store = where.store or str(Path(tempfile.mkdtemp(prefix="stook-demo-")) / "stook.db")
    settings = settings_of(where, store)
    display = choose_display(quiet=False)
    with tempfile.TemporaryDirectory(prefix="stook-demo-") as folder:
        listing = Path(folder) / "files.jsonl"
        paths = [{"path": path} for path in _sources(library)]
        listing.write_bytes(b"\n".join(encode_many(paths)))
        display.say(f"{plural(len(paths), 'source file')} of {library}, one item each")
        checked = check_input(
            str(listing),
            format_="jsonl",
            key=None,
            duplicates="reject",
            limit=settings.max_payload_bytes,
            tell=display.say,
        )
        job = Job(
            task=measure,
            policy=measure.policy,
            overridden=False,
            settings=settings,
            input=checked,
            identity=checked.identity(),
            name="standard library",
            retry_failed=False,
            concurrency=4,
            processes=processes or os.cpu_count() or 1,
            grace=5.0,
            output=None,
            output_format=None,
            prints_apart=False,
        )
        with contextlib.closing(display):
            outcome, longest = run(_run(job, display))
    _report(outcome, longest, store)
    if outcome.stopped:
        return Exit.INTERRUPTED
    code = exit_of_batch(outcome.view.state)
    return Exit.DONE if code == Exit.FAILED else code


def _sources(library: str) -> list[str]:
    found = []
    for folder, folders, files in os.walk(library):
        folders[:] = sorted(name for name in folders if name not in _NOT_PYTHONS)
        found += [os.path.join(folder, name) for name in sorted(files) if name.endswith(".py")]  # noqa: PTH118 - fast
    return found


class _Longest:
    """The longest functions, and sums over all files."""

    def __init__(self) -> None:
        self.files = self.lines = self.functions = 0
        self._found: list[tuple[int, str, str]] = []

    def add(self, path: str, result: dict[str, Any]) -> None:
        self.files += 1
        self.lines += result["lines"]
        self.functions += result["functions"]
        if result["longest"] is not None:
            entry = (result["longest_lines"], result["longest"], f"{path}:{result['longest_at']}")
            (heapq.heappushpop if len(self._found) >= _SHOWN else heapq.heappush)(self._found, entry)

    def rows(self) -> list[tuple[int, str, str]]:
        return sorted(self._found, reverse=True)


async def _run(job: Job, display: Display) -> tuple[Outcome, _Longest]:
    stop = Stop(lambda: display.say("stopping"), display.close)
    outcome = await run_job(job, display, stop)
    longest = _Longest()
    async with open_session(job.settings) as session:
        async for page in session.engine.results(outcome.view.id):
            for row in page:
                if row.state is State.succeeded and row.result is not None:
                    longest.add(decode(row.input)["path"], decode(row.result))
    return outcome, longest


def _report(outcome: Outcome, longest: _Longest, store: str) -> None:
    console = console_for(sys.stdout)
    console.print(f"{headline(outcome.view)} in {duration(outcome.seconds)}")
    if longest.files:
        console.print(
            f"\n{count(longest.lines)} lines, {count(longest.functions)} functions. The longest:\n", style="bold"
        )
        library = sysconfig.get_path("stdlib") + os.sep
        rows = [(count(lines), name, place.removeprefix(library)) for lines, name, place in longest.rows()]
        console.print(table(("#lines", "function", "place"), rows))
    groups = [group for group in outcome.groups if group.failed]
    if groups:
        console.print("\nFiles that Python's own tests keep to be refused, by cause:\n", style="bold")
        console.print(failure_table(groups[:_SHOWN]))
        if len(groups) > _SHOWN:
            console.print(f"and {plural(len(groups) - _SHOWN, 'group')} more")
    _print_commands(console, outcome, store)


def _print_commands(console: Console, outcome: Outcome, store: str) -> None:
    batch, there = outcome.view.public_id, f"--store {shlex.quote(store)}"
    console.print("\nLook further:\n", style="bold")
    for command in (
        f"stook show {batch} {there}",
        f"stook failures {batch} --traceback {there}",
        f"stook results {batch} --output results.csv {there}",
        f"stook retry {batch} --failed {there}",
        f"stook doctor {there}",
    ):
        console.print(f"  {command}", soft_wrap=True)
