"""A user's file. mypy --strict reads it as it would in their project; nothing runs it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_type

from stook import (
    App,
    AsyncClient,
    Batch,
    BatchConfig,
    Client,
    Delivery,
    DeliveryDetail,
    Endpoint,
    Fail,
    NonRetryable,
    Ok,
    RetryAfter,
    RetryPolicy,
    ShownEndpoint,
    StookError,
)

app = App("orders")


@dataclass
class Row:
    order_id: str
    cents: int


@dataclass
class Priced:
    order_id: str
    euros: float


@app.task(max_attempts=5, timeout=10, retry=RetryPolicy(backoff="exponential", jitter=0.1))
async def price(row: Row) -> Priced:
    if row.cents < 0:
        raise NonRetryable("negative price")
    return Priced(row.order_id, row.cents / 100)


@app.task
def shout(text: str) -> str:
    return text.upper()


@app.task(batch=BatchConfig(size=100, timeout=0.5))
async def embed(rows: list[Row]) -> list[Ok | Fail | RetryAfter]:
    return [Ok(row.cents) if row.cents else RetryAfter(5) for row in rows]


async def as_plain_functions() -> None:
    assert_type(await price(Row("a", 1)), Priced)
    assert_type(shout("a"), str)


def whole_batch(rows: list[Row]) -> int:
    batch = price.map(rows, key="order_id", max_concurrency=50)
    assert_type(batch, Batch[Priced])
    try:
        batch.wait(timeout=60)
    except StookError as error:
        print(error.code, error.hint)
    for result in batch.as_completed():
        print(result)
    return len(batch.failures)


def webhooks(client: Client) -> str:
    made = client.webhooks.create("https://hooks.example.com/stook", events=["batch.finished"], batches="named")
    assert_type(made, ShownEndpoint)
    for endpoint in client.webhooks.list():
        assert_type(endpoint, Endpoint)
    for delivery in client.webhooks.deliveries(endpoint=made.id, state="dead"):
        assert_type(delivery, Delivery)
        assert_type(client.webhooks.delivery(delivery.id), DeliveryDetail)
    return made.secret


async def awaited(client: AsyncClient) -> None:
    assert_type(await client.webhooks.get("whe_1"), Endpoint)
    async for delivery in client.webhooks.deliveries():
        assert_type(delivery, Delivery)
