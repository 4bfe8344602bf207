"""Looking at some of many lanes: from where the dice say, round to there again, a bounded number at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stook.store.statement import Each

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.store.script.gates import Flow
    from stook.store.statement import Row, Script

__all__ = ["LaneWalk"]

_END: Final = "~"
"""Behind every lane."""
_Span = tuple[str, str]
"""From a lane on, and before another."""


class LaneWalk:
    """`flows` are (task, project, first lane, last lane). Those with one lane are in the first round alone, those with
    many bring up to `most` in each."""

    def __init__(self, flows: Sequence[tuple[str, str, str, str]], pivot: str, most: int) -> None:
        self._most = most
        self._single: list[Flow] = [(task, project, first) for task, project, first, last in flows if first == last]
        self._spans: dict[tuple[str, str], list[_Span]] = {
            (task, project): [(pivot, _END), *([("", pivot)] if pivot else [])]
            for task, project, first, last in flows
            if first != last
        }

    @property
    def done(self) -> bool:
        return not self._single and not self._spans

    def round(self) -> Script[list[Flow]]:
        found, self._single = self._single, []
        if not self._spans:
            return found
        asked = [(*place, *span, self._most) for place, spans in self._spans.items() for span in spans]
        rows: list[Row] = yield Each("claim_lanes", asked)
        left: dict[tuple[str, str], list[_Span]] = {}
        for place, spans in self._spans.items():
            lanes = sorted({lane for task, project, lane in rows if (task, project) == place})
            taken: list[str] = []
            for since, before in spans:
                some = [lane for lane in lanes if since <= lane < before]
                if len(taken) >= self._most:
                    left.setdefault(place, []).append((since, before))
                    continue
                taken += some
                if len(some) >= self._most:
                    left.setdefault(place, []).append((f"{some[-1]}\x01", before))
            found += [(*place, lane) for lane in taken]
        self._spans = left
        return found
