"""Replaces ``splunklib.searchcommands.environment``, which executes any logging.conf that it finds.

The SDK's own module looks for ``logging.conf`` in the app's local and default folders when it is imported.
`logging.config.fileConfig` evaluates what such a file contains, so whoever can write one runs code in each
search. This app's commands have no logging to configure: what they log goes to stderr, which Splunk keeps in
search.log.
"""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import Optional

__all__ = ["app_file", "app_root", "logging_configuration", "splunk_home", "splunklib_logger"]


def configure_logging(name: Optional[str], filename: object = None) -> tuple[logging.Logger, None]:
    """Return a logger that writes to stderr; no file is looked for, and none is read."""
    del filename
    if not logging.getLogger().handlers:
        logging.getLogger().addHandler(logging.StreamHandler())
    return logging.getLogger(name), None


app_file = str(getattr(sys.modules["__main__"], "__file__", sys.executable))
app_root = str(Path(app_file).resolve().parent.parent)
splunk_home = str(Path(os.environ.get("SPLUNK_HOME", "")).resolve())
splunklib_logger, logging_configuration = configure_logging("splunklib")
