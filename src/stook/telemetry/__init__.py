"""What stook tells those who watch it: metrics, logs, spans. Beside the work, never in its way.

Only this room knows prometheus-client and OpenTelemetry, and each of its modules only the one it needs.
"""

__all__ = []
