"""A GigE Vision camera, real at the wire; under its lens lies what the simulated belt has there.

Its Line1 is wired to the line's photo-eye: it rises at the instant that the line's camera wire names, with the scene
of that instant.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TextIO

import numpy as np
import zmq.asyncio

from agent.cameras.sim.device import Device, Host
from agent.cameras.sim.faults import ImageFaults
from agent.cameras.sim.features import LINE_1, PIXEL_FORMATS, SINGLE_FRAME, SOFTWARE
from agent.cameras.sim.gvcp import Code, parse
from agent.cameras.sim.gvsp import Block, next_block_id
from agent.cameras.sim.picture import sensed
from agent.cameras.sim.registers import Identity
from agent.cameras.sim.sockets import open_control
from agent.cameras.sim.stream import Stream
from agent.errors import UsageError
from agent.inspection import Image

POWER_UP_S = 1.0
EXTRA_AFTER_S = 0.025
"""The frame that nobody asked for comes so long after the one before."""
WATCH_S = 0.1
DARK = np.zeros((16, 16), np.uint8)


@dataclass(frozen=True)
class Options:
    """Which camera, and where it meets line and station."""

    identity: Identity
    line: str = "tcp://127.0.0.1:5590"
    """Endpoint of the simulated line's camera wire."""
    frame_log: TextIO | None = None
    """JSON lines: frame_id, captured_ns (CLOCK_MONOTONIC), fault."""


class GigeCamera:
    """Runs in one event loop until cancelled."""

    def __init__(self, options: Options, faults: ImageFaults, say: Callable[[str], None]) -> None:
        self._options, self._say = options, say
        self.faults = faults
        self.unreachable_until_s = 0.0
        self._scene: Image = DARK
        self._last_scene: Image = DARK
        self._block_id = self._line_id = 0
        self._taken: asyncio.Queue[tuple[float, Block, str]] = asyncio.Queue()
        self._stream = Stream(options.identity.address, faults)
        self.restart()

    def restart(self) -> None:
        """Power cycle: every setting is forgotten, its clock begins anew, and nobody has control."""
        does: dict[str | int, Callable[[], None]] = {
            "AcquisitionStart": self._start, "AcquisitionStop": self._stop,
            "TriggerSoftware": self._fire, "test packet": self._stream.send_test_packet,
        }  # fmt: skip
        self.device = Device(self._options.identity, does, time.monotonic_ns())
        self._stream.attach(self.device)

    async def run(self, opened: Callable[[], None]) -> None:
        """Serve for ever. Raises UsageError when its address or its line cannot be had; `opened`: they can."""
        with zmq.asyncio.Context() as context, context.socket(zmq.PULL) as wire:
            try:
                wire.connect(self._options.line)
            except zmq.ZMQError as error:
                raise UsageError(
                    f"--line '{self._options.line}': {error.strerror.lower()}: give tcp://host:port"
                ) from error
            transports = await open_control(self._options.identity.address, self._hear)
            opened()
            try:
                await asyncio.gather(self._watch_line(wire), self._watch_host(), self._run_free(), self._send_taken())
            finally:
                for transport in transports:
                    transport.close()
                self._stream.close()

    def mute(self, seconds: float) -> None:
        """No images come through; commands do."""
        self._stream.cut = True
        asyncio.get_running_loop().call_later(seconds, setattr, self._stream, "cut", False)

    def unplug(self, seconds: float) -> None:
        """Nothing comes through, either way."""
        self.unreachable_until_s = time.monotonic() + seconds
        self.mute(seconds)

    # --- control -------------------------------------------------------------------------------------------------

    def _hear(self, datagram: bytes, host: Host) -> bytes | None:
        command = parse(datagram)
        if command is None or time.monotonic() < self.unreachable_until_s:
            return None
        if command.code == Code.PACKET_RESEND:
            self._stream.resend(command)
            return None
        before = self.device.controller
        answer = self.device.obey(command, host, time.monotonic_ns())
        if self.device.controller != before:
            self._say(f"{host[0]}:{host[1]} {'gives control back' if before else 'takes control'}")
        return answer

    async def _watch_host(self) -> None:
        while True:
            await asyncio.sleep(WATCH_S)
            if self.device.lose_silent_controller(time.monotonic_ns()):
                self._say("no sign of life from the host: control is free again")

    def _start(self) -> None:
        self.device.acquiring, self._block_id = True, 0

    def _stop(self) -> None:
        self.device.acquiring = False

    # --- images --------------------------------------------------------------------------------------------------

    async def _watch_line(self, wire: zmq.asyncio.Socket) -> None:
        while True:
            header, *image = await wire.recv_multipart()
            if image:
                self._rise(json.loads(header), image[0])

    def _rise(self, header: dict[str, Any], data: bytes) -> None:
        """Line1 rises."""
        unsent = header["frame_id"] - self._line_id - 1 if self._line_id else 0
        self._line_id = header["frame_id"]
        self._scene = np.frombuffer(data, np.uint8).reshape(header["shape"])
        if self._triggered_by(LINE_1):
            for _ in range(unsent):  # this computer was too busy to bring us the scene: an image lost, yet counted
                self._block_id = next_block_id(self._block_id)
            self._expose(header["captured_ns"])

    def _fire(self) -> None:
        if self._triggered_by(SOFTWARE):
            self._expose(time.monotonic_ns())

    def _triggered_by(self, source: int) -> bool:
        get = self.device.registers.number
        return bool(self.device.acquiring and get("TriggerMode") and get("TriggerSource") == source)

    async def _run_free(self) -> None:
        next_s = time.monotonic()
        while True:
            registers = self.device.registers
            if self.device.acquiring and not registers.number("TriggerMode"):
                self._expose(time.monotonic_ns())
            next_s = max(next_s + 1 / registers.get("AcquisitionFrameRate"), time.monotonic())
            await asyncio.sleep(next_s - time.monotonic())

    def _expose(self, triggered_ns: int, fault: str | None = None) -> None:
        """Take an image; it goes out when its exposure is over."""
        fault = self.faults.draw() if fault is None else fault
        registers = self.device.registers
        begin_ns = triggered_ns + int(registers.get("TriggerDelay") * 1000)
        if fault == "skip":
            self._log(None, begin_ns, fault)
            return
        self._block_id = next_block_id(self._block_id)
        self._log(self._block_id, begin_ns, fault)
        ready_s = begin_ns / 1e9 + registers.get("ExposureTime") / 1e6
        self._taken.put_nowait((ready_s, self._block(self._block_id, begin_ns, fault), fault))
        if registers.number("AcquisitionMode") == SINGLE_FRAME:
            self._stop()
        if fault == "extra":
            asyncio.get_running_loop().call_later(EXTRA_AFTER_S, self._expose_unasked)

    def _expose_unasked(self) -> None:
        if self.device.acquiring:
            self._expose(time.monotonic_ns(), "unasked")

    def _block(self, block_id: int, begin_ns: int, fault: str) -> Block:
        get = self.device.registers.number
        x_px, y_px, width_px, height_px = (get(name) for name in ("OffsetX", "OffsetY", "Width", "Height"))
        if fault == "resized":
            height_px //= 2
        scene = self._last_scene if fault == "freeze" else self._scene
        self._last_scene = scene
        if fault in ("black", "saturated"):
            scene = np.full_like(scene, 0 if fault == "black" else 255)
        data = sensed(scene, (x_px, y_px, width_px, height_px), get("PixelFormat"))
        if fault == "short":
            data = data[: len(data) // 2]
        ticks = self.device.clock.ticks(begin_ns)
        return Block(block_id, ticks, get("PixelFormat"), width_px, height_px, x_px, y_px, data)

    async def _send_taken(self) -> None:
        while True:
            ready_s, block, fault = await self._taken.get()
            await asyncio.sleep(max(0.0, ready_s - time.monotonic()))
            await self._stream.send(block, fault)

    def _log(self, frame_id: int | None, begin_ns: int, fault: str) -> None:
        if self._options.frame_log is not None:
            record = {"frame_id": frame_id, "captured_ns": begin_ns, "fault": fault}
            print(json.dumps(record), file=self._options.frame_log, flush=True)

    def describe(self) -> list[str]:
        """For the status screen."""
        get = self.device.registers.number
        formats = {value: name for name, value in PIXEL_FORMATS.items()}
        host = self.device.controller
        return [
            f"control {f'of {host[0]}:{host[1]}' if host else 'free'}, "
            f"{'acquiring' if self.device.acquiring else 'idle'}",
            f"images  {get('Width')} × {get('Height')} {formats[get('PixelFormat')]}, newest id {self._block_id}",
            f"faults  {', '.join(self.faults.describe()) or 'none'}",
        ]
