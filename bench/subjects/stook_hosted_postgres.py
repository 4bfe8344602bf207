"""Deployed code, on PostgreSQL."""

from __future__ import annotations

from bench.subjects.hosted import main

if __name__ == "__main__":
    main(__file__, lambda ask: ask.target)
