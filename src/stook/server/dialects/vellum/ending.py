"""How runs end, in Vellum's words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from stook.core.vellum_codes import api_code, code_of, said_of
from stook.server.dialects.vellum.values import EXECUTION, typed
from stook.server.dialects.vellum.variables import ids_of, undeclared_id, variables_of

if TYPE_CHECKING:
    from stook.core.deployment import Deployment
    from stook.core.hosted_event import HostedEvent
    from stook.engine.hosted_executions import HostedExecution

__all__ = ["Rejection", "raw_outputs", "rejection_of", "typed_outputs"]


class Rejection(msgspec.Struct, frozen=True):
    """`code` is of the set of events."""

    code: str
    message: str
    raw_data: Any = None

    def shown(self) -> dict[str, Any]:
        """In answers: their set of codes, and no stack trace."""
        beside = {} if self.raw_data is None else {"raw_data": self.raw_data}
        return {"message": self.message, "code": api_code(self.code), **beside}


def raw_outputs(execution: HostedExecution, release: Deployment) -> dict[str, Any]:
    """Of one that succeeded: every declared output is there, others behind them."""
    given: Any = None
    if execution.result is not None:
        decoded = msgspec.json.decode(execution.result)
        given = decoded.get("outputs") if isinstance(decoded, dict) else None
    found = {one["key"]: None for one in variables_of(release, "output")}
    found.update(given if isinstance(given, dict) else {})
    return found


def typed_outputs(
    outputs: dict[str, Any], release: Deployment, known: frozenset[str] = EXECUTION
) -> list[dict[str, Any]]:
    """`{id, name, type, value}`; the id is the variable's, the same in every run."""
    declared = {one["key"]: one["type"] for one in variables_of(release, "output")}
    ids = ids_of(release, "output")
    return [
        {
            "id": ids.get(name) or undeclared_id(release, "output", name),
            "name": name,
            **typed(value, declared.get(name), known),
        }
        for name, value in outputs.items()
    ]


def rejection_of(execution: HostedExecution, told: HostedEvent | None = None) -> Rejection | None:
    """None of one that has not ended, or has succeeded. `told`: the event with which the workflow itself ended; it
    knows more of its error."""
    reason = execution.reason
    if reason is None:
        return None
    kind = "" if execution.error is None else execution.error.type
    code = code_of(reason, kind)
    raw_data = _raw_data(told, code) if told is not None else None
    said = "" if execution.error is None else execution.error.message
    return Rejection(code, said_of(reason, said, execution.output), raw_data)


def _raw_data(told: HostedEvent, code: str) -> Any:
    body = msgspec.json.decode(told.body).get("body")
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict) or error.get("code") != code:
        return None
    found = error.get("raw_data")
    return found if isinstance(found, dict | str) else None
