"""`python -m onward.cli` is the `onward` command."""

from onward.cli import main

main()
