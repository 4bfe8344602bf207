"""States of a delivery, one event to one endpoint.

pending ──▶ delivering ──▶ delivered
              ▲   │ ├────▶ dead        attempts spent, or endpoint disabled or deleted (from every waiting state)
              │   ▼ │
             failed─┘                  will be tried again
replay: from every state back to pending, as the next run
"""

from __future__ import annotations

from typing import Final, Literal, get_args

__all__ = ["DELIVERY_STATES", "DeliveryState"]

DeliveryState = Literal["pending", "delivering", "delivered", "failed", "dead"]
DELIVERY_STATES: Final[tuple[DeliveryState, ...]] = get_args(DeliveryState)
