"""API keys and the task catalogue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response

from stook.server.call import answer
from stook.server.route import Route
from stook.server.shown import key_of, task_of
from stook.wire.key import KeyPage, NewKey, RotateKey, ShownKey
from stook.wire.task import Task, TaskPage

if TYPE_CHECKING:
    from stook.engine.keys import KeyView
    from stook.server.call import Call

__all__ = ["ROUTES", "show_secret"]


async def list_keys(call: Call) -> Response:
    views = await call.services.keys.list(call.key.project)
    return answer(KeyPage([key_of(view) for view in views]))


async def create_key(call: Call) -> Response:
    """The secret is shown this once."""
    body = await call.body(NewKey)
    by = call.recording("create key", None, "")
    view, secret = await call.services.keys.create(call.key.project, body.name, body.scopes, by=by)
    return show_secret(view, secret, 201)


async def revoke_key(call: Call) -> Response:
    key_id = call.path("key")
    by = call.recording("revoke key", None, f"key {key_id}")
    await call.services.keys.revoke(call.key.project, key_id, by=by)
    return Response(status_code=204)


async def rotate_key(call: Call) -> Response:
    body = await call.body(RotateKey)
    key_id = call.path("key")
    by = call.recording("rotate key", None, f"key {key_id}")
    view, secret = await call.services.keys.rotate(call.key.project, key_id, body.overlap, by=by)
    return show_secret(view, secret, 200)


async def list_tasks(call: Call) -> Response:
    return answer(TaskPage([task_of(view) for view in await call.tenant.catalogue.list()]))


async def show_task(call: Call) -> Response:
    return answer(task_of(await call.tenant.catalogue.find(call.path("task"))))


def show_secret(view: KeyView, secret: str, status: int) -> Response:
    shown = key_of(view)
    made = ShownKey(**{name: getattr(shown, name) for name in shown.__struct_fields__}, secret=secret)
    return answer(made, status, {"cache-control": "no-store"})


ROUTES = [
    Route(
        method="GET",
        path="/api/v1/keys",
        name="list_keys",
        scope="admin",
        handler=list_keys,
        summary="Keys of the project",
        answers=((200, KeyPage),),
    ),
    Route(
        method="POST",
        path="/api/v1/keys",
        name="create_key",
        scope="admin",
        handler=create_key,
        summary="A new key; its secret is shown this once",
        body=NewKey,
        answers=((201, ShownKey),),
    ),
    Route(
        method="DELETE",
        path="/api/v1/keys/{key}",
        name="revoke_key",
        scope="admin",
        handler=revoke_key,
        summary="It opens nothing any more",
        answers=((204, None),),
    ),
    Route(
        method="POST",
        path="/api/v1/keys/{key}/rotate",
        name="rotate_key",
        scope="admin",
        handler=rotate_key,
        summary="A new secret under the same id",
        body=RotateKey,
        answers=((200, ShownKey),),
    ),
    Route(
        method="GET",
        path="/api/v1/tasks",
        name="list_tasks",
        scope="read",
        handler=list_tasks,
        summary="Tasks that workers have said they know",
        answers=((200, TaskPage),),
    ),
    Route(
        method="GET",
        path="/api/v1/tasks/{task:path}",
        name="show_task",
        scope="read",
        handler=show_task,
        summary="One task",
        answers=((200, Task),),
    ),
]
