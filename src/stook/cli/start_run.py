"""From the words of `stook run` to a run, and from its end to an exit code."""

from __future__ import annotations

import contextlib
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from stook.cli.checked_input import check_input
from stook.cli.exits import Exit, exit_of_batch
from stook.cli.opened import settings_of
from stook.cli.output import check_output
from stook.cli.progress import choose_display
from stook.cli.run_batch import Job, run_job
from stook.cli.run_report import report_run
from stook.cli.stopping import Stop
from stook.cli.streams import prints_aside
from stook.cli.target import load_task
from stook.core.errors import ConfigError
from stook.wiring.loop import run
from stook.wiring.store_facts import store_files

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stook.cli.options import Where
    from stook.cli.progress import Display
    from stook.cli.run_batch import Outcome
    from stook.cli.words import DuplicatesWord, InputFormatWord, OutputFormatWord

__all__ = ["start_run"]


def start_run(
    target: str,
    source: str,
    *,
    format_: InputFormatWord | None,
    output: str | None,
    output_format: OutputFormatWord | None,
    concurrency: int,
    processes: int | None,
    key: str | None,
    duplicates: DuplicatesWord,
    name: str | None,
    retry_failed: bool,
    max_attempts: int | None,
    timeout: float | None,
    grace: float,
    quiet: bool,
    where: Where,
    as_json: bool,
) -> int:
    _check(concurrency=concurrency, processes=processes, grace=grace, name=name)
    if output is None and output_format is not None:
        raise ConfigError("--output-format without --output", hint="name the file, or - for standard output")
    if as_json and output == "-":
        raise ConfigError("--json and --output - both want standard output", hint="write the results to a file")
    prints_apart = as_json or output == "-"
    with _terminated_like_interrupted():
        with prints_aside(wanted=prints_apart):
            task = load_task(target)
        changed = {
            option: value
            for option, value in (("max_attempts", max_attempts), ("timeout", timeout))
            if value is not None
        }
        policy = msgspec.structs.replace(task.policy, **changed)
        task.definition(processes=processes is not None)
        settings = settings_of(where, task.app.store, task.app.project)
        if output is not None:
            check_output(output, output_format)
        display = choose_display(quiet=quiet)
        checked = check_input(
            source,
            format_=format_,
            key=key,
            duplicates=duplicates,
            limit=settings.max_payload_bytes,
            tell=display.say,
            apart=_own_files(settings.url, output),
        )
        with contextlib.closing(checked), contextlib.closing(display):
            job = Job(
                task=task,
                policy=policy,
                overridden=bool(changed),
                settings=settings,
                input=checked,
                identity=checked.identity(),
                name=name,
                retry_failed=retry_failed,
                concurrency=concurrency,
                processes=processes,
                grace=grace,
                output=output,
                output_format=output_format,
                prints_apart=prints_apart,
            )
            outcome = run(_run(job, display))
    report_run(job, outcome, as_json=as_json)
    return Exit.INTERRUPTED if outcome.stopped else exit_of_batch(outcome.view.state)


def _own_files(url: str, output: str | None) -> list[Path]:
    """What this run writes itself, which is no input of its own next time."""
    return [*store_files(url), *([] if output in (None, "-") else [Path(output).resolve()])]


async def _run(job: Job, display: Display) -> Outcome:
    stop = Stop(lambda: display.say(_stopping(job.grace)), display.close)
    return await run_job(job, display, stop)


def _stopping(grace: float) -> str:
    return f"stopping: what runs may end, for {grace:g} s; once more ends at once"


def _check(*, concurrency: int, processes: int | None, grace: float, name: str | None) -> None:
    for option, value in (("--concurrency", concurrency), ("--processes", processes)):
        if value is not None and value < 1:
            raise ConfigError(f"{option} {value} is less than 1")
    if not 0 <= grace < 10**6:
        raise ConfigError(f"--grace {grace} is not a number of seconds ≥ 0")
    if name is not None and not name.strip():
        raise ConfigError("--name is empty", hint="leave it out, or give the batch a name")


@contextlib.contextmanager
def _terminated_like_interrupted() -> Iterator[None]:
    """Also while the input is still being read: temporary files go away in order."""

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
