"""The verdicts on a connection."""

from __future__ import annotations

CANONICAL = "canonical"
ALIASED = "aliased"
UNNAMED = "unnamed"
FOREIGN = "foreign"
UNLISTED = "unlisted"
RELAYED = "relayed"
UNVERIFIED = "unverified"
FILTERED = "filtered"
IMPOSTOR = "impostor"

#: All verdicts, strongest first: the strongest counts where an event has several addresses or names. An alias
#: comes first because it needs action; then what an address proves, then the contradictions, then what proves
#: little.
VERDICTS = (ALIASED, CANONICAL, IMPOSTOR, FOREIGN, UNNAMED, FILTERED, UNLISTED, RELAYED, UNVERIFIED)
