"""A few hundred bad requests of a seed: each is refused as it should be, and nothing half-written stays. The thousands
are `python -m soak T6`; STOOK_SOAK_SEED repeats a run."""

from __future__ import annotations

import asyncio
import gzip
import logging
import os
import random
import time

import pytest
import zstandard

from soak.fuzz import fuzz
from soak.fuzz_world import look_after, look_for, make_world
from soak.report import Ledger, Trial, as_lines
from soak.server_process import SECRETS_KEY
from stook.server.body import SenderGone
from stook.server.upload import BodyReader, unzipped
from tests.server.serving import serving
from tests.server.test_batches_in import refused

SEED = int(os.environ.get("STOOK_SOAK_SEED", "0")) or random.randrange(1, 10**6)
CASES = 300
PROJECT = "fuzz"


def test_bad_input_is_refused_and_leaves_nothing(either, caplog, monkeypatch):
    ledger = Ledger()
    monkeypatch.setenv("STOOK_ENCRYPTION_KEY", SECRETS_KEY)

    async def main(served):
        world = await make_world(either, served.url, PROJECT)
        found = await fuzz(ledger, served.url, world, seed=SEED, first=0, count=CASES)
        await look_for(ledger, either, PROJECT, found.refused, found.accepted)
        await look_after(ledger, either, PROJECT)
        return found

    with serving(either) as served, caplog.at_level(logging.ERROR, logger="stook"):
        found = asyncio.run(main(served))
    trial = Trial("T6", "either", SEED, checks=list(ledger.checks.values()))
    assert trial.passed, "\n".join(as_lines(trial))
    assert [record.getMessage() for record in caplog.records if record.name.startswith("stook")] == []
    assert found.refused
    assert sum(found.statuses[status] for status in (200, 201, 204)) > CASES / 20, "some of it is right"


LETTERS = {"newlines": b"\n", "line ends": b"\r\n", "spaces": b" \n", "nothing": b"\0", "digits": b"9", "quotes": b'"'}


@pytest.mark.parametrize("kind", ["application/x-ndjson", "text/csv"])
@pytest.mark.parametrize("letters", LETTERS)
def test_a_little_that_holds_a_lot_takes_no_time(served, kind, letters):
    bomb = gzip.compress(LETTERS[letters] * (2**26 // len(LETTERS[letters])), 9)
    began = time.monotonic()
    answer = served.client.post(
        "/api/v1/batches?task=t", content=bomb, headers={"content-type": kind, "content-encoding": "gzip"}
    )
    assert answer.status_code in (400, 413), answer.text
    assert time.monotonic() - began < 10
    assert served.client.get("/api/v1/batches").json()["data"] == []


@pytest.mark.parametrize(("encoding", "compress"), [("gzip", gzip.compress), ("zstd", zstandard.compress)])
def test_nobody_goes_on_unpacking_for_a_request_that_has_ended(encoding, compress):
    async def main():
        reader = BodyReader(None)
        reader._rest = compress(b"1\n" * 1_000_000)
        source = unzipped(reader, encoding)
        assert source.read(10) == b"1\n" * 5
        reader.close()
        with pytest.raises(SenderGone):
            source.read(10)

    asyncio.run(main())


def test_results_of_a_batch_that_was_deleted_are_refused(served):
    made = served.client.post("/api/v1/batches", json={"task": "t", "items": [1]}).json()
    path = f"/api/v1/batches/{made['id']}"
    assert len(served.client.get(f"{path}/results").text.splitlines()) == 1
    assert served.client.post(f"{path}/cancel").status_code == 200
    assert served.client.delete(path).status_code == 204
    refused(served.client.get(f"{path}/results"), 404, "not_found")
