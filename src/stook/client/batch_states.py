"""States of batches by their names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stook.core.errors import OptionError
from stook.core.states import BatchState

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["batch_states"]

_BY_NAME: Final = {state.value: state for state in BatchState}


def batch_states(names: str | Iterable[str]) -> list[BatchState]:
    given = [names] if isinstance(names, str) else list(names)
    for name in given:
        if name not in _BY_NAME:
            raise OptionError(f"{name!r} is no state of a batch", hint=f"there are {', '.join(_BY_NAME)}")
    return [_BY_NAME[name] for name in given]
