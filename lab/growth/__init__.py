"""How the time of all that reads hostile text grows with the text: ``python -m lab.growth``.

`sites` finds every regular expression of the app in its source; `hostile` has texts for each of them, and for
the functions that read what strangers wrote; `measure` times them over doubling sizes; `check` runs all
under a limit of processor time that only what grows faster than its input reaches.
"""
