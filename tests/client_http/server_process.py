"""A server, with a worker, in a process of its own that may be killed: `python server_process.py STORE PORT SECRET
[VERB before|after]`. It prints its port once it answers. Its task `count` writes a line for each run to the file
runs.txt beside the store. With a verb it kills itself right before, or right after, the first time it writes that."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from stook.config.settings import read_settings
from stook.core.policy import TaskPolicy
from stook.server.lifecycle import Server
from stook.server.limits import Limits
from stook.server.services import Services
from stook.wiring.body_items import BodyItems
from stook.wiring.endpoint_secrets import EndpointSecretsOf
from stook.wiring.session import open_session
from stook.wiring.webhooks import sealer_of
from stook.worker.definition import define


def doomed(store, name, when):
    write = store.write

    async def until(verb, *args, **options):
        if verb.__name__ != name:
            return await write(verb, *args, **options)
        if when == "after":
            await write(verb, *args, **options)
        return os.kill(os.getpid(), signal.SIGKILL)

    store.write = until


async def main(store, port, secret, *doom):
    runs = os.open(Path(store).with_name("runs.txt"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    async def count(item: dict) -> int:
        os.write(runs, b"%d\n" % item["id"])
        return item["id"]

    async with open_session(read_settings(url=f"sqlite:///{store}", lease_seconds=2.0)) as session:
        if doom:
            doomed(session.store, *doom)
        secrets = EndpointSecretsOf(session.settings, session.store)
        services = Services(
            session.store,
            session.engine.blobs,
            BodyItems(),
            Limits(),
            endpoint_secrets=secrets,
            seal=sealer_of(session.settings, session.store),
        )
        await services.keys.ensure_first(secret)
        definitions = {"count": define(count, name="count", policy=TaskPolicy(max_attempts=3))}
        async with session.working(definitions), Server(services, port=port) as server:
            print(server.url.rpartition(":")[2], flush=True)
            await server.wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:]))
