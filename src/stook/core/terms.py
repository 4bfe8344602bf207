"""What a task's newest definition says of when its work may run, whatever it was when the work was submitted."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final, TypedDict

import msgspec

from stook.core.policy import ConcurrencyLimit, RateLimit
from stook.core.window import Window

if TYPE_CHECKING:
    from stook.core.policy import TaskPolicy

__all__ = ["NO_TERMS", "Terms", "TermsChange", "has_terms", "read_terms", "terms_of_policy", "write_terms"]


class Terms(msgspec.Struct, frozen=True, omit_defaults=True):
    """As in `TaskPolicy`."""

    limits: tuple[ConcurrencyLimit, ...] = ()
    rates: tuple[RateLimit, ...] = ()
    window: Window | None = None

    @property
    def counted(self) -> bool:
        """What runs, or has run, has to be counted."""
        return bool(self.limits or self.rates)


class TermsChange(TypedDict, total=False):
    """By hand; what is not there stays. Keys of limits and rates as `core.lanes.stored_key` gives them."""

    limits: tuple[ConcurrencyLimit, ...]
    rates: tuple[RateLimit, ...]
    window: Window | None


NO_TERMS: Final = Terms()
_decode = msgspec.json.Decoder(Terms).decode


def has_terms(policy: TaskPolicy) -> bool:
    return bool(policy.limits or policy.rates or policy.window)


def terms_of_policy(policy: TaskPolicy) -> Terms:
    return Terms(policy.limits, policy.rates, policy.window)


def write_terms(terms: Terms) -> str:
    return msgspec.json.encode(terms).decode()


@lru_cache(maxsize=1024)
def read_terms(text: str) -> Terms:
    return _decode(text)
