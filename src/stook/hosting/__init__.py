"""Somebody else's code, in processes of its own: what it is checked for, what it needs, how it is run and stopped.

archive ─ check ─▶ blob ─▶ unpack ─┬─▶ environment ─▶ load once ─▶ published
└─▶ pool of replicas ◀─ handlers ◀─ worker ◀─ Source
"""

__all__ = []
