"""What the log says of the link itself: each change of its state once."""

from __future__ import annotations

import logging
from typing import Any

from agent.log.about import about
from agent.log.happening import Happening

log = logging.getLogger(__name__)


class LinkLog:
    """Until the PLC's map has been read it is silent: whoever waits for that says what for."""

    def __init__(self) -> None:
        self.trouble = ""

    def report(self, trouble: str, waited_for: bool) -> None:
        """What is wrong with the link now; "" = nothing."""
        if trouble != self.trouble and not waited_for:
            if trouble:
                log.warning("%s", trouble, extra=about(Happening.PLC_TROUBLE))
            else:
                log.info("PLC link is good", extra=about(Happening.PLC_GOOD))
        self.trouble = trouble


def tell_epoch(plc_epoch: int, head: int) -> None:
    """The PLC has started anew, or is met for the first time; `head`: its newest trigger."""
    log.info("PLC epoch %d, newest trigger %d", plc_epoch, head, extra=about(Happening.PLC_EPOCH))


def tell_broken(_: object, what: dict[str, Any]) -> None:
    """What pymodbus chokes on in its own callbacks breaks the connection: that is dealt with, one line tells it."""
    log.warning("PLC link: %s", what["message"], extra=about(Happening.PLC_TROUBLE))
