"""All commands by what they are for: what `stook --help` shows, from this table alone."""

from __future__ import annotations

from typing import Final, NamedTuple

from stook import __version__

__all__ = ["COMMANDS", "Command", "overview"]


class Command(NamedTuple):
    name: str
    place: str
    """`module:function` that holds it, loaded when it runs."""
    summary: str
    """The first line of the function's docstring."""


COMMANDS: Final[dict[str, tuple[Command, ...]]] = {
    "Work": (
        Command("run", "stook.cli.run:run", "Run a task on every item of an input, to the end."),
        Command("up", "stook.cli.up:up", "Serve HTTP and work for batches, in one process."),
        Command("serve", "stook.cli.serve:serve", "Serve HTTP alone; workers are elsewhere."),
        Command("worker", "stook.cli.worker:worker", "Work for all batches of some tasks, until stopped."),
        Command("demo", "stook.cli.demo:demo", "Run a batch over this machine's own Python standard library."),
    ),
    "Host": (
        Command("deploy", "stook.cli.deploy:deploy", "Deploy code: a host builds it and runs its actions."),
        Command(
            "deployments", "stook.cli.deployments:deployments", "List deployments, newest first; show or delete one."
        ),
        Command("invoke", "stook.cli.invoke:app", "Invoke a hosted action for every item of an input."),
    ),
    "Look": (
        Command("batches", "stook.cli.batches:batches", "List batches, newest first."),
        Command("show", "stook.cli.show:show", "Show one batch: counters, times, failures, why it waits."),
        Command("watch", "stook.cli.watch:watch", "Follow a batch until it has ended."),
        Command("results", "stook.cli.results:results", "Write the results of a batch, joined with their inputs."),
        Command("logs", "stook.cli.logs:logs", "Show what one execution, or a deployment, has said."),
        Command("failures", "stook.cli.failures:failures", "Show what failed, by cause."),
    ),
    "Act": (
        Command("retry", "stook.cli.retry:retry", "Take failed executions up again, in the same batch."),
        Command("edit", "stook.cli.change:edit", "Give one execution another input."),
        Command("skip", "stook.cli.change:skip", "End executions as cancelled that wait or have failed."),
        Command("cancel", "stook.cli.act:cancel", "Cancel a batch, or some of its executions."),
        Command("pause", "stook.cli.act:pause", "Hold a batch back; what runs goes on."),
        Command("resume", "stook.cli.act:resume", "Let a paused batch go on."),
        Command("limits", "stook.cli.limits:limits", "Show limits of a project, its queues and tasks, or change one."),
        Command("emit", "stook.cli.emit:emit", "Emit an event: tasks that listen to it start."),
        Command("schedules", "stook.cli.schedules:schedules", "Show schedules; pause, resume or delete one."),
        Command("delete", "stook.cli.delete:delete", "Delete an ended batch and everything that belongs to it."),
    ),
    "Care": (
        Command("webhooks", "stook.cli.webhooks:app", "Say where events are sent, and see what became of it."),
        Command("gen", "stook.cli.gen:gen", "Print Python types of a database's tables."),
        Command("doctor", "stook.cli.doctor:doctor", "Look for what is wrong with the store, its batches and workers."),
    ),
}


def overview() -> str:
    lines = [
        f"stook {__version__}: submit a million things in one call, see every one, retry only what failed.",
        "",
        "Usage: stook COMMAND …        stook COMMAND --help tells all about one",
        "",
    ]
    for purpose, commands in COMMANDS.items():
        lines += [purpose, *(f"  {one.name:<11} {one.summary}" for one in commands), ""]
    lines += [
        "Options of every command",
        "  --store URL     sqlite:///FILE or postgresql://…; else STOOK_URL, else stook.db in this folder",
        "  --project NAME  whose batches; else STOOK_PROJECT, else default",
        "Of commands that look and act",
        "  --server URL    a server's batches instead; else STOOK_SERVER; the key is in STOOK_KEY",
        "",
        "  --version             print the version",
        "  --install-completion  complete commands and options in this shell from now on",
        "",
        "A first use:  stook run orders.py:enrich --input rows.csv --output out.jsonl -c 50",
    ]
    return "\n".join(lines) + "\n"
