"""Apps for Kernel in TypeScript and JavaScript, with its real SDK, installed by npm."""

from __future__ import annotations

import asyncio
import json
import shutil

import pytest

from stook.hosting.building import Building, EnvironmentFailed
from stook.hosting.launch import ProcessLimits, bootstrap_file
from stook.hosting.node_environment import node_for
from stook.hosting.replica import Died, Done, Loaded, Raised, Replica, Unloadable
from tests.hosting.code import PATIENCE, Lines, run, write

pytestmark = [
    pytest.mark.skipif(shutil.which("node") is None, reason="takes node"),
    pytest.mark.timeout(300),  # the first run on a machine installs the SDK and tsx
]
PACKAGE = {"dependencies": {"@onkernel/sdk": "0.84.0"}}
ENV = {"KERNEL_API_KEY": "k", "KERNEL_BASE_URL": "http://127.0.0.1:9/kernel"}


def with_node(hosting_folder, root, entrypoint, main):
    async def opened():
        said = []
        building = Building(hosting_folder)
        environment = await node_for(root, entrypoint, building=building, say=said.append, unique="unique")
        program = root / ".stook-replica.mjs"
        shutil.copy(bootstrap_file("kernel_node.mjs"), program)
        loader = [] if environment.loader is None else ["--import", environment.loader.as_uri()]
        argv = [environment.node, *loader, str(program)]
        replica = await Replica.start(argv, cwd=root, env={"OF_THE_HOST": "1"}, limits=ProcessLimits())
        try:
            frame = {"path": str(root), "entrypoint": entrypoint, "env": ENV, "most": 1000}
            async with asyncio.timeout(PATIENCE):
                loaded = await replica.load(frame)
            return await main(replica, loaded)
        finally:
            await replica.stop()

    return asyncio.run(opened())


def test_typescript_runs_as_it_is_written_for_kernel(hosting_folder, tmp_path):
    root = write(
        tmp_path,
        package_dot_json=json.dumps({**PACKAGE, "type": "module"}),
        index_dot_ts="""
            import { Kernel, KernelContext } from '@onkernel/sdk';
            import { greet } from './lib/greet';
            enum Colour { Red = 'red' }
            interface In { name: string }
            const kernel = new Kernel();
            const app = kernel.app('ts');
            let count = 0;
            app.action<In, unknown>('greet', async (ctx: KernelContext, payload?: In) => {
              console.log('greeting', payload?.name);
              console.error('to stderr');
              setInterval(() => {}, 1000);
              return { said: greet(payload!.name), colour: Colour.Red, id: ctx.invocation_id, count: ++count,
                       env: process.env, cwd: process.cwd(), argv: process.argv.length };
            });
            app.action('payload', async (ctx: KernelContext, payload?: unknown) => ({ kind: typeof payload }));
            app.action('defaulted', async (ctx: KernelContext, payload: any = {}) => payload);
            app.action('nothing', async (ctx: KernelContext) => undefined);
            app.action('fails', async (ctx: KernelContext) => { throw new RangeError('too far'); });
            app.action('late', async (ctx: KernelContext) => {
              setTimeout(() => { throw new Error('too late'); }, 1);
              await new Promise(() => {});
            });
            app.action('big', async (ctx: KernelContext) => 10n);
            app.action('much', async (ctx: KernelContext) => 'x'.repeat(1001));
            app.action('leaves', async (ctx: KernelContext) => process.exit(4));
        """,
        lib__greet_dot_ts="export function greet(name: string): string { return `hello ${name}`; }",
    )

    async def main(replica, loaded):
        async def call(action, *payload, sink=None):
            given = payload[0] if payload else ...
            return await run(replica, action, given, app="ts", module="", sink=sink, execution="inv")

        assert isinstance(loaded, Loaded), loaded
        assert [app.name for app in loaded.apps] == ["ts"]
        assert {action.input_schema for action in loaded.apps[0].actions} == {None}
        sink = Lines()
        found = json.loads((await call("greet", {"name": "you"}, sink=sink)).output)
        assert (found["said"], found["colour"], found["id"], found["count"]) == ("hello you", "red", "inv", 1)
        assert found["env"] == ENV
        assert (found["cwd"], found["argv"]) == (str(root), 2)
        assert sorted(sink.all) == [("stderr", "to stderr"), ("stdout", "greeting you")]
        kinds = [json.loads((await call("payload", *one)).output)["kind"] for one in ((), (None,), (1,))]
        assert kinds == ["undefined", "object", "number"]
        assert await call("defaulted", {"lost": True}) == Done("{}")
        assert await call("nothing") == Done("null")
        fails = await call("fails", sink=sink)
        assert (fails.type, fails.message) == ("RangeError", "too far")
        assert "index.ts" in fails.traceback
        assert ".stook-replica" not in fails.traceback
        assert any("RangeError" in line for line in sink.text)
        assert (await call("big")).code == "result_not_serializable"
        assert (await call("much")).code == "result_too_large"
        late = await call("late")
        assert isinstance(late, Raised)
        assert (late.message, replica.spent) == ("too late", True)
        assert await call("leaves") == Died("exited with status 4")

    with_node(hosting_folder, root, "index.ts", main)


def test_the_registry_of_commonjs_is_read_too(hosting_folder, tmp_path):
    root = write(
        tmp_path,
        package_dot_json=json.dumps(PACKAGE),
        index_dot_js="""
            const { Kernel } = require('@onkernel/sdk');
            const app = new Kernel().app('cjs');
            app.action('a', async (ctx) => ctx.invocation_id);
        """,
    )

    async def main(replica, loaded):
        assert [app.name for app in loaded.apps] == ["cjs"]
        assert await run(replica, "a", app="cjs", module="", execution="inv") == Done('"inv"')

    with_node(hosting_folder, root, "index.js", main)


def test_what_cannot_be_loaded_says_why_and_where(hosting_folder, tmp_path):
    package = json.dumps({**PACKAGE, "type": "module"})
    root = write(
        tmp_path,
        package_dot_json=package,
        empty_dot_js="export const x = 1;\n",
        missing_dot_js="import '@onkernel/sdk';\nimport 'nowhere';\n",
        throws_dot_js="const x = 1;\n\nthrow new TypeError('at once');\n",
    )

    async def main(_, answer):
        assert isinstance(answer, Unloadable)
        return answer

    assert "must stay external" in with_node(hosting_folder, root, "empty.js", main).message
    missing = with_node(hosting_folder, root, "missing.js", main)
    assert "nowhere" in missing.message
    assert missing.where == "missing.js"
    throws = with_node(hosting_folder, root, "throws.js", main)
    assert (throws.type, throws.message, throws.where) == ("TypeError", "at once", "throws.js:3")


def test_modules_that_come_along_are_used_as_they_are(hosting_folder, tmp_path):
    root = write(
        tmp_path,
        package_dot_json=json.dumps({"dependencies": {"no-such-package-anywhere": "1"}}),
        node_modules__brought__index_dot_js="module.exports = 'brought';",
        index_dot_js="throw new Error(require('brought'));",
    )

    async def main(_, answer):
        return answer.message

    assert with_node(hosting_folder, root, "index.js", main) == "brought"


def test_a_package_file_that_is_none_says_so(hosting_folder, tmp_path):
    root = write(tmp_path, package_dot_json="{", index_dot_js="")
    with pytest.raises(EnvironmentFailed, match=r"package\.json is no JSON"):
        with_node(hosting_folder, root, "index.js", None)
