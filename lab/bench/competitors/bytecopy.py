"""Returns every body as it came, byte for byte: the most that any command in Python can reach."""

from __future__ import annotations

from frames import serve

serve(lambda body: body)
