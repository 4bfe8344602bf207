"""Deployed code behind HTTP: a batch of Kernel's beside one of stook's own, submitted and drained. What both databases
are asked.

Both sides are measured in turns by one server, so that what else the machine does meets both: a figure is the median of
its turns.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import tempfile
import time
import zipfile
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Final

import msgspec

from bench.envs import home
from bench.gauges import cpu_seconds
from bench.probe import Ask, Figures, answer, latency, result, row, worker_beside
from bench.serving import Served, serving
from bench.subjects.noop import noop_of, rows
from bench.subjects.served import Api, Growth, known, worker
from stook import App, Client
from stook.config.settings import read_settings
from stook.core import deployment
from stook.core.hosted import hosted_task
from stook.engine.deployments import Deployments
from stook.engine.hosted_code import HostedCode
from stook.wiring.session import open_session
from stook.wiring.webhooks import sealer_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["main"]

TURNS: Final = 3
LOOK: Final = 0.02
IDLE: Final = 0.02
PATIENCE_S: Final = 240.0
LINES: Final = "application/x-ndjson"

KERNEL: Final = """
import kernel

app = kernel.App("bench")


@app.action("noop")
async def noop(context: kernel.KernelContext, payload):
    return {"id": payload["value"], "ok": True}
"""
NATIVE: Final = """
import stook

app = stook.App("bench")


@app.task("noop")
async def noop(payload):
    return {"id": payload["value"], "ok": True}
"""


def main(script: str, url_of: Callable[[Ask], str]) -> None:
    """Answers as `script`; `url_of` an `Ask` is the store's."""
    modes = {
        "submit": lambda ask: submit(ask, url_of(ask)),
        "drain": lambda ask: drain(ask, url_of(ask), script),
        "latency": lambda ask: warm_latency(url_of(ask), ask.n),
        "worker": lambda ask: worker(ask, url_of(ask)),
    }
    answer(modes)


# -------------------------------------------------------------------------------------------------------------- submit


def submit(ask: Ask, store: str) -> Figures:
    """The same payload bytes each way. Nothing is drained meanwhile; growth is that of the first of Kernel's bodies."""
    items = [msgspec.json.encode(one) for one in rows(ask.n)]
    raws = [msgspec.Raw(one) for one in items]
    encode = msgspec.json.encode
    asked = {"app_name": "bench", "action_name": "noop", "payloads": [one.decode() for one in items]}
    with known(store) as served:
        asyncio.run(publish(store))
        native, dialect = Api(served), Api(served, base="/kernel")

        def ways() -> Iterator[tuple[str, Callable[[], int]]]:
            body, plain, lines = encode(asked), encode({"task": "noop", "items": raws}), b"\n".join(items)
            yield "kernel", lambda: dialect.call("POST", "/invocations/batch", body)["total_count"]
            yield "json", lambda: native.call("POST", "/batches", plain)["total"]
            yield "lines", lambda: native.call("POST", "/batches?task=noop", lines, LINES)["total"]

        dialect.call("POST", "/invocations/batch", encode(asked | {"payloads": asked["payloads"][:100]}))
        with Growth(served.pid) as growth:
            next(ways())[1]()
        taken: dict[str, list[float]] = {}
        spent: dict[str, list[float]] = {}
        for _ in range(TURNS):
            for name, once in ways():
                cpu, start = cpu_seconds(served.pid), time.perf_counter()
                _check(once(), ask.n)
                taken.setdefault(name, []).append(time.perf_counter() - start)
                spent.setdefault(name, []).append(cpu_seconds(served.pid) - cpu)
    rates = {name: ask.n / median(found) for name, found in taken.items()}
    return {
        "rate": rates["kernel"],
        "json_rate": rates["json"],
        "lines_rate": rates["lines"],
        "to_json": rates["kernel"] / rates["json"],
        "to_lines": rates["kernel"] / rates["lines"],
        "growth_mib": growth.mib,
        **{f"{name}_cpu_s": median(found) for name, found in spent.items()},
    }


async def publish(store: str) -> None:
    """An app whose code nobody runs."""
    settings = read_settings({}, url=store)
    async with open_session(settings) as session:
        known_by = (session.store, session.engine.blobs, sealer_of(settings, session.store))
        with tempfile.NamedTemporaryFile(suffix=".zip") as file:
            file.write(zipped({"main.py": KERNEL}))
            file.flush()
            await Deployments(*known_by).create(
                "default",
                dialect="kernel",
                runtime="python",
                label="latest",
                entrypoint="main.py",
                archive=Path(file.name),
                env={},
            )
        order = await HostedCode(*known_by).take_build("bench", 60)
        assert order is not None
        await HostedCode(*known_by).publish(
            order.token, (deployment.App("bench", (deployment.Action("noop"),)),), facts={}
        )


def zipped(files: dict[str, str]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return made.getvalue()


# --------------------------------------------------------------------------------------------------------------- drain


class Hosting:
    """A server that hosts both apps."""

    def __init__(self, served: Served) -> None:
        self.served = served
        self.native, self.dialect = Api(served), Api(served, base="/kernel")
        with tempfile.TemporaryDirectory() as folder, Client(served.url, key=served.key) as client:
            for name, text in (("kernel", KERNEL), ("stook", NATIVE)):
                code = Path(folder) / name
                code.mkdir()
                (code / "main.py").write_text(text)
                client.deployments.deploy(code, "main.py", dialect=name, label="latest")  # type: ignore[arg-type]
            self.tasks = self._tasks(client)

    def _tasks(self, client: Client) -> dict[str, str]:
        """By dialect, once both are there."""
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            found: dict[str, str] = {
                one.dialect: hosted_task(one.deployment_id, one.app, one.actions[0].name)
                for one in client.deployments.apps()
            }
            failed = [one for one in client.deployments.list() if one.state == "failed"]
            if failed:
                raise RuntimeError(failed[0].reason)
            if len(found) == 2:
                return found
            time.sleep(LOOK)
        raise RuntimeError("the apps were not built in time")

    def pause(self, queue: str, *, paused: bool) -> None:
        body = {"queue": queue, "paused": paused}
        self.native.call("PATCH", "/limits", msgspec.json.encode(body))

    def drained(self, queue: str, send: Callable[[], str], n: int) -> float:
        """Seconds from the moment on which it may begin. What is sent is a batch, by its id."""
        self.pause(queue, paused=True)
        batch = send()
        time.sleep(0.2)
        start = time.perf_counter()
        self.pause(queue, paused=False)
        until = start + PATIENCE_S
        while not (shown := self.native.call("GET", f"/batches/{batch}"))["finished_at"]:
            if time.perf_counter() > until:
                raise RuntimeError(f"not drained: {shown['counters']}")
            time.sleep(LOOK)
        taken = time.perf_counter() - start
        _check(shown["counters"]["succeeded"], n)
        return taken


def drain(ask: Ask, store: str, script: str) -> Figures:
    """Of one host: Kernel's app, stook's own app; and the same task on an ordinary worker beside it, at rest
    meanwhile. The queue is paused while the batch comes in."""
    raws = [msgspec.Raw(msgspec.json.encode(one)) for one in rows(ask.n)]
    payloads = [bytes(one).decode() for one in raws]
    encode = msgspec.json.encode

    with hosting_server(store) as host, worker_beside(script, ask):

        def kernel(payloads: Sequence[str] = payloads) -> str:
            body = encode({"app_name": "bench", "action_name": "noop", "payloads": payloads})
            return str(host.dialect.call("POST", "/invocations/batch", body)["batch_job_id"])

        def native(task: str, items: Sequence[msgspec.Raw] = raws) -> str:
            return str(host.native.call("POST", "/batches", encode({"task": task, "items": items}))["id"])

        ways: list[tuple[str, str, Callable[..., str]]] = [
            ("kernel", "kernel/bench", kernel),
            ("native", "stook/bench", lambda: native(host.tasks["stook"])),
            ("worker", "default", lambda: native("noop")),
        ]
        host.drained("kernel/bench", lambda: kernel(payloads[:10]), 10)
        host.drained("stook/bench", lambda: native(host.tasks["stook"], raws[:10]), 10)
        host.drained("default", lambda: native("noop", raws[:10]), 10)
        taken: dict[str, list[float]] = {}
        spent: dict[str, list[float]] = {}
        for _ in range(TURNS):
            for name, queue, send in ways:
                cpu = cpu_seconds(host.served.pid)
                taken.setdefault(name, []).append(host.drained(queue, send, ask.n))
                spent.setdefault(name, []).append(cpu_seconds(host.served.pid) - cpu)
        rates = {name: ask.n / median(found) for name, found in taken.items()}
    return {
        "rate": rates["kernel"],
        "native_rate": rates["native"],
        "worker_rate": rates["worker"],
        "to_native": rates["kernel"] / rates["native"],
        "to_worker": rates["kernel"] / rates["worker"],
        "host_cpu_s": median(spent["kernel"]),
    }


@contextlib.contextmanager
def hosting_server(store: str) -> Iterator[Hosting]:
    """Its environments are kept beside the peers'."""
    with App("bench", store=store) as app:
        noop_of(app, lambda: None)
        with app.working():
            pass
    folder = home() / "hosting"
    folder.mkdir(parents=True, exist_ok=True)
    environment = {"STOOK_HOSTING": "on", "STOOK_HOSTING_FOLDER": str(folder)}
    with serving(store, environment=environment) as served:
        yield Hosting(served)


def warm_latency(store: str, n: int) -> Figures:
    """From a submission that waits to its answer, on a process that is there."""
    with hosting_server(store) as host:
        body = {"app_name": "bench", "action_name": "noop", "version": "latest"}
        taken = []
        for index in range(n + 5):
            time.sleep(IDLE)
            payload = json.dumps(row(index))
            start = time.perf_counter()
            shown = host.dialect.call("POST", "/invocations", msgspec.json.encode(body | {"payload": payload}))
            taken.append(time.perf_counter() - start)
            if json.loads(shown["output"]) != result(row(index)):
                raise RuntimeError(f"invocation {index} answered {shown}")
    return latency(taken[5:])


def _check(found: Any, wanted: int) -> None:
    if found != wanted:
        raise RuntimeError(f"{found} of {wanted} items are there")
