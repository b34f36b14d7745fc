"""A strict evaluator for the SPL that the app ships: whatever it does not know is an error, never a guess."""
