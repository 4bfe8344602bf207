"""V1: workflows over a limit. Vellum's own client starts a thousand, polls them to their ends, and verifies each
webhook; its own command line has pushed what they run.

    client ──submit, poll──▶ server, host ──▶ processes ──▶ journal: when each run began and ended
    receiver ◀──webhooks────────┘
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import time
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import httpx
from standardwebhooks import Webhook

from soak.crew import Crew
from soak.processor_time import processor_time
from soak.report import Ledger
from soak.servers import ROLE, Servers, make_keys
from soak.workflow_receiver import WorkflowReceiver
from stook.config.settings import read_settings
from stook.hosting.building import Building, EnvironmentFailed
from stook.hosting.python_environment import python_for
from stook.hosting.vellum_environment import REQUIREMENTS
from stook.wiring.session import open_session

if TYPE_CHECKING:
    from soak.databases import Database

__all__ = ["run_workflows"]

SECRET: Final = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="  # noqa: S105 -- of a receiver that lives for minutes
_PROGRAMS: Final = Path(__file__).parent / "vellum"
_BEGUN: Final = "workflow.execution.initiated"
_PATIENCE: Final = 1800.0
_WEBHOOK_SECONDS: Final = 120.0
"""Within which, after the last run has ended, everything is told."""


async def run_workflows(
    database: Database, folder: Path, *, seed: int, runs: int, limit: int, home: Path | None = None
) -> tuple[dict[str, int], Ledger]:
    """`home`: where the client's environment is kept, which the host uses too; else a fresh one is made."""
    ledger = Ledger()
    project = f"soak-vellum-{seed}-{int(time.time())}"
    home, nothing = home or folder / "hosting", folder / "nothing"
    for one in (home, nothing):
        await asyncio.to_thread(one.mkdir, parents=True, exist_ok=True)
    python = await _client_python(home, nothing)
    async with open_session(read_settings(url=database.url, project=project)) as session:
        (key,) = await make_keys(session, "admin")
    settings = {
        "STOOK_HOSTING": "on",
        "STOOK_HOSTING_FOLDER": str(home),
        "STOOK_HOSTING_REPLICAS": str(limit + 2),
        "STOOK_WEBHOOK_ALLOWED_CIDRS": "127.0.0.0/8",
    }
    receiver = WorkflowReceiver(folder / "received.jsonl", SECRET)
    journal = folder / "journal"
    journal.touch()
    with Crew(folder, project) as crew, _environment(settings):
        servers = Servers(crew, database.url, 1)
        await servers.ready()
        (url,) = servers.urls
        server = crew.posts[0].child
        assert server is not None
        there = _Client(python, folder / "user", url, key)
        await there.push()
        await _set_up(url, key, receiver.url, limit)
        before, began = processor_time(server.pid), time.monotonic()
        done = await there.ask("runs", str(runs), str(journal))
        took = time.monotonic() - began
        came = await asyncio.to_thread(receiver.wait_for, 2 * runs, _WEBHOOK_SECONDS)
        after = processor_time(server.pid)
        await crew.end((ROLE,), 60.0)
        crew.told(ledger)
    receiver.close()
    _look_at_runs(ledger, done, runs)
    most = _look_at_journal(ledger, journal, runs, limit)
    await _look_at_webhooks(ledger, there, receiver, done)
    return {
        "runs": runs,
        "at once at most": most,
        "seconds to the last end": round(took),
        "polls": done["polls"],
        "webhooks": came,
        "CPU seconds of server and host": round(after.own - before.own),
        "CPU seconds of workflows' processes": round(after.started - before.started),
        "CPU seconds of the client": round(done["cpu"]),
    }, ledger


def _look_at_runs(ledger: Ledger, done: dict[str, Any], runs: int) -> None:
    ended = sum(done["ends"].values())
    ledger.expect("each run ended", ended == runs == len(done["ids"]), f"{ended} of {runs}, {len(done['ids'])} ids")
    ledger.looked("each run ended as its input says", runs)
    for one in done["wrong"]:
        ledger.wrong("each run ended as its input says", str(one))


def _look_at_journal(ledger: Ledger, journal: Path, runs: int, limit: int) -> int:
    moments = sorted((int(at), int(step)) for at, step in map(str.split, journal.read_text().splitlines()))
    ledger.expect("each run ran once", len(moments) == 2 * runs, f"{len(moments)} beginnings and ends of {runs} runs")
    most = max(accumulate(step for _, step in moments), default=0)
    what = "the limit was kept, and used"
    ledger.expect(what, most <= limit, f"{most} ran at once, {limit} may")
    ledger.expect(what, most > 1, "no two ran at once")
    return most


async def _look_at_webhooks(ledger: Ledger, there: _Client, receiver: WorkflowReceiver, done: dict[str, Any]) -> None:
    found = await there.ask("verify", str(receiver.file))
    lines = receiver.file.read_text().splitlines()
    what = "each webhook is signed as Vellum signs, and as Standard Webhooks do"
    ledger.looked(what, len(lines))
    for event_id in found["unsigned"]:
        ledger.wrong(what, f"event {event_id}")
    for line in lines:
        got = json.loads(line)
        try:
            Webhook(SECRET).verify(got["body"], got["headers"])
        except Exception as error:  # noqa: BLE001 -- whatever it says
            ledger.wrong(what, f"{got['headers'].get('webhook-id')}: {error}")
    what = "each run told once that it began, and once how it ended"
    for execution_id, number in done["ids"].items():
        end = "workflow.execution." + ("rejected" if number % 10 == 0 else "fulfilled")
        told = sorted(found["told"].pop(execution_id, {}).values())
        ledger.expect(what, told == sorted((_BEGUN, end)), f"run {number}, {execution_id}: {told}")
    ledger.expect(what, not found["told"], f"of others: {sorted(found['told'])[:5]}")


class _Client:
    def __init__(self, python: Path, folder: Path, url: str, key: str) -> None:
        self._python, self._folder = python, folder
        shutil.copytree(_PROGRAMS, folder)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("VELLUM_", "STOOK_"))}
        self._environment = kept | {"VELLUM_API_KEY": key, "VELLUM_API_URL": f"{url}/vellum", "HOME": str(folder)}

    async def push(self) -> None:
        words = ("workflows", "push", "counted_wf", "--deploy", "--deployment-name", "counted")
        await self._run(str(self._python.parent / "vellum"), *words)

    async def ask(self, *words: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(await self._run(str(self._python), "client.py", *words))
        return found

    async def _run(self, *command: str) -> str:
        def run() -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                command,
                cwd=self._folder,
                env=self._environment,
                capture_output=True,
                text=True,
                timeout=_PATIENCE,
                check=False,
            )

        done = await asyncio.to_thread(run)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command[:3])}: {(done.stderr or done.stdout)[-1000:]}")
        return done.stdout


class _environment:  # noqa: N801 -- a context manager, used as a function
    """Settings of the servers that are started within."""

    def __init__(self, settings: dict[str, str]) -> None:
        self._settings = settings
        self._before: dict[str, str | None] = {}

    def __enter__(self) -> None:
        self._before = {name: os.environ.get(name) for name in self._settings}
        os.environ.update(self._settings)

    def __exit__(self, *_: object) -> None:
        for name, value in self._before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


async def _set_up(url: str, key: str, receiver: str, limit: int) -> None:
    headers = {"authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(base_url=f"{url}/api/v1", headers=headers, timeout=60) as http:
        endpoint = {"url": receiver, "secret": SECRET, "tasks": ["counted"]}
        (await http.post("/webhook-endpoints", json=endpoint)).raise_for_status()
        limited = {"queue": "vellum/counted", "max_concurrency": limit}
        (await http.patch("/limits", json=limited)).raise_for_status()


async def _client_python(home: Path, nothing: Path) -> Path:
    try:
        return await python_for(
            nothing, default=REQUIREMENTS, building=Building(home), say=lambda _: None, unique="soak"
        )
    except EnvironmentFailed as error:
        raise RuntimeError(f"V1 needs {REQUIREMENTS[0]}, which cannot be installed: {error}") from None
