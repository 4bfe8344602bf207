"""What a webhook endpoint is to be, checked and sealed on its way from the wire to the engine."""

from __future__ import annotations

import contextlib
import secrets
from typing import TYPE_CHECKING, Any, Final

from msgspec import UNSET, UnsetType

from stook.core.errors import OptionError
from stook.core.unchanged import UNCHANGED
from stook.engine.webhook_views import Auth, EndpointChanges, NewEndpoint
from stook.server.ports import SealedSecret
from stook.webhooks.endpoint_secret import check_secret, library_form, new_secret, secret_hint
from stook.webhooks.letter import check_auth
from stook.webhooks.schemes import DEFAULT, check_schemes
from stook.webhooks.target import check_url
from stook.wire.webhook import BearerAuth, HeaderAuth, NewWebhookEndpoint
from stook.wiring.webhooks import guard_of, sealer_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from stook.config.settings import Settings
    from stook.store.port import Store
    from stook.wire.webhook import ChangeWebhookEndpoint, NewAuth

__all__ = ["EndpointSecretsOf"]

_DEFAULTS: Final = NewWebhookEndpoint(url="")


class EndpointSecretsOf:
    """Of one store. Implements `stook.server.ports.EndpointSecrets`."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self._guard = guard_of(settings)
        self._sealer = sealer_of(settings, store)

    def new_endpoint(self, wanted: NewWebhookEndpoint) -> tuple[NewEndpoint, SealedSecret]:
        self._check_url(wanted.url)
        auth, value = self._auth(wanted.auth)
        schemes = _schemes(wanted.schemes)
        secret = self.secret(wanted.secret)
        made = NewEndpoint(
            id=f"whe_{secrets.token_hex(12)}",
            url=wanted.url,
            secret=secret.sealed,
            secret_hint=secret.hint,
            description=wanted.description,
            events=wanted.events,
            tasks=wanted.tasks,
            batches=wanted.batches,
            auth=auth,
            auth_value=value,
            schemes=schemes,
            max_concurrency=wanted.max_concurrency,
        )
        return made, secret

    def changes(self, wanted: ChangeWebhookEndpoint) -> EndpointChanges:
        given = {name: getattr(wanted, name) for name in wanted.__struct_fields__}
        changes: dict[str, Any] = {name: value for name, value in given.items() if value is not UNSET}
        if not changes:
            raise OptionError("nothing is to change", hint="give what is to be another")
        for name, value in changes.items():
            if value is None:
                changes[name] = getattr(_DEFAULTS, name)
        if not isinstance(wanted.url, UnsetType):
            self._check_url(wanted.url)
        if not isinstance(wanted.schemes, UnsetType):
            changes["schemes"] = _schemes(wanted.schemes)
        auth_value: Any = UNCHANGED
        if not isinstance(wanted.auth, UnsetType):
            changes["auth"], auth_value = self._auth(wanted.auth)
        return EndpointChanges(auth_value=auth_value, **changes)

    def secret(self, chosen: str | None) -> SealedSecret:
        text = new_secret() if chosen is None else check_secret(chosen)
        return SealedSecret(text, library_form(text), self._sealer.seal(text.encode()), secret_hint(text))

    def _check_url(self, url: str) -> None:
        check_url(url, self._guard)

    def _auth(self, auth: NewAuth | None) -> tuple[Auth, bytes | None]:
        match auth:
            case HeaderAuth(name=name, value=value):
                check_auth("header", name, value)
                return Auth("header", name), self._sealer.seal(value.encode())
            case BearerAuth(token=token):
                with _called("auth.value", "auth.token"):
                    check_auth("bearer", None, token)
                return Auth("bearer"), self._sealer.seal(token.encode())
            case _:
                return Auth(), None


def _schemes(names: Sequence[str] | None) -> Sequence[str]:
    return DEFAULT if names is None else check_schemes(names)


@contextlib.contextmanager
def _called(field: str, name: str) -> Iterator[None]:
    """What the request calls it."""
    try:
        yield
    except OptionError as error:
        error.where = name if error.where == field else error.where
        raise
