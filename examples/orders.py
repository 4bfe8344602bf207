"""Prices of orders: a row each, some of which cannot be priced."""

from __future__ import annotations

from dataclasses import dataclass

from stook import App, NonRetryable

app = App("orders")

RATES = {"EUR": 1.0, "USD": 0.92, "GBP": 1.17, "SEK": 0.087}


@dataclass
class Order:
    """As a CSV file has it: every value is text."""

    order_id: str
    quantity: str
    unit_price: str
    currency: str


@dataclass
class Priced:
    order_id: str
    euros: float


@app.task(max_attempts=3, timeout=10)
async def price(order: Order) -> Priced:
    rate = RATES.get(order.currency)
    if rate is None:
        raise NonRetryable(f"no rate for {order.currency}")  # another attempt would end the same way
    quantity = int(order.quantity)
    if quantity <= 0:
        raise NonRetryable(f"order {order.order_id} is for {quantity} pieces")
    return Priced(order.order_id, round(quantity * float(order.unit_price) * rate, 2))
