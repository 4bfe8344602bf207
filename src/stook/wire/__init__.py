"""The shapes of the native HTTP API, and nothing else: what server and client put on the wire, as msgspec Structs.

Times are RFC 3339 texts in UTC with microseconds, durations are seconds. Payloads and results are `msgspec.Raw`: they
pass byte for byte.
"""

__all__ = []
