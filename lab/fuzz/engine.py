"""Runs one target under atheris, in a process of its own: ``lab.fuzz.runner`` starts it."""

from __future__ import annotations

import argparse
import sys
from contextlib import nullcontext
from pathlib import Path

import atheris

#: The packages whose branches are watched.
WATCHED = ("tsid", "tsidsplunk.protocol", "lab.fuzz")

with atheris.instrument_imports(include=WATCHED):
    from lab.fuzz.target import dictionary
    from lab.fuzz.targets import ABOUT, load

#: An input that takes longer than this many seconds is a finding.
SLOW = 20
_MEGABYTES = 2048


def main() -> None:
    """Fuzz until the time is over, or something is found; what libFuzzer says goes to stderr."""
    parser = argparse.ArgumentParser(prog="python -m lab.fuzz.engine")
    parser.add_argument("target", choices=ABOUT)
    parser.add_argument("folder", type=Path, help="an empty folder, for the corpus and for what is found")
    parser.add_argument("seconds", type=int)
    parser.add_argument("--planted", action="store_true", help="with the target's planted bug")
    options = parser.parse_args()
    with atheris.instrument_imports(include=WATCHED):
        target = load(options.target)
    corpus = options.folder / "corpus"
    corpus.mkdir()
    for number, seed in enumerate(target.seeds()):
        (corpus / f"seed-{number}").write_bytes(seed[: target.longest])
    words = options.folder / "words"
    words.write_text("\n".join([*dictionary(target.words), ""]), "ascii")
    arguments = {
        "artifact_prefix": f"{options.folder}/",
        "dict": words,
        "max_len": target.longest,
        "max_total_time": options.seconds,
        "print_final_stats": 1,
        "rss_limit_mb": _MEGABYTES,
        "timeout": SLOW,
    }

    def check(data: bytes) -> None:
        try:
            target.check(data)
        except Exception:
            # libFuzzer does so too, but not if the interpreter fails while it ends.
            (options.folder / "crash-input").write_bytes(data)
            raise

    given = [f"-{name}={value}" for name, value in arguments.items()]
    atheris.Setup([sys.argv[0], *given, str(corpus)], check)
    with target.plant() if options.planted else nullcontext():
        atheris.Fuzz()


if __name__ == "__main__":
    main()
