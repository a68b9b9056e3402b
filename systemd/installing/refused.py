"""Why it goes no further."""

from __future__ import annotations

FAULT, BAD_ARGUMENTS, BAD_CONFIG = 1, 2, 78
"""Exit codes, as of the `linegate` command."""


class Refused(Exception):
    """One line for a person: what is wrong, where, and what to do."""

    def __init__(self, why: str, exit_code: int = FAULT) -> None:
        super().__init__(why)
        self.exit_code = exit_code
