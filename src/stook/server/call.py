"""One request, as handlers see it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import msgspec
from starlette.responses import Response

from stook.core.errors import NotFound
from stook.core.ids import batch_of, parse_id
from stook.core.payload import encode
from stook.core.payload_text import too_deep
from stook.server.body import Body, decode_body
from stook.server.refusal import Refusal, wrong_shape

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

    from stook.engine.keys import KeyView
    from stook.engine.recording import Recording
    from stook.engine.requests import Ticket
    from stook.server.services import Services
    from stook.server.tenants import Tenant

__all__ = ["JSON", "Call", "answer", "as_json", "unsupported"]

T = TypeVar("T", bound=msgspec.Struct)
JSON: Final = "application/json"
_encoder: Final = msgspec.json.Encoder()


def as_json(made: Any) -> bytes:
    try:
        return _encoder.encode(made)
    except UnicodeEncodeError:  # half a surrogate pair in an error's text
        return encode(made)


def answer(made: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(as_json(made), status, media_type=JSON, headers=headers)


class Call:
    """`key` is who asks; routes without a scope have none."""

    def __init__(self, request: Request, services: Services, body: Body, key: KeyView | None) -> None:
        self.request = request
        self.services = services
        self.stream = body
        self._key = key
        self._raw: bytes | None = None
        self.ticket: Ticket | None = None
        """Of its Idempotency-Key: what it does is done with it, and so once."""

    @property
    def key(self) -> KeyView:
        assert self._key is not None
        return self._key

    @property
    def tenant(self) -> Tenant:
        return self.services.tenants.of(self.key.project)

    def header(self, name: str) -> str | None:
        return self.request.headers.get(name)

    @property
    def media_type(self) -> str:
        return (self.header("content-type") or "").partition(";")[0].strip().lower()

    @property
    def idempotency_key(self) -> str | None:
        """Headers are bytes; a key in UTF-8 arrives as such."""
        found = self.header("idempotency-key")
        if found is None:
            return None
        try:
            return found.encode("latin-1").decode()
        except UnicodeDecodeError:
            raise Refusal(400, "option_error", "Idempotency-Key is not UTF-8", field="Idempotency-Key") from None

    def query(self, kind: type[T]) -> T:
        """400 for what the query has and `kind` has not, or has otherwise."""
        given: dict[str, str] = {}
        for name, value in self.request.query_params.multi_items():
            if name in given:
                raise Refusal(400, "option_error", f"query: {name!r} is given twice", field=name)
            given[name] = value
        try:
            return msgspec.convert(given, kind, strict=False)
        except msgspec.ValidationError as error:
            raise wrong_shape(error, "query") from None

    async def raw(self, limit: int | None = None) -> bytes:
        """Read once, kept; at most `limit` bytes, else what small bodies may have."""
        if self._raw is None:
            most = limit or self.services.limits.body_bytes
            self._raw = await self.stream.whole(most, self.header("content-length"))
        return self._raw

    def instead(self, raw: bytes) -> None:
        """The body from now on, in other words than it came in."""
        self._raw = raw

    async def body(self, kind: type[T], limit: int | None = None) -> T:
        """An empty body is `{}`."""
        raw = await self.raw(limit)
        if raw and self.media_type not in (JSON, ""):
            raise unsupported(self.media_type, JSON)
        encoding = self.header("content-encoding")
        if encoding not in (None, "", "identity"):
            raise Refusal(
                415,
                "unsupported_media_type",
                "a JSON body is not compressed",
                hint="compress application/x-ndjson, or leave out Content-Encoding",
            )
        if limit is None and too_deep(raw):
            raise Refusal(400, "invalid_json", "the body is nested too deep", hint="at most 500 levels are allowed")
        return decode_body(raw or b"{}", kind)

    async def batch_id(self) -> bytes:
        return await self.tenant.owned.batch(self.path("batch"))

    def recording(
        self, kind: str, batch_id: bytes | None, scope: str, *, may_run: bool = False, if_any: bool = False
    ) -> Recording:
        """Of what is about to be done, by the key that asks for it."""
        return self.tenant.actions.recording(
            kind, batch_id, scope, self.key.id, may_run=may_run, if_any=if_any, ticket=self.ticket
        )

    def recording_of(self, kind: str, *, batch: str | None = None, execution: str = "") -> Recording:
        """Of what is about to be done to a whole batch, or to one execution, by its id. Nothing is noted of what
        changes nothing."""
        shown, scope = (batch, "all") if batch is not None else (execution, f"execution {execution}")
        return self.recording(kind, batch_of(parse_id(shown)), scope, if_any=True)

    def path(self, name: str) -> str:
        return cast("str", self.request.path_params[name])

    def index(self) -> int:
        text = self.path("index")
        if not (text.isascii() and text.isdigit() and len(text) <= 10):  # noqa: PLR2004 - the digits of 2³²
            raise NotFound(f"no item has the index {text!r}", hint="a whole number; find items by key with ?key=")
        return int(text)


def unsupported(given: str, *known: str) -> Refusal:
    return Refusal(
        415,
        "unsupported_media_type",
        f"the content type {given[:100]!r} is not known here",
        hint=f"send {' or '.join(known)}",
        headers={"accept-post": ", ".join(known)},
    )
