"""Apps for Kernel as they are written for it, with its real SDK."""

from __future__ import annotations

import asyncio
import json

from stook.hosting.replica import Done, Loaded, Raised, Unloadable
from tests.hosting.code import Lines, replica_of, run, write

ENV = {"KERNEL_API_KEY": "k", "KERNEL_BASE_URL": "http://127.0.0.1:9/kernel"}
APP = """
    import asyncio
    import json
    import sys
    from typing import List, Optional, TypedDict

    import kernel
    from kernel import App, Kernel, KernelContext
    from pydantic import BaseModel

    client = Kernel()  # as every template has it
    app = App("first")
    other = kernel.App("second")
    lock = None

    class Leaf(TypedDict, total=False):
        size: int

    class Tree(TypedDict):
        leaves: List[Leaf]
        name: Optional[str]

    class Answer(BaseModel):
        ok: bool
        tree: "Branch"

    class Branch(BaseModel):
        pair: tuple[int, str]

    Answer.model_rebuild()

    @app.action("typed")
    async def typed(ctx: KernelContext, payload: Tree) -> Answer:
        return {"got": payload, "id": ctx.invocation_id, "kind": type(ctx).__name__}

    @app.action("untyped")
    def untyped(ctx, payload=None):
        return payload

    @app.action("without")
    def without(ctx: KernelContext) -> None:
        pass

    @app.action("own-loop")
    def own_loop(ctx: KernelContext):
        async def inner():
            await asyncio.sleep(0)
            return "inner"
        return asyncio.run(inner())

    @app.action("one-loop")
    async def one_loop(ctx: KernelContext):
        global lock
        if lock is None:
            lock = asyncio.Event()
            asyncio.get_running_loop().call_soon(lock.set)
        await lock.wait()
        return id(asyncio.get_running_loop())

    @app.action("exits")
    async def exits(ctx: KernelContext):
        sys.exit("enough")

    @app.action("nan")
    def nan(ctx: KernelContext):
        return float("nan")

    @other.action("same")
    def first(ctx: KernelContext):
        return "first"

    @other.action("same")
    def last(ctx: KernelContext):
        return "last"

    if __name__ == "__main__":
        raise SystemExit("not as a program")
"""


def with_kernel(kernel_python, folder, entrypoint, main):
    async def opened():
        how = {"python": kernel_python, "program": "kernel_python.py", "env": ENV}
        async with replica_of(folder, entrypoint, **how) as (replica, loaded):
            return await main(replica, loaded)

    return asyncio.run(opened())


def test_actions_are_called_as_kernel_calls_them(kernel_python, tmp_path):
    async def main(replica, loaded):
        async def call(action, *payload, app="first", sink=None):
            given = payload[0] if payload else ...
            return await run(replica, action, given, app=app, module="", sink=sink, execution="inv")

        assert isinstance(loaded, Loaded)
        assert [(app.name, len(app.actions)) for app in loaded.apps] == [("first", 7), ("second", 1)]
        typed = json.loads((await call("typed", {"a": [1, 2.5]})).output)
        assert typed == {"got": {"a": [1, 2.5]}, "id": "inv", "kind": "KernelContext"}
        assert await call("untyped") == Done("null")
        assert await call("untyped", 0) == Done("0")
        assert await call("without", {"ignored": True}) == Done("null")
        assert await call("own-loop") == Done('"inner"')
        loops = {(await call("one-loop")).output for _ in range(2)}
        assert len(loops) == 1
        assert await call("own-loop") == Done('"inner"')
        sink = Lines()
        exits = await call("exits", sink=sink)
        assert (exits.type, exits.message) == ("SystemExit", "enough")
        nan = await call("nan")
        assert isinstance(nan, Raised)
        assert nan.code == "result_not_serializable"
        assert await call("same", app="second") == Done('"last"')
        assert (sink.text[0], sink.text[-1]) == ("Traceback (most recent call last):", "SystemExit: enough")
        assert isinstance(await call("typed", 1, app="nowhere"), Raised)

    with_kernel(kernel_python, write(tmp_path, main_dot_py=APP), "main.py", main)


def test_schemas_are_draft_7_and_null_where_nothing_is_said(kernel_python, tmp_path):
    async def main(_, loaded):
        actions = {action.name: action for action in loaded.apps[0].actions}
        leaves = actions["typed"].input_schema["properties"]["leaves"]
        assert leaves["items"] == {"$ref": "#/definitions/Leaf"}
        assert actions["typed"].input_schema["definitions"]["Leaf"]["properties"]["size"]["type"] == "integer"
        assert actions["typed"].input_schema["required"] == ["leaves", "name"]
        branch = actions["typed"].output_schema["definitions"]["Branch"]["properties"]["pair"]
        assert [one["type"] for one in branch["items"]] == ["integer", "string"]
        assert "$defs" not in json.dumps([actions["typed"].input_schema, actions["typed"].output_schema])
        assert (actions["untyped"].input_schema, actions["untyped"].output_schema) == (None, None)
        assert actions["without"].output_schema == {"type": "null"}

    with_kernel(kernel_python, write(tmp_path, main_dot_py=APP), "main.py", main)


def test_an_entrypoint_may_lie_deep_and_be_called_as_anything(kernel_python, tmp_path):
    root = write(
        tmp_path,
        src__kernel_dot_py="""
            import beside, above, kernel
            app = kernel.App(beside.NAME + above.NAME + __name__)
            @app.action("a")
            def a(ctx): return __file__
        """,
        src__beside_dot_py="NAME = 'b'",
        above_dot_py="NAME = 'a'",
    )

    async def main(replica, loaded):
        assert [app.name for app in loaded.apps] == ["ba_entrypoint_kernel"]
        answer = await run(replica, "a", app="ba_entrypoint_kernel", module="")
        assert answer == Done(json.dumps(str(root / "src" / "kernel.py")))

    with_kernel(kernel_python, root, "src/kernel.py", main)


def test_what_registers_nothing_or_something_wrong_is_not_loaded(kernel_python, tmp_path):
    root = write(
        tmp_path,
        empty_dot_py="import kernel\n",
        wrong_dot_py="import kernel\n\n@kernel.App('x').action('y')\ndef y(): pass\n",
    )

    async def main(_, answer):
        assert isinstance(answer, Unloadable)
        return answer

    assert "registers no app" in with_kernel(kernel_python, root, "empty.py", main).message
    wrong = with_kernel(kernel_python, root, "wrong.py", main)
    assert (wrong.type, wrong.where) == ("TypeError", "wrong.py:3")
