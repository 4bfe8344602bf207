"""What somebody does who has nothing but the released SDK and a base URL. Run by the SDK's own interpreter, with the
folder of an app and its entrypoint; says what it saw as JSON."""

from __future__ import annotations

import io
import json
import sys
import zipfile
from pathlib import Path

import kernel


def zipped(folder):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for one in sorted(folder.rglob("*")):
            archive.write(one, one.relative_to(folder))
    return made.getvalue()


def main(folder, entrypoint):
    client = kernel.Kernel(_strict_response_validation=True)
    archive = Path(folder).with_suffix(".zip")
    archive.write_bytes(zipped(Path(folder)))
    made = client.deployments.create(
        file=archive, entrypoint_rel_path=entrypoint, env_vars={"GREETING": "hi", "NO": ""}
    )
    assert made.status == "queued", made
    summaries, states = [], []
    for event in client.deployments.follow(made.id):
        if event.event == "app_version_summary":
            summaries.append(event.app_name)
        elif event.event == "deployment_state":
            states.append(event.deployment.status)
            if states[-1] in ("running", "failed", "stopped"):
                assert states[-1] == "running", event
                break
    (app,) = list(client.apps.list(app_name="sums"))
    assert app.deployment == made.id
    assert app.env_vars == {"GREETING": ""}, app.env_vars

    sync = client.invocations.create(app_name="sums", action_name="add", version="latest", payload='{"n": 1}')
    bad = client.invocations.create(app_name="sums", action_name="add", version="latest", payload='{"n": 7}')
    queued = client.invocations.create(
        app_name="sums", action_name="add", version="latest", payload='{"n": 2}', async_=True
    )
    followed = list(client.invocations.follow(queued.id))
    told = "".join(one.message for one in client.invocations.follow(bad.id) if one.event == "log")
    prefix = client.invocations.retrieve(queued.id)
    try:
        client.invocations.update(queued.id, status="failed")
    except kernel.BadRequestError as error:
        finished = error.body["code"]
    else:
        finished = None

    payloads = [json.dumps({"n": n}) for n in range(500)]
    batch = client.with_options(max_retries=0).post(
        "/invocations/batch",
        cast_to=object,
        body={"app_name": "sums", "action_name": "add", "payloads": payloads, "max_concurrency": 5},
    )
    number = batch["batch_job_id"]
    events = list(
        client.get(
            f"/batch_jobs/{number}/events",
            cast_to=object,
            stream=True,
            stream_cls=kernel.Stream[object],
            options={"headers": {"Accept": "text/event-stream"}},
        )
    )
    whole = client.get(f"/batch_jobs/{number}", cast_to=object)
    listed = client.get("/batch_jobs", cast_to=object, options={"params": {"status": "partially_failed"}})
    everything = [one.id for one in client.invocations.list(limit=90)]
    failed = list(client.invocations.list(app_name="sums", status="failed", limit=100))

    errors = {}
    for name, call in {
        "no app": lambda: client.invocations.create(app_name="no", action_name="add", version="latest"),
        "bad payload": lambda: client.invocations.create(
            app_name="sums", action_name="add", version="latest", payload="{"
        ),
        "no invocation": lambda: client.invocations.retrieve("nothing"),
        "browsers": client.browsers.create,
        "no key": kernel.Kernel(api_key="stk_no").apps.list,
    }.items():
        try:
            call()
        except kernel.APIStatusError as error:
            errors[name] = [type(error).__name__, error.status_code, error.body["code"]]

    client.deployments.delete(made.id)
    left = [one.id for one in client.deployments.list()]
    stopped = client.deployments.retrieve(made.id).status
    late = [one.event for one in client.deployments.follow(made.id, since="1h")]

    seen = {
        "summaries": summaries,
        "states": states,
        "sync": [sync.status, json.loads(sync.output)],
        "bad": [bad.status, bad.status_reason, json.loads(bad.output)],
        "traceback": "Traceback" in told and "ValueError: bad 7" in told,
        "queued": queued.status,
        "followed": [one.event for one in followed if one.event != "sse_heartbeat"],
        "logs": [one.message.rstrip() for one in followed if one.event == "log"],
        "ended": followed[-1].invocation.status,
        "retrieved": prefix.output,
        "finished": finished,
        "events": sorted({one["event"] for one in events}),
        "last": [events[-1]["event"], events[-1]["batch_job"]["status"]],
        "counts": [whole["succeeded_count"], whole["failed_count"], whole["total_count"]],
        "in_order": [one["payload"] for one in whole["invocations"]] == payloads,
        "listed": [one["id"] for one in listed] == [number],
        "everything": [len(everything), len(set(everything))],
        "failed": sorted(json.loads(one.payload)["n"] for one in failed),
        "errors": errors,
        "left": left,
        "stopped": stopped,
        "late": [late.count("log") > 400, late[-1]],
    }
    print(json.dumps(seen))


if __name__ == "__main__":
    main(*sys.argv[1:])
