"""DBOS Transact: one queue without limits, an asynchronous workflow, its own pools and defaults."""

from __future__ import annotations

import time

import sqlalchemy
from dbos import DBOS, DBOSClient, DBOSConfig

from bench.probe import Ask, Figures, Tally, answer, result, row

QUEUE = "bench"
NAME = "bench"


def drain(ask: Ask) -> Figures:
    url = ask.target.replace("postgresql://", "postgresql+psycopg://", 1)
    config: DBOSConfig = {"name": NAME, "system_database_url": url, "log_level": "ERROR"}
    tally = Tally(ask.n)

    def define() -> None:
        @DBOS.workflow(name="noop")
        async def noop(payload: dict[str, object]) -> dict[str, object]:
            tally.hit()
            return result(payload)

    # The first launch makes the tables and leaves; the jobs are in before the one that drains.
    DBOS(config=config)
    DBOS.launch()
    DBOS.destroy()
    client = DBOSClient(system_database_url=url, application_name=NAME)
    client.register_queue(QUEUE)
    engine = sqlalchemy.create_engine(url)
    with engine.begin() as connection:
        for index in range(ask.n):
            client.enqueue_in_transaction(connection, {"workflow_name": "noop", "queue_name": QUEUE}, row(index))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sqlalchemy.text("ANALYZE"))
        DBOS(config=config)
        define()
        DBOS.launch()
        completed, last = 0, 0
        while completed < ask.n:
            time.sleep(1)
            completed, last = connection.execute(
                sqlalchemy.text("SELECT count(*), max(completed_at) FROM dbos.workflow_status WHERE status = 'SUCCESS'")
            ).one()
        figures = tally.rate(completed, last / 1000)
    DBOS.destroy()
    client.destroy()
    return figures


if __name__ == "__main__":
    answer({"drain": drain})
