"""The app without Splunk: its search commands are started, fed and checked here as splunkd does it.

Modules for it, each usable on its own:

* ``host`` runs a search command, strictly checked; ``search`` is one run; ``peer`` installs an app as an
  indexer has it
* ``wire`` is the chunk protocol's bytes, ``reply`` what a command may say, ``process`` its process and pipes
* ``commandline`` takes a command line apart as splunkd does, ``app`` finds a command's script
* ``events`` reads and writes event files, ``render`` shows events
* ``generator`` makes labelled events, ``demo`` shows the app at work on them and holds it to the truth
* ``fuzz`` looks for bytes that break the app
* ``errors``: everything that is raised on purpose

``python -m lab --help`` is the same from a shell.
"""
