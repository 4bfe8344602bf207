"""Keyed limits, rates and hours of a task, as `stook limits` takes and shows them.

    --concurrency n=2,key=tenant
    --rate-limit n=100,per=60,key=tenant,burst=20
    --window 22:00-06:00,tz=Europe/Berlin,days=01234

They are shown as they are given.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from stook.core.errors import OptionError
from stook.core.lanes import stored_key
from stook.core.policy import ConcurrencyLimit, RateLimit
from stook.core.task_terms import change_of
from stook.core.window import Window

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.core.terms import Terms, TermsChange

__all__ = ["read_terms_options", "shown_terms"]

_PLAIN: Final = {"unit": "execution", "tz": "UTC"}
T = TypeVar("T", ConcurrencyLimit, RateLimit, Window)


def read_terms_options(
    concurrency: Sequence[str] | None, rate_limit: Sequence[str] | None, window: str | None
) -> TermsChange:
    """What is not given stays; the word none: no such limit. `OptionError` names the option."""
    given: dict[str, Any] = {}
    if concurrency:
        given["concurrency"] = _several("--concurrency", concurrency, ConcurrencyLimit)
    if rate_limit:
        given["rate_limit"] = _several("--rate-limit", rate_limit, RateLimit)
    if window is not None:
        given["window"] = None if window == "none" else _hours(window)
    for option, value in given.items():
        _checked(option, value)
    return change_of(**given)


def shown_terms(terms: Terms) -> list[str]:
    """One a line."""
    found = [f"concurrency {_fields(one)}" for one in terms.limits]
    found += [f"rate-limit {_fields(one)}" for one in terms.rates]
    if terms.window is not None:
        hours = terms.window
        rest = _fields(msgspec.structs.replace(hours, days=None), without=("start", "end"))
        days = "" if hours.days is None else "days=" + "".join(map(str, hours.days))
        found.append("window " + ",".join(one for one in (f"{hours.start}-{hours.end}", rest, days) if one))
    return found


def _several(option: str, given: Sequence[str], kind: type[T]) -> list[T] | None:
    if list(given) == ["none"]:
        return None
    return [_made(option, text, _split(option, text), kind) for text in given]


def _hours(text: str) -> Window:
    times, *rest = text.split(",")
    start, dash, end = times.partition("-")
    fields: dict[str, Any] = {"start": start, "end": end, **(_split("--window", ",".join(rest)) if rest else {})}
    if not dash or {"start", "end"} & set(map(str.strip, ",".join(rest).split("="))):
        raise OptionError(f"--window {text}: it has no start and end", hint="as in 22:00-06:00,tz=Europe/Berlin")
    if "days" in fields:
        fields["days"] = [int(one) if one in "0123456" else one for one in fields["days"]]
    return _made("--window", text, fields, Window)


def _split(option: str, text: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    for part in text.split(","):
        name, sign, value = part.partition("=")
        if not sign or not value or name in fields:
            raise OptionError(f"{option} {text}: {part!r} is no field", hint="give NAME=VALUE, each once, and commas")
        fields[name] = value
    return fields


def _made(option: str, text: str, fields: dict[str, Any], kind: type[T]) -> T:
    unknown = sorted(set(fields) - set(kind.__struct_fields__))
    if unknown:
        known = ", ".join(kind.__struct_fields__)
        raise OptionError(f"{option} {text}: there is no {unknown[0]!r}", hint=f"there are {known}")
    try:
        made = msgspec.convert(fields, kind, strict=False)
        for name in ("key", "units"):
            stored_key(getattr(made, name, None))
    except ValueError as error:  # a ConfigError, or one of shape
        raise OptionError(f"{option} {text}: {error}") from None
    return made


def _checked(option: str, value: Any) -> None:
    try:
        change_of(**{option: value})
    except ValueError as error:
        raise OptionError(f"--{option.replace('_', '-')}: {error}") from None


def _fields(value: msgspec.Struct, without: Sequence[str] = ()) -> str:
    found = {name: getattr(value, name) for name in value.__struct_fields__ if name not in without}
    return ",".join(
        f"{name}={one:g}" if isinstance(one, float) else f"{name}={one}"
        for name, one in found.items()
        if one is not None and _PLAIN.get(name) != one
    )
