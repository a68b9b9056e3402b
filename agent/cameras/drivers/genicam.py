"""Any camera with a vendor's GenTL producer."""

from __future__ import annotations

import faulthandler
import logging
import math
import threading
import time
from typing import Any

import numpy as np

from agent.camera_config import ASKED, GenicamCamera, Mode
from agent.cameras.drivers.device_clock import DeviceClock
from agent.cameras.drivers.frame_ids import FrameIds
from agent.cameras.drivers.genicam_nodes import GenicamNodes
from agent.cameras.drivers.genicam_settings import apply
from agent.cameras.drivers.gentl_device import Device
from agent.cameras.drivers.gentl_producer import VENDOR_ERRORS, in_vendors_words, own_words
from agent.cameras.drivers.pixel_format import to_image
from agent.cameras.drivers.software_trigger import SoftwareTrigger
from agent.cameras.inbox import Inbox
from agent.errors import ConfigError, Fault, NoDecision
from agent.inspection import Frame, Image

log = logging.getLogger(__name__)

WAIT_S = 0.05
ASK_S = 0.5
"""So often the camera is asked for the time by its clock, or for anything: a sign of life."""
HUNG_S = 2.0
"""A vendor's call that takes longer does not end any more."""
RELEASE_S = 2.0
NOTHING: Image = np.zeros((0, 0), np.uint8)
UNREADABLE: tuple[type[Exception], ...] = (*VENDOR_ERRORS, NoDecision, ArithmeticError, TypeError, ValueError)
"""What a buffer raises that does not hold what it should."""


class GenicamDriver:
    """Opens, sets and reads back; frames come from a thread that fetches the producer's buffers."""

    simulated = False

    def __init__(self, config: GenicamCamera, mode: Mode) -> None:
        faulthandler.enable(2)  # stderr: a vendor's library that crashes says where, and not nothing
        self._config, self._asked = config, mode in ASKED
        self._device = Device(config.cti, config.device)
        self._stopping = threading.Event()
        self._trigger: SoftwareTrigger | None = None
        self._thread: threading.Thread | None = None
        self._inbox: Inbox | None = None
        self._turned_s = math.inf
        """When the fetching thread last began a turn."""
        self._broken: Fault | None = None
        self._clock, self._ids = DeviceClock(), FrameIds()
        try:
            with in_vendors_words(f"camera {self._device.seen}", otherwise=ConfigError):
                self.features = GenicamNodes(self._device.nodes)
                self._exposure_us = apply(config, mode, self.features)
        except BaseException:
            self._device.close()
            raise

    def start(self, inbox: Inbox) -> None:
        """From now on frames come."""
        with in_vendors_words(f"camera {self._device.seen} does not start", otherwise=Fault):
            self._device.start()
        self._inbox, self._turned_s = inbox, time.monotonic()
        self._thread = threading.Thread(target=self._fetch_forever, args=(inbox,), name="camera", daemon=True)
        self._thread.start()
        if self._asked:
            self._trigger = SoftwareTrigger(self._send_trigger)

    def fire(self) -> None:
        """One software trigger, where the camera was set to take them."""
        self.check()
        if self._trigger is not None:
            self._trigger.fire()

    def check(self) -> None:
        """Raise the Fault that the fetching thread has met; one that stands still has met one, too."""
        if time.monotonic() - self._turned_s > HUNG_S:
            self._lose(f"the vendor's library has not come back for {HUNG_S:g} s")
        if self._broken is not None:
            raise self._broken

    def close(self) -> None:
        """End the threads, release the device; a vendor's call that does not come back is left to a thread."""
        self._stopping.set()
        release = threading.Thread(target=self._release, name="camera-release", daemon=True)
        release.start()
        release.join(timeout=RELEASE_S)

    def _release(self) -> None:
        if self._trigger is not None:
            self._trigger.close()
        if self._thread is not None:
            self._thread.join()
        self._device.close()

    def _lose(self, why: str) -> None:
        if self._broken is None and not self._stopping.is_set():
            self._broken = Fault(f"camera {self._device.seen} lost: {why}")
            if self._inbox is not None:
                self._inbox.broken(self._broken)

    def _send_trigger(self) -> None:
        try:
            self._device.trigger()
        except VENDOR_ERRORS as error:  # no frame will come; whether the camera is lost, the other thread finds out
            log.warning("software trigger: %s", own_words(error))

    def _fetch_forever(self, inbox: Inbox) -> None:
        ask_at_s = 0.0
        try:
            while not self._stopping.is_set():
                self._turned_s = time.monotonic()
                if self._turned_s >= ask_at_s:
                    self._ask_time()
                    ask_at_s = time.monotonic() + ASK_S
                with self._device.fetched(WAIT_S) as buffer:
                    frame = None if buffer is None else self._frame(buffer, time.monotonic_ns())
                    if frame is not None:
                        inbox.put(frame)
        except VENDOR_ERRORS as error:
            self._lose(own_words(error))

    def _ask_time(self) -> None:
        device_ns = self._device.clock_ns()
        if device_ns is not None:
            self._clock.latched(device_ns, time.monotonic_ns())

    def _frame(self, buffer: Any, received_ns: int) -> Frame | None:
        """None: it does not say which one it is; what is left is a gap in the numbers."""
        try:
            frame_id = self._ids.count(buffer.frame_id)
        except UNREADABLE as error:
            log.warning("a frame does not say its number: %s", own_words(error))
            return None
        image, complete = self._image(buffer)
        captured_ns, jumped_ns = self._captured_ns(buffer, received_ns)
        if jumped_ns:
            log.warning("frame %d is not used: its time is %+.0f ms off the others'", frame_id, jumped_ns / 1e6)
        elif not complete:
            log.warning("frame %d is incomplete", frame_id)
        whole = complete and not jumped_ns
        return Frame(image, frame_id, captured_ns, self._exposure_us, whole, received_ns=received_ns)

    def _captured_ns(self, buffer: Any, received_ns: int) -> tuple[int, int]:
        """By the camera's clock, and how far that jumped; without a clock: just long enough before its arrival."""
        stamp_ns = self._device.stamp_ns(buffer)
        if stamp_ns is None:
            return received_ns - int(self._exposure_us * 1000), 0
        return self._clock.exposed(stamp_ns, received_ns)

    def _image(self, buffer: Any) -> tuple[Image, bool]:
        """A copy, as the buffer goes back to the producer; and whether it is whole."""
        try:
            image = to_image(self._config.pixel_format, _pixels(buffer), buffer.height, buffer.width)
            return (image if image.flags.owndata else image.copy()), image.size > 0 and buffer.is_complete()
        except UNREADABLE:
            return NOTHING, False


def _pixels(buffer: Any) -> Any:
    """The bytes of the image without what some cameras append to each line, uint8 N."""
    data = np.frombuffer(buffer.raw_buffer, np.uint8)[buffer.image_offset : buffer.size_filled]
    if not buffer.padding_x:
        return data
    whole = data.size - data.size % buffer.height
    return data[:whole].reshape(buffer.height, -1)[:, : -buffer.padding_x].reshape(-1)
