"""The simulated photo-eye and the camera it fires: a thread of their own, for the belt does not wait for the PLC.

The camera is a wire of its own (ZeroMQ PUSH): when the photo-eye fires, whatever is under the lens at that instant
goes out as a frame, whether or not anybody asked for it.
"""

from __future__ import annotations

import heapq
import json
import logging
import threading
import time
from collections import deque
from dataclasses import dataclass

import zmq

from agent.errors import ConfigError
from agent.inspection import Image
from agent.plc.sim.belt import Belt
from agent.plc.sim.drive import Drive

log = logging.getLogger(__name__)

ALIVE_S = 0.2
BOUNCE_S = 0.012
"""After a part's own edge the bouncing photo-eye fires again."""


@dataclass(frozen=True)
class Seen:
    """The photo-eye has fired."""

    at_s: float
    travel_mm: float
    index: int | None = None
    """The part on the belt that it saw; None: there was none."""
    challenge: bool = False


class PhotoEye:
    """Fires for each part as the belt brings it, exactly then however late the thread was woken."""

    def __init__(self, belt: Belt, drive: Drive, camera_endpoint: str) -> None:
        self._belt, self._drive = belt, drive
        self._camera = Camera(camera_endpoint)
        self._seen: deque[Seen] = deque()
        self._false_edges: list[float] = []
        self._bounces = 0
        self._flash_wanted = False
        self._flash_at_s: float | None = None
        self._unseen = 0
        self._woken = threading.Event()
        self._ended = False
        self.next_index = 0
        """The part to come next."""
        self._thread = threading.Thread(target=self._watch, name="photo-eye", daemon=True)
        self._thread.start()

    def take(self) -> list[Seen]:
        """What it has seen since the last call, oldest first."""
        return [self._seen.popleft() for _ in range(len(self._seen))]

    def wake(self) -> None:
        """The belt's speed has changed."""
        self._woken.set()

    def fire_without_part(self) -> None:
        """A hand, a fly: an edge, and a photo, without a part."""
        heapq.heappush(self._false_edges, time.monotonic())
        self._woken.set()

    def bounce(self) -> None:
        """Fire twice for the next part."""
        self._bounces += 1

    def flash(self) -> None:
        """Interference on the trigger wire: a photo between the next two parts, without an edge at the PLC."""
        self._flash_wanted = True

    def miss_one(self) -> None:
        """The camera is not ready again when the next part fires it: no photo, and none counted."""
        self._unseen += 1

    def close(self) -> None:
        """End the thread and the camera."""
        self._ended = True
        self._woken.set()
        self._thread.join(timeout=1.0)

    def _watch(self) -> None:
        while not self._ended:
            now_s = time.monotonic()
            part_s = self._next_part_s()
            false_s = self._false_edges[0] if self._false_edges else None
            flash_s = self._flash_at_s
            if part_s is not None and part_s <= now_s and (false_s is None or part_s <= false_s):
                self._pass_part(part_s)
            elif false_s is not None and false_s <= now_s:
                self._fire(heapq.heappop(self._false_edges))
            elif flash_s is not None and flash_s <= now_s:
                self._flash_at_s = None
                self._camera.expose(self._belt.under_lens(self._drive.position_mm(flash_s)), flash_s)
            else:
                self._wait(
                    min(at_s for at_s in (part_s, false_s, flash_s, now_s + ALIVE_S) if at_s is not None) - now_s
                )
        self._camera.close()

    def _wait(self, seconds: float) -> None:
        self._woken.wait(max(0.0, seconds))
        self._woken.clear()
        self._camera.keep_alive()

    def _next_part_s(self) -> float | None:
        if self._belt.count is not None and self.next_index >= self._belt.count:
            return None
        return self._drive.when_s(self._belt.eye_mm(self.next_index))

    def _pass_part(self, at_s: float) -> None:
        index, part = self.next_index, self._belt.part(self.next_index)
        if part is not None:
            self._fire(at_s, index, part.challenge)
            if self._bounces:
                self._bounces -= 1
                heapq.heappush(self._false_edges, at_s + BOUNCE_S)
            if self._flash_wanted:
                self._flash_wanted = False
                self._flash_at_s = at_s + self._belt.pitch_mm / self._drive.mm_s(at_s) / 2
        self.next_index += 1
        if self.next_index == self._belt.count:
            log.info("belt empty: all %d parts have passed the photo-eye", self._belt.count)

    def _fire(self, at_s: float, index: int | None = None, challenge: bool = False) -> None:
        travel_mm = self._drive.position_mm(at_s)
        if self._unseen:
            self._unseen -= 1
        else:
            self._camera.expose(self._belt.under_lens(travel_mm), at_s)
        self._seen.append(Seen(at_s, travel_mm, index, challenge))


class Camera:
    """A camera does not wait for its host: without one, or with a slow one, the frame is gone."""

    def __init__(self, endpoint: str) -> None:
        self._socket: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.PUSH)
        self._socket.setsockopt(zmq.SNDHWM, 4)
        self._socket.setsockopt(zmq.LINGER, 0)
        try:
            self._socket.bind(endpoint)
        except zmq.ZMQError as error:
            raise ConfigError(f"simulated camera cannot bind {endpoint}: {error}: choose another endpoint") from error
        self._frame_id = 0
        self._said_s = 0.0

    def expose(self, image: Image, at_s: float) -> None:
        """Take a photo."""
        self._frame_id += 1
        header = {"frame_id": self._frame_id, "captured_ns": int(at_s * 1e9), "shape": image.shape}
        self._send([json.dumps(header).encode(), image.tobytes()])

    def keep_alive(self) -> None:
        """A sign of life, as GigE Vision's heartbeat, every ALIVE_S."""
        if time.monotonic() - self._said_s >= ALIVE_S:
            self._said_s = time.monotonic()
            self._send([b"{}"])

    def close(self) -> None:
        self._socket.close(linger=0)

    def _send(self, frames: list[bytes]) -> None:
        try:
            self._socket.send_multipart(frames, flags=zmq.NOBLOCK)
        except zmq.Again:
            log.debug("no host took the frame")
