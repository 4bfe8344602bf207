"""An execution beside its release: what the routes that show one all need."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from stook.core.deployment import Deployment
from stook.core.states import TERMINAL, State
from stook.core.vellum_events import REJECTED, RunFacts, run_facts
from stook.engine.hosted_events import HostedEvents
from stook.engine.hosted_executions import HostedExecution
from stook.server.dialects.vellum.asking import find_execution
from stook.server.dialects.vellum.ending import Rejection, rejection_of
from stook.server.dialects.vellum.refused import not_there
from stook.server.dialects.vellum.states import Wire, wire_state

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stook.server.call import Call

__all__ = ["STREAMED", "Shown", "facts_of", "find_shown", "show", "show_all", "streamed", "told_of"]

STREAMED = "workflow.execution.streaming"


class Shown(msgspec.Struct, frozen=True):
    execution: HostedExecution
    release: Deployment
    wire: Wire
    rejection: Rejection | None

    @property
    def ended(self) -> bool:
        return self.execution.state in TERMINAL


async def find_shown(call: Call, text: str) -> Shown:
    """404 for one that this project has not."""
    return await show(call, await find_execution(call, text))


async def show(call: Call, execution: HostedExecution) -> Shown:
    return (await show_all(call, [execution]))[0]


async def show_all(call: Call, executions: Sequence[HostedExecution]) -> list[Shown]:
    """With what each has told, asked for all at once."""
    releases: dict[str, Deployment] = {}
    for one in executions:
        if one.deployment_id not in releases:
            found = await call.services.deployments.get(call.key.project, one.deployment_id)
            if found is None:
                raise not_there(f"the release of execution {one.id} is gone")
            releases[one.deployment_id] = found
    telling = await streamed(call, [one for one in executions if one.state not in TERMINAL])
    failed = [one.id for one in executions if one.state is State.failed]
    told = await HostedEvents(call.services.store).last(failed, REJECTED) if failed else {}
    return [
        Shown(
            one,
            releases[one.deployment_id],
            wire_state(one.state, begun=one.begun, streamed=one.id in telling),
            rejection_of(one, told.get(one.id)),
        )
        for one in executions
    ]


async def streamed(call: Call, executions: Sequence[HostedExecution]) -> set[str]:
    """Ids of those that have told an output, whatever became of them since."""
    asked = [one.id for one in executions if one.begun]
    return set(await HostedEvents(call.services.store).last(asked, STREAMED)) if asked else set()


def facts_of(call: Call, shown: Shown) -> RunFacts:
    """What events say of a run that its runtime does not know."""
    execution, release = shown.execution, shown.release
    return run_facts(
        execution.id,
        call.key.project,
        execution.app,
        release.id,
        execution.label,
        release.facts,
        external_id=execution.external_id,
        metadata=execution.metadata or None,
        actor=execution.actor,
    )


def told_of(call: Call) -> HostedEvents:
    return HostedEvents(call.services.store)
