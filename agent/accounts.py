"""Users and groups of this computer by their names."""

from __future__ import annotations

import grp
import pwd


def user_name(number: int) -> str:
    """The number itself where it has no name here."""
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def group_name(number: int) -> str:
    """As `user_name`."""
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)
