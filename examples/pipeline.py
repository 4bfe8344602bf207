"""Orders, from the first reservation to the books: steps, a child for each line, an event to wait for, an export that
goes by the hundred, a nightly report. What is done to the world is noted in `ledger.db`: once, however often it is
tried.
"""

from __future__ import annotations

import os
import sqlite3
from dataclasses import dataclass
from typing import Any, TypedDict

from stook import App, BatchConfig, ChildFailed, Context, Cron, EventTimeout, Fail, Invocable, NonRetryable, RetryPolicy

app = App("pipeline")

LEDGER = os.environ.get("LEDGER", "ledger.db")
SOON = RetryPolicy(backoff="fixed", base=1)


class Line(TypedDict):
    sku: str
    pieces: int


@dataclass
class Order:
    """`patience`: seconds to wait for the money."""

    id: str
    lines: list[Line]
    patience: float = 86_400.0


class Sale(TypedDict):
    order: str
    cents: int


def note(key: str) -> int:
    """An effect outside of stook, with a key of its own: tried again, it is found there. How often it was tried."""
    with sqlite3.connect(LEDGER, timeout=30) as ledger:
        ledger.execute("create table if not exists effect (key text primary key, tries integer not null)")
        ledger.execute("insert into effect values (?, 1) on conflict do update set tries = tries + 1", (key,))
        (tries,) = ledger.execute("select tries from effect where key = ?", (key,)).fetchone()
    ledger.close()
    return int(tries)


@app.task("pick", retry=SOON)
async def pick(line: Line, ctx: Context) -> int:
    if line["pieces"] < 1:
        raise NonRetryable(f"{line['pieces']} pieces of {line['sku']}")
    note(f"pick {ctx.execution_id}")
    return line["pieces"]


@app.task("export", batch=BatchConfig(size=100, timeout=0.1), max_attempts=1)
async def export(sales: list[Sale]) -> list[str | Fail]:
    """One verdict for each: a sale of nothing does not keep the others out of the books."""
    verdicts: list[str | Fail] = []
    for sale in sales:
        if sale["cents"] < 1:
            verdicts.append(Fail("a sale of nothing", retry=False))
        else:
            note(f"export {sale['order']}")
            verdicts.append(f"{sale['order']} in the books")
    return verdicts


@app.task("fulfil", retry=SOON)
async def fulfil(order: Order, ctx: Context) -> dict[str, Any]:
    await ctx.step("reserve", note, f"reserve {order.id}")
    picked = await ctx.invoke_many("pick", pick, order.lines, return_exceptions=True)
    missing = sum(isinstance(one, ChildFailed) for one in picked)
    try:
        paid = await ctx.wait_for_event("paid", "order.paid", match={"order": order.id}, timeout=order.patience)
    except EventTimeout:
        await ctx.step("release", note, f"release {order.id}")
        return {"order": order.id, "state": "unpaid", "missing": missing}
    await ctx.step("ship", note, f"ship {order.id}")
    await ctx.sleep("cooling off", 0.05)
    try:
        books = await ctx.invoke("export", export, {"order": order.id, "cents": paid["cents"]})
    except ChildFailed:
        books = "not in the books"
    return {"order": order.id, "state": "shipped", "missing": missing, "books": books}


@app.task("nightly", triggers=[Cron("0 2 * * *", name="nightly", tz="Europe/Berlin"), Invocable()])
async def nightly() -> int:
    """How many orders were shipped."""
    with sqlite3.connect(LEDGER, timeout=30) as ledger:
        (shipped,) = ledger.execute("select count(*) from effect where key like 'ship %'").fetchone()
    ledger.close()
    return int(shipped)


ORDERS = [
    Order("A1", [{"sku": "tea", "pieces": 2}, {"sku": "cup", "pieces": 1}]),
    Order("A2", [{"sku": "anvil", "pieces": 0}, {"sku": "tea", "pieces": 1}]),
    Order("A3", [{"sku": "cup", "pieces": 6}], patience=0.3),
]

if __name__ == "__main__":
    with app, app.working():
        begun = [app.sync.invoke(fulfil, order, dedupe_key=order.id) for order in ORDERS]
        app.sync.emit("order.paid", {"order": "A1", "cents": 1250})
        app.sync.emit("order.paid", {"order": "A2", "cents": 300})  # nobody pays A3
        for one in begun:
            print(one.sync.result(timeout=30))
        print(app.sync.invoke(nightly).sync.result(timeout=30), "shipped")
