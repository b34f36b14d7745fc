"""The words for what a connection is."""

from __future__ import annotations

CANONICAL = "canonical"
ALIASED = "aliased"
UNNAMED = "unnamed"
FOREIGN = "foreign"
UNLISTED = "unlisted"
RELAYED = "relayed"
UNVERIFIED = "unverified"
IMPOSTOR = "impostor"

#: All verdicts, strongest first: the one that counts where an event has several addresses or names. An alias
#: comes first because it asks for something to be done; then what an address proves, then what speaks against
#: it, then what proves little.
VERDICTS = (ALIASED, CANONICAL, IMPOSTOR, FOREIGN, UNNAMED, UNLISTED, RELAYED, UNVERIFIED)
