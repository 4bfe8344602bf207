"""A web shop: an order and the work that follows it, in one transaction.

    POST /orders {"item": "lamp", "count": 2}
        insert the order, invoke `send_receipt`, take it from the stock ── one commit: all three, or none
                                        │
                                        └── wakes a worker, in another process, in milliseconds

    export DATABASE_URL=postgresql://user:password@host/database
    python web_orders.py                        the shop, on http://127.0.0.1:8000
    stook worker web_orders.py --store $DATABASE_URL

needs the packages `stook[server,postgres]` and `sqlalchemy[asyncio]`.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

import uvicorn
from sqlalchemy import CheckConstraint, MetaData, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from stook import App

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request

URL = os.environ["DATABASE_URL"]
shop = App("shop", store=URL)
engine = create_async_engine(URL.replace("postgresql://", "postgresql+asyncpg://"))
sessions = async_sessionmaker(engine)


class Base(DeclarativeBase):
    metadata = MetaData(schema="public")


class Stock(Base):
    __tablename__ = "stock"
    __table_args__ = (CheckConstraint("count >= 0"),)
    item: Mapped[str] = mapped_column(primary_key=True)
    count: Mapped[int]


class Order(Base):
    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    item: Mapped[str]
    count: Mapped[int]


class Receipt(Base):
    __tablename__ = "receipts"
    order_id: Mapped[int] = mapped_column(primary_key=True)
    sent_at: Mapped[float]


@shop.task("send-receipt", max_attempts=5)
async def send_receipt(order_id: int) -> None:
    """The order is there: nobody is woken for one whose transaction failed. A second attempt changes nothing."""
    async with sessions.begin() as session:
        await session.execute(
            text(
                "insert into public.receipts values (:order_id, extract(epoch from clock_timestamp()))"
                " on conflict do nothing"
            ),
            {"order_id": order_id},
        )


async def place_order(request: Request) -> JSONResponse:
    wanted = await request.json()
    try:
        async with sessions.begin() as session:
            order = Order(item=wanted["item"], count=wanted["count"])
            session.add(order)
            await session.flush()
            execution = await shop.invoke(send_receipt, order.id, connection=session)
            await take_from_stock(session, order)
            answer = {"order": order.id, "execution": execution.id}
    except IntegrityError:
        return JSONResponse({"error": f"there are not that many of {wanted['item']!r}"}, status_code=409)
    return JSONResponse(answer, status_code=201)


async def take_from_stock(session: AsyncSession, order: Order) -> None:
    """`IntegrityError` where there is too little: then there was no order, and nothing follows it."""
    taken = update(Stock).where(Stock.item == order.item).values(count=Stock.count - order.count)
    await session.execute(taken)


@contextlib.asynccontextmanager
async def lifespan(_: Starlette) -> AsyncIterator[None]:
    await shop.ensure_installed()
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
        await connection.execute(text("insert into public.stock values ('lamp', 100) on conflict do nothing"))
    yield
    await engine.dispose()


web = Starlette(routes=[Route("/orders", place_order, methods=["POST"])], lifespan=lifespan)

if __name__ == "__main__":
    uvicorn.run(web, port=int(os.environ.get("PORT", "8000")), log_level="warning")
