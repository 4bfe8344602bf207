"""Any sequence of verbs does to a store what it does to a few dicts. STOOK_MODEL_EXAMPLES=N looks at N sequences."""

from __future__ import annotations

import asyncio
import os

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.contract.stores import KINDS, open_store, renewed
from tests.databases import installed_sqlite
from tests.model.durable_machine import DurableMachine
from tests.model.store_machine import StoreMachine

EXAMPLES = int(os.environ.get("STOOK_MODEL_EXAMPLES", "0"))
# To shrink a failure takes minutes: that is for whoever looks for one.
PHASES = tuple(Phase) if EXAMPLES else (Phase.explicit, Phase.reuse, Phase.generate)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("machine", [StoreMachine, DurableMachine])
def test_a_store_does_what_its_model_does(kind, machine, request, tmp_path):
    few = {"sqlite": 60, "postgres": 20}[kind]
    limits = settings(max_examples=EXAMPLES or few, stateful_step_count=50, phases=PHASES)
    with asyncio.Runner() as runner:
        if kind == "sqlite":
            number = iter(range(10**9))

            def opened():
                return runner.run(open_store(installed_sqlite(tmp_path / f"{next(number)}.db")))

            def closed(store):
                runner.run(store.close())

            run_state_machine_as_test(lambda: machine(runner, opened, closed), settings=limits)
            return
        whole = runner.run(open_store(request.getfixturevalue("installed_postgres")))

        def emptied():
            runner.run(whole.tables.empty())
            return renewed(whole)

        try:
            run_state_machine_as_test(lambda: machine(runner, emptied, lambda _: None), settings=limits)
        finally:
            runner.run(whole.close())
