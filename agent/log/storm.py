"""A fault that comes with every part does not fill the log: the first lines of a kind, then how many more there were.

Nothing is lost unsaid: "… and 532 more like it in the last 10 s (parts 4711–5242)", with the newest of them. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

FIRST = 5
"""Lines of one kind that are told as they come, in PERIOD_S."""
PERIOD_S = 10.0
LONGEST_S = 60.0
"""While a storm lasts it is told of less and less often, down to this."""
MOST_IDS = 1000
"""Parts that one summary can be found by."""
OF_ONE_PART = {"TRIGGER_SEQ", "TIME"}

Fields = dict[str, Any]
Kind = tuple[Any, ...]


@dataclass
class Storm:
    """One kind of line, from its first one until a whole period has none that was held back."""

    ends_s: float
    period_s: float
    told: int = 0
    held: int = 0
    part_ids: list[int] = field(default_factory=list)
    first_part: int | None = None
    newest: Fields = field(default_factory=dict)

    def hold(self, fields: Fields) -> None:
        """One more that is not told."""
        self.held, self.newest = self.held + 1, fields
        part_id = fields.get("PART_ID")
        if part_id is not None:
            self.first_part = part_id if self.first_part is None else self.first_part
            if len(self.part_ids) < MOST_IDS:
                self.part_ids.append(part_id)

    def summary(self, since_s: float) -> Fields:
        """One line for all that were held back; it is found by the id of each part."""
        fields = {name: value for name, value in self.newest.items() if name not in OF_ONE_PART}
        parts = ""
        if self.first_part is not None:
            parts = f" (parts {self.first_part}–{self.newest['PART_ID']})"
            ids = {"FIRST_PART_ID": self.first_part, "LAST_PART_ID": self.newest["PART_ID"], "PART_ID": self.part_ids}
            fields |= ids
        text = f"… and {self.held} more like it in the last {since_s:.0f} s{parts}, the newest: {fields['MESSAGE']}"
        return fields | {"MESSAGE": text, "HELD_BACK": self.held}


class Storms:
    """All kinds of lines. Times are CLOCK_MONOTONIC s."""

    def __init__(self) -> None:
        self._of: dict[Kind, Storm] = {}

    def admit(self, kind: Kind, fields: Fields, now_s: float) -> bool:
        """Is this line to be told now? If not it is counted."""
        storm = self._of.setdefault(kind, Storm(now_s + PERIOD_S, PERIOD_S))
        if storm.told < FIRST:
            storm.told += 1
            return True
        storm.hold(fields)
        return False

    def next_s(self) -> float | None:
        """When `due` has something to do, None = never."""
        return min((storm.ends_s for storm in self._of.values()), default=None)

    def due(self, now_s: float) -> list[Fields]:
        """The summaries whose time has come."""
        ended = {kind: storm for kind, storm in self._of.items() if storm.ends_s <= now_s}
        for kind, storm in ended.items():
            if storm.held:
                period_s = min(2 * storm.period_s, LONGEST_S)
                self._of[kind] = Storm(now_s + period_s, period_s, told=FIRST)
            else:
                del self._of[kind]
        return [storm.summary(storm.period_s + now_s - storm.ends_s) for storm in ended.values() if storm.held]

    def rest(self, now_s: float) -> list[Fields]:
        """All that has been held back so far: the process ends."""
        held, self._of = [storm for storm in self._of.values() if storm.held], {}
        return [storm.summary(storm.period_s + now_s - storm.ends_s) for storm in held]
