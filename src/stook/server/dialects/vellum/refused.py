"""How Vellum's routes say no: `{"detail": "<what>"}`, and no status that its client takes for something else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from stook.server.call import answer
from stook.server.refusal import Refusal

if TYPE_CHECKING:
    from starlette.responses import Response

__all__ = ["VellumRefusal", "bad", "not_there", "refused"]

_LONGEST_WAIT: Final = 30
"""Seconds; the client does not believe in longer ones."""
_STATUS: Final = {409: 400, 410: 404, 415: 400, 507: 503}
"""The client sends again what is answered with 409, which would change nothing."""


class VellumRefusal(Refusal):
    """With keys beside `detail`."""

    def __init__(self, status: int, detail: str, **beside: Any) -> None:
        super().__init__(status, "vellum", detail)
        self.beside = beside


def bad(detail: str, **beside: Any) -> VellumRefusal:
    return VellumRefusal(400, detail, **beside)


def not_there(what: str) -> VellumRefusal:
    return VellumRefusal(404, what)


def refused(refusal: Refusal) -> Response:
    problem = refusal.problem
    where = "" if problem.field is None or problem.field in problem.message else f" ({problem.field})"
    hint = "" if problem.hint is None else f"; {problem.hint}"
    detail = f"{problem.message}{where}{hint}"
    body: dict[str, Any] = {"detail": detail}
    if isinstance(refusal, VellumRefusal):
        body.update(refusal.beside)
    headers = dict(refusal.headers)
    if "retry-after" in headers and headers["retry-after"].isdigit():
        headers["retry-after"] = str(min(int(headers["retry-after"]), _LONGEST_WAIT))
    return answer(body, _STATUS.get(refusal.status, refusal.status), headers)
