"""The two signatures on every delivery. Each is over the very bytes and the URL that go out."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import TYPE_CHECKING, NamedTuple, Protocol

from stook.webhooks.endpoint_secret import plain_key, standard_key

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Outgoing", "Scheme", "StandardScheme", "VellumScheme"]


class Outgoing(NamedTuple):
    """A request about to be sent. `secrets` are those that are valid: the newest, and the one before while receivers
    change over."""

    method: str
    url: str
    """In full, as requested."""
    body: bytes
    event_id: str
    timestamp: int
    """Unix seconds."""
    secrets: Sequence[str]


class Scheme(Protocol):
    """A way to sign. `headers` is a pure function, called once for each attempt."""

    name: str

    def headers(self, outgoing: Outgoing) -> Mapping[str, str]: ...


class StandardScheme:
    """Standard Webhooks: https://www.standardwebhooks.com."""

    name = "standard"

    def headers(self, outgoing: Outgoing) -> Mapping[str, str]:
        message = b"%s.%d.%s" % (outgoing.event_id.encode(), outgoing.timestamp, outgoing.body)
        signed = [base64.b64encode(_hmac(standard_key(one), message)).decode() for one in outgoing.secrets]
        return {
            "webhook-id": outgoing.event_id,
            "webhook-timestamp": str(outgoing.timestamp),
            "webhook-signature": " ".join(f"v1,{one}" for one in signed),
        }


class VellumScheme:
    """Time, method, URL and body, a line each. Without an id: receivers go by the time, and by the body's id."""

    name = "vellum"

    def headers(self, outgoing: Outgoing) -> Mapping[str, str]:
        parts = (str(outgoing.timestamp).encode(), outgoing.method.encode(), outgoing.url.encode(), outgoing.body)
        message = b"\n".join(parts)
        made = {"X-Vellum-Timestamp": str(outgoing.timestamp)}
        names = ("X-Vellum-Signature", "X-Vellum-Signature-Previous")
        signed = [_hmac(plain_key(one), message).hex() for one in outgoing.secrets]
        return made | dict(zip(names, signed, strict=False))


def _hmac(key: bytes, message: bytes) -> bytes:
    return hmac.new(key, message, hashlib.sha256).digest()
