"""Payloads that are changed by hand, held against the schema that the task's workers have told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from stook.core.errors import MissingExtra, NotFound, PayloadError
from stook.engine.catalogue import Catalogue

if TYPE_CHECKING:
    from collections.abc import Callable

    from stook.store.port import Store

__all__ = ["payload_check"]

_SHOWN = 300


async def payload_check(store: Store, project: str, task: str) -> Callable[[int, bytes], None]:
    """Raises `PayloadError` with the item's index for a payload that does not fit. A task nobody knows, or without a
    schema, takes any."""
    try:
        schema = (await Catalogue(store, project).find(task)).schema
    except NotFound:
        schema = None
    if schema is None:
        return _any
    try:
        import jsonschema_rs  # noqa: PLC0415 - an extra
    except ModuleNotFoundError:
        raise MissingExtra(
            f"task {task!r} has a schema, and to check a changed input against it needs jsonschema-rs",
            hint="pip install 'stook[server]'",
        ) from None
    validator = jsonschema_rs.validator_for(msgspec.json.decode(schema))

    def check(index: int, payload: bytes) -> None:
        value: Any = msgspec.json.decode(payload)
        for error in validator.iter_errors(value):
            path = "".join(f"[{one!r}]" if isinstance(one, int) else f".{one}" for one in error.instance_path)
            raise PayloadError(
                f"the new input is none that task {task!r} takes: at {path.lstrip('.') or 'the top'}: "
                f"{error.message[:_SHOWN]}",
                index=index,
                hint="see the task's schema",
            )

    return check


def _any(index: int, payload: bytes) -> None:
    """Nothing is known of it."""
