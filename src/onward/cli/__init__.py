"""The command line: verbs and few flags. A user's mistake ends in one sentence and exit code 2, failed training in 1."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; the entry point of the `onward` command."""
    try:
        try:
            from onward.cli.app import run
        except ModuleNotFoundError as missing:
            if missing.name is None or missing.name.startswith("onward"):
                raise
            sys.exit(
                f"onward: the command line needs {missing.name}, which is not installed; pip install 'onward[app]' brings it"
            )
        code = run(sys.argv[1:])
    except KeyboardInterrupt:  # while the libraries are read
        print("onward: stopped; nothing was written", file=sys.stderr)
        code = 130
    sys.exit(code)
