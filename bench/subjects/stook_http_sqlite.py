"""stook behind HTTP, on an SQLite file."""

from __future__ import annotations

from bench.probe import answer
from bench.subjects.served import modes_of

if __name__ == "__main__":
    answer(modes_of(__file__, lambda ask: f"sqlite:///{ask.target}"))
