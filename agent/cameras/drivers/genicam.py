"""Any camera with a vendor's GenTL producer."""

from __future__ import annotations

import faulthandler
import logging
import threading
import time
from typing import Any

import numpy as np

from agent.camera_config import FREE_RUNNING, GenicamCamera, Mode
from agent.cameras.drivers.device_clock import DeviceClock
from agent.cameras.drivers.frame_ids import FrameIds
from agent.cameras.drivers.genicam_nodes import GenicamNodes
from agent.cameras.drivers.genicam_settings import apply
from agent.cameras.drivers.gentl_device import Device
from agent.cameras.drivers.gentl_producer import VENDOR_ERRORS, in_vendors_words, own_words
from agent.cameras.drivers.pixel_format import to_image
from agent.cameras.inbox import Inbox
from agent.errors import ConfigError, Fault, NoDecision
from agent.inspection import Frame, Image

log = logging.getLogger(__name__)

WAIT_S = 0.05
"""close() takes no longer."""
ASK_S = 0.5
"""So often the camera is asked for the time by its clock, or for anything: a sign of life."""


class GenicamDriver:
    """Opens, sets and reads back; frames come from a thread that fetches the producer's buffers."""

    simulated = False

    def __init__(self, config: GenicamCamera, mode: Mode) -> None:
        faulthandler.enable(2)  # stderr: a vendor's library that crashes says where, and not nothing
        self._config, self._asked = config, mode not in FREE_RUNNING and mode != "hardware"
        self._device = Device(config.cti, config.device)
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._broken: Fault | None = None
        self._clock, self._ids = DeviceClock(), FrameIds()
        try:
            with in_vendors_words(f"camera {self._device.seen}", otherwise=ConfigError):
                self._exposure_us = apply(config, mode, GenicamNodes(self._device.nodes))
        except BaseException:
            self._device.close()
            raise

    def start(self, inbox: Inbox) -> None:
        """From now on frames come."""
        with in_vendors_words(f"camera {self._device.seen} does not start", otherwise=Fault):
            self._device.start()
        self._thread = threading.Thread(target=self._fetch_forever, args=(inbox,), name="camera", daemon=True)
        self._thread.start()

    def fire(self) -> None:
        """One software trigger, where the camera was set to take them."""
        if self._asked:
            with in_vendors_words(f"camera {self._device.seen} takes no software trigger", otherwise=Fault):
                self._device.nodes.TriggerSoftware.execute()

    def check(self) -> None:
        """Raise the Fault that the fetching thread has met."""
        if self._broken is not None:
            raise self._broken

    def close(self) -> None:
        """End the thread, then release the device."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
        self._device.close()

    def _fetch_forever(self, inbox: Inbox) -> None:
        ask_at_s = 0.0
        try:
            while not self._stopping.is_set():
                if time.monotonic() >= ask_at_s:
                    self._ask_time()
                    ask_at_s = time.monotonic() + ASK_S
                with self._device.fetched(WAIT_S) as buffer:
                    if buffer is not None:
                        inbox.put(self._frame(buffer, time.monotonic_ns()))
        except VENDOR_ERRORS as error:
            self._broken = Fault(f"camera {self._device.seen} lost: {own_words(error)}")
            inbox.broken(self._broken)

    def _ask_time(self) -> None:
        device_ns = self._device.clock_ns()
        if device_ns is not None:
            self._clock.latched(device_ns, time.monotonic_ns())

    def _frame(self, buffer: Any, received_ns: int) -> Frame:
        frame_id = self._ids.count(buffer.frame_id)
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
        except NoDecision:
            return np.zeros((0, 0), np.uint8), False
        return (image if image.flags.owndata else image.copy()), buffer.is_complete()


def _pixels(buffer: Any) -> Any:
    """The bytes of the image without what some cameras append to each line, uint8 N."""
    data = np.frombuffer(buffer.raw_buffer, np.uint8)[buffer.image_offset : buffer.size_filled]
    if not buffer.padding_x:
        return data
    whole = data.size - data.size % buffer.height
    return data[:whole].reshape(buffer.height, -1)[:, : -buffer.padding_x].reshape(-1)
