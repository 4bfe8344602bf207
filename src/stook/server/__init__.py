"""The native HTTP API: paths, shapes and words in, calls of the engine out. It decides nothing.

request ──▶ app (request id, route) ──▶ caller (key, scope) ──▶ handler ──▶ engine
                    └───────◀── refusal: every error, one table ◀──┘
"""

__all__ = []
