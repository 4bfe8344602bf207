"""stook inside a program: a batch over numbers, its results as they come, its failures by cause, one cause retried."""

from __future__ import annotations

import sys

from stook import App

app = App("program", store=sys.argv[1] if len(sys.argv) > 1 else None)

repaired = False


@app.task(max_attempts=1)
def inverse(number: int) -> float:
    if number % 10 == 3 and not repaired:  # noqa: PLR2004 - the trouble of this example
        raise ConnectionError("the service is away")
    return 1 / number


def main() -> None:
    global repaired  # noqa: PLW0603 - stands for a service that comes back
    with app, app.working(concurrency=4):
        batch = inverse.map(range(100), name="inverses")
        best = max(result.value for result in batch.as_completed() if result.ok)
        print(f"{batch.show().state.value}, the largest is {best}")
        groups = batch.failures
        for group in groups:
            print(f"{group.failed:3} × {group.type}: {group.message}")

        repaired = True
        away = next(group for group in groups if group.type == "ConnectionError")
        print(f"{batch.retry(group=away.fingerprint)} tried again")
        view = batch.wait()
        print(f"{view.state.value}: {view.counters.succeeded} of {view.counters.total} succeeded")


if __name__ == "__main__":
    main()
