from __future__ import annotations

from tests.must_not.checked import one_postgres, run, store
from tests.wiring.places import either, harness_on_either, no_fsync, where

__all__ = ["either", "harness_on_either", "no_fsync", "one_postgres", "run", "store", "where"]
