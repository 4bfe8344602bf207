"""The claim that most claims are: nothing is paused or suspected, no limit is near, and the work at the front asks for
nothing but its turn. Where the database can, it is one statement; `claim` knows the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from stook.core.states import State
from stook.core.terms import NO_TERMS, has_terms, read_terms
from stook.core.work import Claimed, Slice
from stook.store.script.batch_row import decode_metadata, decode_policy
from stook.store.script.change import CHANGED_ITEMS
from stook.store.script.remember import MEMOS
from stook.store.statement import Shortcut

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from stook.core.policy import ConcurrencyLimit
    from stook.store.script.claim import Ask
    from stook.store.statement import Row, Script

__all__ = ["Plain", "claim_plainly"]

FEW: Final = 4
MANY: Final = 24
"""Segments looked at: what is locked is hidden from other claims meanwhile, so no more than are likely to be taken."""
MOST_POLICIES: Final = 32
_OPEN: Final = bytes([State.queued, State.scheduled])
_OF_ITS_OWN: Final = MEMOS | CHANGED_ITEMS


class Plain:
    """What a source has learned for its next claims: policies under which work is plain as long as no limit is near,
    terms that are nothing but limits of a whole task, and how many segments it took to fill a claim."""

    def __init__(self) -> None:
        self.policies: dict[str, bool] = {}
        """Whether they have terms."""
        self.terms: dict[tuple[str, str], tuple[str | None, int | None]] = {}
        """By project and task: the text, and how many may run."""
        self.segments = FEW

    def learn_policies(self, texts: Iterable[str]) -> None:
        for text in texts:
            policy = decode_policy(text)
            if policy.batch is None:
                self.policies.setdefault(text, has_terms(policy))
        while len(self.policies) > MOST_POLICIES:
            del self.policies[next(iter(self.policies))]

    def learn_terms(self, front: Sequence[Row]) -> None:
        """Of the rows of `claim_front.sql`, for what has work just now and is limited."""
        bodies: dict[tuple[str, str], str] = {
            (project, task): body for kind, project, task, _, _, body, *_ in front if kind == "terms"
        }
        limited = {(project, name) for kind, project, name, *_ in front if kind == "task"}
        self.terms.clear()
        for kind, project, task, *_ in front:
            if kind != "flow" or project is None:
                continue
            body = bodies.get((project, task)) or bodies.get(("", task))
            terms = NO_TERMS if body is None else read_terms(body)
            plain = terms.window is None and not terms.rates and all(map(_is_plain, terms.limits))
            if plain and (body is not None or (project, task) in limited):
                self.terms[project, task] = body, min((one.n for one in terms.limits), default=None)


def _is_plain(limit: ConcurrencyLimit) -> bool:
    return limit.key is None and limit.unit == "execution"


class _Taken(msgspec.Struct, gc=False):
    """Columns of `claim_plain.sql`."""

    token: int
    batch_id: bytes
    first: int
    lo: int
    hi: int
    project: str
    task: str
    queue: str
    priority: int
    round: int
    attempt: int
    losses: int
    ready_at: int
    policy: str
    created_at: int
    metadata: str | None
    trace: str | None
    single: int
    now: int
    until: int
    items: bytes


def claim_plainly(ask: Ask, plain: Plain) -> Script[Claimed | None]:
    """None: nothing was claimed, the claim has to look closer. What it gives is what `claim` would, in its order, if
    less of it where something less plain follows."""
    if not plain.policies or ask.project is not None:
        return None
    most = min(ask.slices, plain.segments)
    tokens = [ask.tokens() for _ in range(most)]
    known = [(project, task, body, n) for (project, task), (body, n) in plain.terms.items()]
    rows: list[Row] | None = yield Shortcut(
        "claim_plain",
        (
            list(ask.tasks),
            ask.worker,
            ask.items,
            most,
            tokens,
            ask.lease_until(0),
            [text for text, terms in plain.policies.items() if not terms],
            [text for text, terms in plain.policies.items() if terms],
            _OPEN,
            _OF_ITS_OWN,
            *([one[at] for one in known] for at in range(4)),
        ),
        again=("claim_plain_again", (tokens,)),
        guards=[f"task:{project}:{task}" for project, task, *_ in known],
    )
    if not rows:
        return None
    slices = [_slice(_Taken(*row)) for row in rows]
    short = sum(len(one.offsets) for one in slices) < ask.items
    plain.segments = MANY if short and len(slices) == most else min(MANY, len(slices) + 1)
    return Claimed(slices, limited=short and bool(plain.terms))


def _slice(one: _Taken) -> Slice:
    return Slice(
        token=one.token,
        batch_id=one.batch_id,
        first=one.first,
        offsets=range(one.lo, one.hi),
        payload=b"[" + one.items + b"]",
        task=one.task,
        attempt=one.attempt,
        round=one.round,
        priority=one.priority,
        policy=decode_policy(one.policy),
        metadata=decode_metadata(one.metadata),
        trace=one.trace,
        single=bool(one.single),
        created_at=one.created_at,
        lease_until=one.until,
        project=one.project,
        queue=one.queue,
        waited=max(0, one.now - one.ready_at),
    )
