"""A strict evaluator for the SPL that the app ships: what it does not know is an error, never a guess."""
