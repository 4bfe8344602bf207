"""What a task's code says of how it is run holds where it is hosted, or is refused when it is deployed."""

from __future__ import annotations

import asyncio
import json

import pytest

from stook.core.policy import ConcurrencyLimit, FailurePolicy, RateLimit, RetryPolicy, TaskPolicy
from stook.core.states import State
from stook.engine.catalogue import Catalogue
from stook.hosting.replica import Loaded, Raised, Unloadable
from tests.hosting.code import replica_of, run, write
from tests.hosting.test_host import with_owner

APP = """
    import contextlib, os
    import msgspec
    from pathlib import Path
    import stook
    from stook import ConcurrencyLimit, Fail, FailurePolicy, NonRetryable, RateLimit, RetryAfter, RetryPolicy
    from stook import SyncContext

    @contextlib.asynccontextmanager
    async def resources():
        yield {"rate": 7}
        Path(os.environ["LEFT"]).write_text("left")

    app = stook.App("app", context=resources)
    AGAIN = RetryPolicy(backoff="fixed", base=0, retry_on=(ConnectionError,))

    class Row(msgspec.Struct):
        n: int

    @app.task(
        queue="gpu", max_attempts=4, retry=AGAIN, timeout=33, max_concurrency=5, max_losses=9, cancel_grace=2,
        concurrency=None, rate_limit=RateLimit(10, 1, key="tenant"), window=("00:00", "23:59"),
        failures=FailurePolicy(max_failed=3), rerun_lost=False,
    )
    def termed(payload: dict): ...

    @app.task(concurrency=ConcurrencyLimit(2, key="tenant"))
    def keyed(payload: dict): ...

    @app.task(max_attempts=3, retry=AGAIN)
    def flaky(payload, ctx: SyncContext):
        if ctx.attempt < 3:
            raise ConnectionResetError(f"at attempt {ctx.attempt} of {ctx.max_attempts}")
        return [ctx.attempt, ctx.queue, ctx.rate, ctx.tags]

    @app.task(max_attempts=3, retry=AGAIN)
    def ends(payload):
        match payload:
            case "other": raise ValueError("not of the kind that is tried again")
            case "final": raise NonRetryable("for good")
            case "verdict": return Fail("said so", retry=False)
            case "exits": os._exit(3)

    @app.task
    def later(payload): raise RetryAfter(77)

    @app.task(max_attempts=3)
    def typed(row: Row): return row.n

    @app.task
    def remembers(payload, ctx: SyncContext):
        return given(ctx)

    def given(ctx):
        return ctx.step("one", dict)
"""


def test_an_attempt_says_what_is_to_become_of_it_and_the_context_what_it_is(tmp_path):
    async def main():
        root = write(tmp_path, main_dot_py=APP)
        async with replica_of(root, "main.py", env={"LEFT": str(tmp_path / "left")}) as (replica, loaded):
            assert isinstance(loaded, Loaded), loaded
            (app,) = loaded.apps
            policies = {action.name: action.policy for action in app.actions}
            again = RetryPolicy(backoff="fixed", base=0, retry_on=("ConnectionError",))
            termed = policies["main.termed"]
            assert termed == TaskPolicy(
                queue="gpu",
                max_attempts=4,
                retry=again,
                timeout=33,
                max_concurrency=5,
                max_losses=9,
                cancel_grace=2,
                rates=(RateLimit(10, 1, key="tenant"),),
                window=termed.window,
                failures=FailurePolicy(max_failed=3),
                rerun_lost=False,
            )
            assert termed.window is not None
            assert policies["main.keyed"].limits == (ConcurrencyLimit(2, key="tenant"),)
            for given, expected in {
                "other": ("ValueError", False, None),
                "final": ("NonRetryable", False, None),
                "verdict": ("HandlerFailure", False, None),
            }.items():
                found = await run(replica, "ends", given)
                assert (found.type, found.retryable, found.retry_after) == expected
            assert (await run(replica, "flaky", 1)).retryable is True
            later = await run(replica, "later")
            assert (later.type, later.retryable, later.retry_after) == ("RetryAfter", True, 77.0)
            invalid = await run(replica, "typed", {"n": "one"})
            assert (invalid.code, invalid.retryable) == ("payload_invalid", False)
            unheard = await run(replica, "remembers", 1)
            assert (unheard.code, unheard.retryable) == ("unsupported_by_backend", False)
            assert "task 'main.remembers' is hosted" in unheard.message
            assert isinstance(await run(replica, "flaky", 1), Raised)  # with what the context was entered for
            await asyncio.sleep(1)  # from its answer to its rest, where it would not leave, it goes unseen
            await replica.stop(5)
        assert (tmp_path / "left").read_text() == "left"

    asyncio.run(main())


REFUSED = {
    "triggers": ("@app.task(triggers=stook.Cron('0 * * * *'))\ndef tick(): ...", "has triggers=, Cron among them"),
    "strict": ("@app.task(strict_steps=True)\ndef tick(): ...", "has strict_steps=True"),
    "step": (
        "@app.task\nasync def tick(row, context):\n    async def inner():\n        await context.step('a', dict)\n",
        "uses ctx.step (line 6)",
    ),
    "sleep": ("@app.task\ndef tick(ctx: stook.SyncContext):\n    ctx.sleep('a', 1)\n", "uses ctx.sleep (line 5)"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_a_hosted_task_cannot_have_is_refused_when_it_is_loaded(tmp_path, what):
    text, reason = REFUSED[what]

    async def main():
        root = write(tmp_path, main_dot_py=f"import stook\napp = stook.App('app')\n{text}\n")
        async with replica_of(root, "main.py") as (_, answer):
            assert isinstance(answer, Unloadable)
            assert answer.message.startswith(f"task 'main.tick' {reason}")
            assert "stook worker" in answer.message

    asyncio.run(main())


BATCHED = """
    import stook
    app = stook.App("app")

    @app.task(batch=stook.BatchConfig(size=10))
    def many(rows: list): ...
"""


def test_a_deployed_task_is_run_as_its_code_says(tmp_path, hosting_folder):
    async def main(me):
        async with me.host():
            app = await me.deploy(write(tmp_path / "a", main_dot_py=APP), env={"LEFT": str(tmp_path / "left")})
            assert (app.state, app.reason) == ("running", None)
            flaky = await me.outcome(app, "main.flaky", 1)
            assert (flaky.state, flaky.attempt) == (State.succeeded, 3)
            assert json.loads(flaky.result) == [3, "stook/app", 7, []]
            for given, attempts in {"other": 1, "exits": 1}.items():  # nothing but connections is tried again
                failed = await me.outcome(app, "main.ends", given)
                assert (failed.state, failed.attempt) == (State.failed, attempts)
            tasks = {one.name.rpartition("/")[2]: one for one in await Catalogue(me.session.store, "default").list()}
            assert tasks["main.termed"].queue == "gpu"
            assert tasks["main.termed"].policy.max_attempts == 4
            assert tasks["main.flaky"].queue == "stook/app"
            assert json.loads(tasks["main.typed"].schema)["$ref"].endswith("Row")
            batched = await me.deploy(write(tmp_path / "b", main_dot_py=BATCHED))
            assert batched.state == "failed"
            assert batched.reason == (
                "task 'main.many' of app 'app' cannot be hosted: it has batch=, and hosted tasks take one payload a "
                "call: leave it out"
            )

    with_owner(tmp_path, hosting_folder, main)
