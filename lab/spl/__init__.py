"""A strict evaluator for the part of SPL that the app ships: what it does not know is an error, never a guess."""
