"""Vectors of texts, many texts a call: one verdict for each, so a bad one does not spoil the others."""

from __future__ import annotations

import zlib

from stook import App, BatchConfig, Fail, Ok

app = App("vectors")

SIZE = 16


@app.task(max_attempts=1, batch=BatchConfig(size=100, timeout=0.2))
async def embed(texts: list[str]) -> list[Ok | Fail]:
    # A model or a service would be called here, once for all of them.
    return [Ok(vector(text)) if text.strip() else Fail("the text is empty") for text in texts]


def vector(text: str) -> list[float]:
    """Each word counts in one of the places, by its checksum."""
    counts = [0.0] * SIZE
    for word in text.lower().split():
        counts[zlib.crc32(word.encode()) % SIZE] += 1
    length = sum(count * count for count in counts) ** 0.5
    return [round(count / length, 4) for count in counts]
