"""The `linegate` command. Exit codes: 0 done, 1 fault (restart me), 2 bad arguments, 78 bad config or model."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command; Ctrl-C is one line, also in the second that the imports take."""
    try:
        from agent.command_line import run_command

        run_command()
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
