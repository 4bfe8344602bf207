"""`stook retry`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from stook.cli.options import ANYWHERE, BatchArgument, Json, Reach
from stook.cli.words import RetriedWord

if TYPE_CHECKING:
    from stook.cli.reach import Reached

__all__ = ["retry"]


def retry(
    batch: BatchArgument,
    /,
    *,
    failed: Annotated[bool, Parameter(help="All that failed.")] = False,
    group: Annotated[
        str | None, Parameter(help="Those of one failure group, named by its mark or how that begins.")
    ] = None,
    index: Annotated[
        tuple[int, ...],
        Parameter(help="The item of this index, if it failed, was cancelled or expired; may be given again."),
    ] = (),
    state: Annotated[tuple[RetriedWord, ...], Parameter(help="All that ended so; may be given again.")] = (),
    tag: Annotated[str | None, Parameter(help="Those of them that bear this tag.")] = None,
    code: Annotated[str | None, Parameter(help="Those of them that failed with this code, as timeout.")] = None,
    changed: Annotated[
        tuple[str, ...],
        Parameter(
            "--set",
            help="FIELD=JSON: changes this field (dotted) of their inputs first; null removes it. May be given again.",
        ),
    ] = (),
    probe: Annotated[
        int | None, Parameter(help="So many first; the rest follows by itself once half of them have succeeded.")
    ] = None,
    where: Reach = ANYWHERE,
    as_json: Json = False,
) -> int:
    """Take failed executions up again, in the same batch.

    They are queued with all their attempts before them, and the batch is open
    again until they have ended; what succeeded is not touched. This command
    runs nothing: a worker does, or the `stook run` command that made the batch.
    """
    from stook.cli.acting import act
    from stook.cli.failed import find_group
    from stook.cli.figures import plural
    from stook.core.errors import OptionError
    from stook.core.retry_scope import RETRYABLE, RetryScope

    merge = _patch(changed)
    if not (failed or group or index or state or tag or code):
        raise OptionError(
            "retry what?", hint="--failed, --group MARK, --index N, --tag TAG, --code CODE or --state cancelled"
        )
    if probe is not None and probe < 1:
        raise OptionError(f"--probe {probe} is less than 1")
    if group is not None and state:
        raise OptionError("--group and --state exclude each other", hint="a group holds what failed")
    states = tuple(dict.fromkeys((*(("failed",) if failed or group or code else ()), *state)))
    scope = RetryScope(states or RETRYABLE, group, index or None, tag=tag, code=code)

    async def do(session: Reached, batch_id: bytes) -> str:
        chosen = scope
        if group is not None:
            mark = find_group(await session.engine.failure_groups(batch_id), group).fingerprint
            chosen = RetryScope(scope.states, mark, tag=tag, code=code)
        queued = await session.engine.retry(batch_id, chosen, probe=probe, merge=merge)
        return f"{plural(queued, 'execution')} queued again"

    return act(batch, do, where=where, as_json=as_json)


def _patch(given: tuple[str, ...]) -> bytes | None:
    """A JSON merge patch of `a.b=1`, `c="x"`."""
    from stook.core.errors import OptionError, PayloadError
    from stook.core.payload import decode, encode

    if not given:
        return None
    patch: dict[str, Any] = {}
    for one in given:
        field, equals, text = one.partition("=")
        try:
            value = decode(text.encode())
        except PayloadError as error:
            hint = f"text stands in quotes: --set '{field}=\"{text[:40]}\"'" if equals else "like --set 'price=12.5'"
            raise OptionError(f"--set {one}: {error.message if equals else 'there is no ='}", hint=hint) from None
        names = field.split(".")
        if not all(names):
            raise OptionError(f"--set {one}: a field has no name")
        inner = patch
        for name in names[:-1]:
            inner = inner.setdefault(name, {})
            if not isinstance(inner, dict):
                raise OptionError(f"--set {one}: {name!r} is set to a value as well")
        inner[names[-1]] = value
    return encode(patch)
