"""A real server on a real store: uvicorn on a free port of a loop in its own thread."""

from __future__ import annotations

import asyncio
import contextlib
import threading

import httpx

from stook.client.transport import authorities
from stook.config.settings import read_settings
from stook.core.policy import TaskPolicy
from stook.engine.catalogue import Catalogue, TaskEntry
from stook.server.lifecycle import Server
from stook.server.limits import Limits
from stook.server.services import Services
from stook.wiring.body_items import BodyItems
from stook.wiring.endpoint_secrets import EndpointSecretsOf
from stook.wiring.session import open_session
from stook.wiring.webhooks import sealer_of
from stook.worker.definition import define

__all__ = ["SECRET", "Serving", "serving"]

SECRET = "stk_first_" + "0" * 40


class Serving:
    """`call` runs a coroutine on the server's loop; `client` speaks HTTP as the admin of project default."""

    def __init__(self, loop, session, services, server):
        self.loop, self.session, self.services, self.server = loop, session, services, server
        self.url = server.url
        self.secret = None
        self.client = None

    def call(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(60)

    def as_key(self, *scopes, project="default"):
        _, secret = self.call(self.services.keys.create(project, "test", scopes))
        return self.as_secret(secret)

    def as_secret(self, secret):
        headers = {} if secret is None else {"authorization": f"Bearer {secret}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=60, verify=authorities())

    @contextlib.contextmanager
    def working(self, **handlers):
        """A worker for these tasks, in the server's process."""
        made = {name: (handler, TaskPolicy(max_attempts=1)) for name, handler in handlers.items()}
        definitions = {name: define(one, name=name, policy=policy) for name, (one, policy) in made.items()}
        context = self.session.working(definitions)
        self.call(context.__aenter__())
        try:
            yield
        finally:
            self.call(context.__aexit__(None, None, None))

    def know(self, *names, **policy):
        entries = [TaskEntry(name, "default", TaskPolicy(**policy)) for name in names]
        self.call(Catalogue(self.session.store).see(entries))

    def follow(self, path, **options):
        return self.client.stream("GET", path, **options)


@contextlib.contextmanager
def serving(url, **limits):
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def call(coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result(60)

    context = open_session(read_settings(url=url))
    session = call(context.__aenter__())

    async def start():
        services = Services(
            session.store,
            session.engine.blobs,
            BodyItems(),
            Limits(**limits),
            endpoint_secrets=EndpointSecretsOf(session.settings, session.store),
            seal=sealer_of(session.settings, session.store),
            settings=session.settings,
        )
        server = Server(services, grace=5)
        await server.start()
        return services, server

    try:
        services, server = call(start())
        made = Serving(loop, session, services, server)
        made.secret = call(services.keys.ensure_first(None))
        if made.secret is None:
            _, made.secret = call(services.keys.create("default", "again", ["admin"]))
        with made.as_secret(made.secret) as client:
            made.client = client
            try:
                yield made
            finally:
                call(server.stop())
    finally:
        call(context.__aexit__(None, None, None))
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
