"""What every answer to a bad request must be like."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from soak.fuzz_case import JSON
from soak.raw_http import Broken, Head, Wire

if TYPE_CHECKING:
    from soak.fuzz_case import Case
    from soak.report import Ledger

__all__ = ["SHAPED", "Answered", "ask", "is_refusal", "judge"]

NEVER_5XX: Final = "never a 5xx but 503 and 507 with a reason"
NEVER_HANGS: Final = "every request is answered in time"
SHAPED: Final = "every refusal has the shape of an error, and a code"
WHOLE: Final = "every answer is whole, and is what it says it is"
_LATER: Final = (429, 503)
_NOT_NOW: Final = (503, 507)
_MOST: Final = 64 * 2**20


class _Problem(msgspec.Struct):
    code: str
    message: str
    hint: str | None
    index: int | None
    field: str | None


class _Refused(msgspec.Struct):
    error: _Problem


class Answered(NamedTuple):
    """`head` None: the connection was closed without one, which is no answer."""

    case: Case
    head: Head | None
    body: bytes
    seconds: float
    broken: str | None
    late: bool = False


async def ask(url: str, case: Case) -> Answered:
    began = time.monotonic()
    head, body, broken, late = None, b"", None, False
    try:
        async with asyncio.timeout(case.patience), await Wire.open(url) as wire:
            await wire.send(case.data)
            if case.ends == "half":
                wire.end()
            if case.ends != "cut":
                head = await wire.head()
                if not (case.streams and head.status < 300) and not case.data.startswith(b"HEAD "):
                    body = await wire.body(_MOST)
    except Broken as error:
        broken = str(error)
    except TimeoutError:
        late = True
    return Answered(case, head, body, time.monotonic() - began, broken, late)


def judge(ledger: Ledger, answered: Answered) -> None:
    case, head = answered.case, answered.head
    status = 0 if head is None else head.status
    told = f"{case.what}: {status} after {answered.seconds:.1f} s: {_brief(case.data)} ─▶ {answered.body[:300]!r}"
    ledger.expect(NEVER_HANGS, not answered.late, told)
    if case.ends == "cut" or answered.late:
        return
    if head is None:
        # Half a request, or none, may be answered by closing the connection.
        ledger.expect(WHOLE, case.ends == "half", f"{told} {answered.broken}")
        return
    ledger.expect(WHOLE, answered.broken is None, f"{told} {answered.broken}")
    ledger.expect(NEVER_5XX, status < 500 or status in _NOT_NOW, told)
    ledger.expect("every answer has a request id", "x-request-id" in head.headers, told)
    if status in _LATER:
        ledger.expect("what is put off says for how long", head.headers.get("retry-after", "").isdigit(), told)
    kind = head.headers.get("content-type", "")
    if case.data.startswith(b"HEAD "):
        return
    if status >= 400:
        ledger.expect(SHAPED, kind.startswith(JSON) and is_refusal(answered.body), f"{told} ({kind})")
    elif kind == JSON and answered.broken is None and not case.streams:
        ledger.expect(WHOLE, _is_json(answered.body), told)


def is_refusal(body: bytes) -> bool:
    try:
        problem = msgspec.json.decode(body, type=_Refused).error
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return bool(problem.code.replace("_", "").isalpha() and problem.message)


def _is_json(body: bytes) -> bool:
    """Payloads with halves of surrogate pairs, deep ones, and integers of any size are JSON too."""
    try:
        msgspec.json.decode(body, type=dict[str, msgspec.Raw] | list[msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return (b"\\ud" in body.lower() or body.count(b"[") + body.count(b"{") > 300) and body[:1] in b"[{"
    return True


def _brief(data: bytes) -> str:
    head, _, body = data.partition(b"\r\n\r\n")
    lines = [line for line in head.split(b"\r\n") if not line.lower().startswith((b"authorization", b"host"))]
    return f"{b' | '.join(lines)[:400]!r} {body[:160]!r}"
