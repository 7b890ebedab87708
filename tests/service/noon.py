"""Where it is about noon now: mail never leaves at night, and a test on the real clock may run at any hour."""

from datetime import UTC, datetime
from typing import Final

_HOURS: Final = 12 - datetime.now(UTC).hour
NOON_ZONE: Final = f"Etc/GMT{-_HOURS:+d}" if _HOURS else "Etc/GMT"
