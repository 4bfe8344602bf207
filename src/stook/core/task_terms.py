"""What may run when, as `@app.task` takes it: normalised."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from stook.core.errors import ConfigError
from stook.core.lanes import stored_key
from stook.core.policy import BatchConfig, ConcurrencyLimit, RateLimit
from stook.core.terms import TermsChange
from stook.core.unchanged import UNCHANGED, Unchanged
from stook.core.window import Window, window_of

__all__ = ["TaskTerms", "change_of", "terms_of"]


@dataclass(frozen=True, slots=True)
class TaskTerms:
    """As they are stored: keys that are functions have a name by which this process finds them."""

    max_concurrency: int | None
    batch: BatchConfig | None
    limits: tuple[ConcurrencyLimit, ...]
    rates: tuple[RateLimit, ...]
    window: Window | None


def change_of(
    *,
    concurrency: ConcurrencyLimit | Sequence[ConcurrencyLimit] | Unchanged | None = UNCHANGED,
    rate_limit: RateLimit | Sequence[RateLimit] | Unchanged | None = UNCHANGED,
    window: Window | tuple[str, str] | Unchanged | None = UNCHANGED,
) -> TermsChange:
    """Options of `App.limit`; None: none any more. `ConfigError` as of `terms_of`."""
    change = TermsChange()
    if not isinstance(concurrency, Unchanged):
        made = terms_of(max_concurrency=None, concurrency=concurrency, rate_limit=None, window=None, batch=None)
        if made.max_concurrency is not None:
            raise ConfigError("concurrency without a key is max_concurrency here", hint="give max_concurrency")
        change["limits"] = made.limits
    if not isinstance(rate_limit, Unchanged):
        change["rates"] = terms_of(
            max_concurrency=None, concurrency=None, rate_limit=rate_limit, window=None, batch=None
        ).rates
    if not isinstance(window, Unchanged):
        change["window"] = window_of(window)
    return change


def terms_of(
    *,
    max_concurrency: int | None,
    concurrency: int | ConcurrencyLimit | Sequence[ConcurrencyLimit] | None,
    rate_limit: RateLimit | Sequence[RateLimit] | None,
    window: Window | tuple[str, str] | None,
    batch: BatchConfig | None,
) -> TaskTerms:
    """`ConfigError` says what cannot be. A limit on executions without a key is `max_concurrency`, which can be changed
    while things run; of several the least."""
    if batch is not None and not isinstance(batch, BatchConfig):
        raise ConfigError(f"batch={batch!r} is no BatchConfig", hint="like BatchConfig(size=100, timeout=1)")
    if isinstance(concurrency, Sequence) and not concurrency:
        raise ConfigError(f"concurrency={concurrency!r} limits nothing", hint="None is no limit")
    given = _listed("concurrency", ConcurrencyLimit, _as_limit(concurrency))
    plain = [one.n for one in given if one.key is None and one.unit == "execution"]
    if plain and max_concurrency is not None:
        raise ConfigError("max_concurrency and concurrency say the same", hint="give one of them")
    limits = tuple(
        msgspec.structs.replace(one, key=stored_key(one.key))
        for one in given
        if one.key is not None or one.unit != "execution"
    )
    rates = tuple(
        msgspec.structs.replace(one, key=stored_key(one.key), units=stored_key(one.units))
        for one in _listed("rate_limit", RateLimit, rate_limit)
    )
    if batch is not None and batch.key is not None:
        batch = msgspec.structs.replace(batch, key=stored_key(batch.key))
    most = min(plain) if plain else max_concurrency
    return TaskTerms(most, batch, limits, rates, window_of(window))


def _as_limit(concurrency: object) -> object:
    whole = isinstance(concurrency, int) and not isinstance(concurrency, bool)
    return ConcurrencyLimit(concurrency) if whole else concurrency  # type: ignore[arg-type]


def _listed(option: str, kind: type, given: object) -> list:  # type: ignore[type-arg]
    if given is None:
        return []
    found = [given] if isinstance(given, kind) else list(given) if isinstance(given, Sequence) else [None]
    if not all(isinstance(one, kind) for one in found):
        hint = f"give a {kind.__name__}, or several in a list"
        raise ConfigError(f"{option}={given!r} is no {kind.__name__}", hint=hint)
    return found
