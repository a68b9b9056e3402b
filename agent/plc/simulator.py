"""A PLC with belt, photo-eye, camera and reject arm, as one process: a real Modbus TCP server in front.

The camera is a wire of its own (ZeroMQ PUSH): when the photo-eye fires, whatever is under the lens at that
instant goes out as a frame, whether or not anybody asked for it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import time
from dataclasses import dataclass

import zmq

from agent.errors import ConfigError
from agent.plc.belt import Belt, TruthLog
from agent.plc.program import Edge, PlcProgram
from agent.plc.sim_wire import SimWireOptions, open_sim_wire

log = logging.getLogger(__name__)

ALIVE_S = 0.2
SETTLE_S = 1.5
"""The line stands still for so long after the agent becomes READY, as a real one would."""


@dataclass(frozen=True)
class LineOptions:
    """How the simulated line is set up."""

    wire: SimWireOptions
    camera_endpoint: str
    scan_ms: float
    decide_ms: int
    epoch: int = 1


class SimulatedLine:
    """Runs until stopped; the belt starts once the agent is READY and ends with its last part."""

    def __init__(self, belt: Belt, truth: TruthLog, options: LineOptions) -> None:
        self._belt, self._truth, self._options = belt, truth, options
        self._program = PlcProgram(options.epoch, options.decide_ms, line_mm_s=round(25 / belt.pitch_s))
        self._wire = open_sim_wire(options.wire)
        self._camera = _camera_socket(options.camera_endpoint)
        self._frame_id = 0
        self._next_part = 0
        self._belt_started_s: float | None = None
        self._edges: list[Edge] = []
        self._stop = asyncio.Event()

    async def run(self) -> None:
        """Speak Modbus, scan, and fire the camera until SIGTERM or SIGINT."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        await self._wire.start()
        log.info("PLC simulator: %s, waiting for the agent", self._wire.where)
        tasks = [asyncio.create_task(work) for work in (self._scan_forever(), self._watch_eye(), self._alive())]
        await self._stop.wait()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._wire.stop()
        self._camera.close(linger=0)
        self._truth.close()

    async def _scan_forever(self) -> None:
        """The PLC's scan at an absolute cadence."""
        next_scan_s = time.monotonic()
        while True:
            await self._scan()
            next_scan_s = max(next_scan_s + self._options.scan_ms / 1000, time.monotonic())
            await asyncio.sleep(next_scan_s - time.monotonic())

    async def _scan(self) -> None:
        agent = await self._wire.agent_image()
        now_s = time.monotonic()
        edges, self._edges = self._edges, []
        decided = self._program.scan(int(now_s * 1000), edges, agent)
        for part in decided:
            # the arm is latched to the belt: it acts where the part then is, however late this scan was
            passed_eye_s = part.triggered_ms / 1000 - (self._belt_started_s or now_s)
            before_arm = self._belt.before_arm(passed_eye_s)
            self._truth.write(before_arm, part.seq, part.part_id, part.outcome, part.triggered_ms)
        await self._wire.put(self._program.words)
        if self._belt_started_s is None and self._program.agent_ready:
            self._belt_started_s = now_s + SETTLE_S
            log.info("agent READY: belt runs, %d parts", len(self._belt.parts))

    async def _watch_eye(self) -> None:
        """Wait for each part to reach the photo-eye; fire the camera, then let the next scan see the edge."""
        while self._next_part < len(self._belt.parts):
            if self._belt_started_s is None:
                await asyncio.sleep(0.005)
                continue
            edge_s = self._belt_started_s + self._belt.edge_s(self._next_part)
            await asyncio.sleep(max(0.0, edge_s - time.monotonic()))
            # the wire from photo-eye to camera is exact, however late this task was woken
            self._expose(edge_s)
            self._edges.append(Edge(self._belt.parts[self._next_part].part_id, int(edge_s * 1000)))
            self._next_part += 1
        log.info("belt empty: all %d parts have passed the photo-eye", len(self._belt.parts))

    def _expose(self, at_s: float) -> None:
        assert self._belt_started_s is not None
        image = self._belt.under_lens(at_s - self._belt_started_s)
        self._frame_id += 1
        header = {"frame_id": self._frame_id, "captured_ns": int(at_s * 1e9), "shape": image.shape}
        self._send([json.dumps(header).encode(), image.tobytes()])

    async def _alive(self) -> None:
        """Keep-alive of the camera, as GigE Vision's heartbeat."""
        while True:
            self._send([b"{}"])
            await asyncio.sleep(ALIVE_S)

    def _send(self, frames: list[bytes]) -> None:
        """A camera does not wait for its host: without one, or with a slow one, the frame is gone."""
        try:
            self._camera.send_multipart(frames, flags=zmq.NOBLOCK)
        except zmq.Again:
            log.debug("no host took the frame")


async def simulate(belt: Belt, truth: TruthLog, options: LineOptions) -> None:
    """Run one simulated line until a signal ends it."""
    await SimulatedLine(belt, truth, options).run()


def _camera_socket(endpoint: str) -> zmq.Socket[bytes]:
    socket: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.PUSH)
    socket.setsockopt(zmq.SNDHWM, 4)
    socket.setsockopt(zmq.LINGER, 0)
    try:
        socket.bind(endpoint)
    except zmq.ZMQError as error:
        raise ConfigError(f"simulated camera cannot bind {endpoint}: {error}: choose another endpoint") from error
    return socket
