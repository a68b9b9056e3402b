"""The station's own wire with a witness on it, who can also tamper with what is sent, or pull the cable."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from agent.plc.commissioning.accept_record import Record
from agent.plc.commissioning.sample import Sample
from agent.plc.open_link import open_wire
from agent.plc.wires.link_end import LinkEnd
from agent.plc.wires.ticking import ticking
from agent.plc_config import PlcConfig


class WitnessedWire:
    """As the station's file describes it; all that passes goes into `record`. Raises as `open_wire` does."""

    def __init__(self, plc: PlcConfig, record: Record) -> None:
        self._plc, self._record = plc, record
        self._wire = open_wire(plc)

    async def exchange_forever(self, link: LinkEnd) -> None:
        """Until `link.stopping`; while the record's cable is cut nothing is exchanged.

        What ends it before is in the record, for whoever waits there: he must not take the PLC for dead.
        """
        try:
            await self._exchange(link)
        except Exception as error:
            self._record.link_died(error)

    async def _exchange(self, link: LinkEnd) -> None:
        witness = cast(LinkEnd, Witness(link, self._record))
        async with ticking(link):
            while True:
                await self._wire.exchange_forever(witness)
                while self._record.cut and not link.stopping:
                    await asyncio.sleep(0.01)
                if link.stopping:
                    return
                self._wire = open_wire(self._plc)


class Witness:
    """Between link and wire: hands everything on, the image tampered with."""

    def __init__(self, link: LinkEnd, record: Record) -> None:
        self._link, self._record = link, record

    def __getattr__(self, name: str) -> Any:
        return getattr(self._link, name)

    @property
    def stopping(self) -> bool:
        return self._link.stopping or self._record.cut

    def image(self) -> list[int]:
        return self._record.tampered(self._link.image())

    def acknowledged(self, image: list[int], now_ns: int) -> None:
        self._record.confirmed(image, now_ns)
        self._link.acknowledged(image, now_ns)

    def digest(self, image: list[int], sent_ns: int, received_ns: int) -> None:
        self._record.sampled(Sample(image, sent_ns, received_ns))
        self._link.digest(image, sent_ns, received_ns)
