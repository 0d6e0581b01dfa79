"""The command line: thin commands over public functions.

What was asked for goes to standard output, everything else to standard error. A mistake is one line
that says what was seen and what to do, and an exit code that is not 0.
"""

from playhead.cli.app import main

__all__ = ["main"]
