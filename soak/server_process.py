"""`stook serve` as a child of the soak: `python -m soak.server_process --store URL --port N …`."""

from __future__ import annotations

import os
import sys
from typing import Final

from soak.lifeline import hold
from stook.cli import main

SECRETS_KEY: Final = "c29ha3NvYWtzb2Frc29ha3NvYWtzb2Frc29ha3NvYWs="
"""Nothing that is encrypted here is a secret."""

if __name__ == "__main__":
    hold()
    os.environ.setdefault("STOOK_ENCRYPTION_KEY", SECRETS_KEY)
    sys.exit(main(["serve", *sys.argv[1:]]))
