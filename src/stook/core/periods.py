"""How often a key lets an invocation through, as users say it."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

from stook.core.errors import OptionError
from stook.core.invocation import Debouncing, Throttling
from stook.core.moments import Duration, seconds_of

__all__ = ["Debounce", "Throttle", "debouncing_of", "throttling_of"]


@dataclass(frozen=True)
class Throttle:
    """For so many `seconds` after an accepted invocation the same task and `key` creates nothing more, even once the
    first has ended. Without a key the invocation's `dedupe_key` is it, or all invocations of the task are alike.
    `OptionError` for what is no period."""

    seconds: Duration
    key: str | None = None

    def __post_init__(self) -> None:
        _period("throttle", self.seconds)
        _key("throttle", self.key, None)


@dataclass(frozen=True)
class Debounce:
    """The first invocation under a `key` (as for `Throttle`) creates an execution due after `seconds`; until it starts,
    later ones only replace its payload and priority. `reset`: each pushes it, by `seconds` from then, but not beyond
    `max_wait` seconds after the first. `OptionError` for what is no period."""

    seconds: Duration
    key: str | None = None
    _: KW_ONLY
    reset: bool = False
    max_wait: Duration | None = None

    def __post_init__(self) -> None:
        _period("debounce", self.seconds)
        _key("debounce", self.key, None)
        if not isinstance(self.reset, bool):
            raise OptionError(f"debounce: reset={self.reset!r} is neither True nor False")
        if self.max_wait is not None:
            _period("debounce: max_wait", self.max_wait)
            if not self.reset:
                raise OptionError("debounce: max_wait says something only with reset=True", hint="leave it out")


def throttling_of(given: Duration | Throttle, dedupe_key: str | None) -> Throttling:
    """`OptionError` for what is no period."""
    one = given if isinstance(given, Throttle) else Throttle(given)
    return Throttling(_key("throttle", one.key, dedupe_key), _period("throttle", one.seconds))


def debouncing_of(given: Duration | Debounce, dedupe_key: str | None) -> Debouncing:
    """`OptionError` for what is no period."""
    one = given if isinstance(given, Debounce) else Debounce(given)
    longest = None if one.max_wait is None else _period("debounce: max_wait", one.max_wait)
    return Debouncing(_key("debounce", one.key, dedupe_key), _period("debounce", one.seconds), one.reset, longest)


def _period(name: str, value: Duration) -> int:
    period = round(seconds_of(name, value) * 1_000_000)
    if period <= 0:
        raise OptionError(f"{name}={value!r} is no period > 0", hint="leave it out for none")
    return period


def _key(name: str, key: object, dedupe_key: str | None) -> str:
    if key is None:
        return dedupe_key or ""
    if not isinstance(key, str):
        raise OptionError(f"{name}: key={key!r} is not text")
    return key
