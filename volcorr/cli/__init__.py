"""The command line: one thin module a verb. Everything that it does can be done from Python."""

import signal

from volcorr.cli.group import cli

__all__ = ["main"]


def main() -> None:
    """Run the command ``volcorr``; a scheduler that ends it (SIGTERM) leaves nothing half done, like Ctrl-C."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    cli()
