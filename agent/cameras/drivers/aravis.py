"""GigE Vision and USB3 Vision through Aravis."""

from __future__ import annotations

import logging
import threading
import time
from contextlib import suppress
from typing import Any

import numpy as np

from agent.camera_config import ASKED, AravisCamera, Mode
from agent.cameras.drivers.aravis_arrival import Arrivals
from agent.cameras.drivers.aravis_buffers import Buffers
from agent.cameras.drivers.aravis_devices import open_camera
from agent.cameras.drivers.aravis_features import AravisFeatures
from agent.cameras.drivers.aravis_library import Aravis, GLib, in_cameras_words
from agent.cameras.drivers.aravis_socket import create_stream
from agent.cameras.drivers.aravis_watch import Watch
from agent.cameras.drivers.device_clock import DeviceClock
from agent.cameras.drivers.frame_ids import FrameIds
from agent.cameras.drivers.genicam_settings import apply
from agent.cameras.drivers.pixel_format import to_image
from agent.cameras.drivers.software_trigger import SoftwareTrigger
from agent.cameras.inbox import Inbox
from agent.errors import ConfigError, Fault, NoDecision
from agent.inspection import Frame, Image

log = logging.getLogger(__name__)

POLL_US = 100_000
RETENTION_US = 40_000
"""So long after its last packet a frame is given up; the station waits 100 ms for it, and is to be told."""
JOIN_S, RELEASE_S, DEAD_S = 0.3, 1.0, 0.1
NOTHING: Image = np.zeros((0, 0), np.uint8)
SIMULATORS = ("Linegate", "Aravis")
"""Vendor names of `linegate camera sim` and of Aravis' own fake: their frames show no real part."""


class AravisDriver:
    """Opens, sets and reads back; frames come from a thread that fetches Aravis' buffers."""

    simulated = False

    def __init__(self, config: AravisCamera, mode: Mode) -> None:
        self._config, self._asked = config, mode in ASKED
        self._inbox: Inbox | None = None
        self._fault: Fault | None = None
        self._ids, self._arrivals = FrameIds(), Arrivals()
        self._clock, self._clock_lock = DeviceClock(), threading.Lock()
        self._stopping = threading.Event()
        self._trigger: SoftwareTrigger | None = None
        self._thread: threading.Thread | None = None
        self._camera, address = open_camera(config.device)
        try:
            self._set_up(config, mode)
            self._watch = Watch(self._camera.get_device(), address, self._lose, self._latched)
        except BaseException:
            _give_up_control(self._camera)  # now: a traceback may keep it from being forgotten
            raise
        self._control_lost = self._camera.get_device().connect("control-lost", lambda _: self._lose("control is lost"))

    def _set_up(self, config: AravisCamera, mode: Mode) -> None:
        name = f"camera '{config.device}'"
        with in_cameras_words(name):
            device = self._camera.get_device()
            self.simulated = self._camera.get_vendor_name() in SIMULATORS
            self.features = AravisFeatures(device, name)
            self._exposure_us = apply(config, mode, self.features)
            if self._camera.is_gv_device():
                self._set_packets(config)
            self._expected = (
                self._camera.get_integer("Width"), self._camera.get_integer("Height"), self._camera.get_pixel_format()
            )  # fmt: skip
            payload_bytes = self._camera.get_payload()
            self._stream: Any = create_stream(self._camera, payload_bytes)
            if self._camera.is_gv_device():
                self._stream.set_property("frame-retention", RETENTION_US)
        self._buffers: Buffers = Buffers(self._stream, payload_bytes)

    def start(self, inbox: Inbox) -> None:
        """From now on frames come."""
        self._inbox = inbox
        if self._fault is not None:
            inbox.broken(self._fault)
            return
        with in_cameras_words(f"camera '{self._config.device}' does not start"):
            self._camera.start_acquisition()
        self._thread = threading.Thread(target=self._fetch_forever, args=(inbox,), name="camera", daemon=True)
        self._thread.start()
        if self._asked:
            self._trigger = SoftwareTrigger(self._send_trigger)

    def fire(self) -> None:
        """One software trigger, where the camera was set to take them."""
        if self._fault is not None:
            raise self._fault
        if self._trigger is not None:
            self._trigger.fire()

    def check(self) -> None:
        """Raise the Fault that was met; and have the camera asked whether it is still there."""
        if self._fault is not None:
            raise self._fault
        self._watch.hurry()

    def close(self) -> None:
        """Release the camera; a dead one is left to a thread that waits for it to answer."""
        self._stopping.set()
        self._watch.close()
        if self._trigger is not None:
            self._trigger.close(JOIN_S)
        if self._thread is not None:
            self._thread.join(timeout=JOIN_S)
        self._camera.get_device().disconnect(self._control_lost)
        parts = [self._camera, self._stream, self._buffers]
        del self._camera, self._stream, self._buffers, self.features  # the last reference to the device ends it
        alive = self._fault is None
        release = threading.Thread(target=_release, args=(parts, alive), name="camera-release", daemon=True)
        release.start()
        release.join(timeout=RELEASE_S if alive else DEAD_S)

    def _set_packets(self, config: AravisCamera) -> None:
        camera = self._camera
        camera.gv_set_packet_size_adjustment(Aravis.GvPacketSizeAdjustment.NEVER)
        if config.packet_size_bytes is None:
            camera.gv_auto_packet_size()
        else:
            camera.gv_set_packet_size(config.packet_size_bytes)
            found = camera.gv_get_packet_size()
            if found != config.packet_size_bytes:
                raise ConfigError(
                    f"camera.packet_size_bytes = {config.packet_size_bytes}: the camera has {found} instead: give "
                    "that, or leave it out"
                )
        camera.gv_set_packet_delay(round(config.packet_delay_us * 1000))
        found_us = camera.gv_get_packet_delay() / 1000
        if abs(found_us - config.packet_delay_us) > max(1.0, 0.01 * config.packet_delay_us):
            raise ConfigError(
                f"camera.packet_delay_us = {config.packet_delay_us:g}: the camera has {found_us:g} instead: give that"
            )

    def _send_trigger(self) -> None:
        try:
            self._camera.software_trigger()
        except GLib.Error as error:  # no frame will come; whether the camera is lost, the watch finds out
            log.warning("software trigger: %s", error.message)
            self._watch.hurry()

    def _fetch_forever(self, inbox: Inbox) -> None:
        while not self._stopping.is_set():
            buffer = self._stream.timeout_pop_buffer(POLL_US)
            if buffer is None:
                continue
            received_ns = time.monotonic_ns()
            if buffer.get_status() == Aravis.BufferStatus.ABORTED:  # the stream ends
                self._buffers.give_back(buffer)
                continue
            try:
                frame = self._frame(buffer, received_ns)
            except (Fault, ConfigError) as error:
                self._lose(str(error))
                return
            if frame is not None:
                inbox.put(frame)

    def _frame(self, buffer: Any, received_ns: int) -> Frame | None:
        """None: it has lost its head, and nobody knows which one it was; what is left is a gap in the numbers."""
        if not buffer.get_system_timestamp():
            self._buffers.give_back(buffer)
            log.warning("a frame has lost its first packet, and with it its number")
            return None
        frame_id = self._ids.count(buffer.get_frame_id())
        why = self._what_is_wrong(buffer)
        captured_ns, jumped_ns = self._captured_ns(buffer, received_ns)
        if jumped_ns:
            why = f"{jumped_ns / 1e6:+.0f} ms off the others' time: the camera's clock was set"
            self._watch.hurry()  # until its clock is latched anew, times are late by exposure and read-out
        image = NOTHING
        if why is None:
            image, why = self._image(buffer)
        else:
            self._buffers.give_back(buffer)
        if why is not None:
            log.warning("frame %d is not used: %s", frame_id, why)
        return Frame(image, frame_id, captured_ns, self._exposure_us, complete=why is None, received_ns=received_ns)

    def _image(self, buffer: Any) -> tuple[Image, str | None]:
        """Of a frame that claims to be whole; and why it is not."""
        try:
            return to_image(self._config.pixel_format, self._buffers.lend(buffer), *self._expected[1::-1]), None
        except NoDecision as short:
            return NOTHING, f"incomplete ({short})"

    def _what_is_wrong(self, buffer: Any) -> str | None:
        """Why the frame is no proof of anything; None: it says that it is whole, and fits. Raises Fault."""
        status = buffer.get_status()
        if status != Aravis.BufferStatus.SUCCESS:
            return f"incomplete ({status.value_nick})"
        found = (buffer.get_image_width(), buffer.get_image_height(), buffer.get_image_pixel_format())
        if found != self._expected:
            return f"{found[0]} × {found[1]} px of format {found[2]:#x}: somebody has changed the camera's settings"
        if any(buffer.get_image_padding()):
            raise Fault("it pads the lines of its images: choose a camera.width_px that is a multiple of 8")
        return None

    def _captured_ns(self, buffer: Any, received_ns: int) -> tuple[int, int]:
        """When it was exposed, on our monotonic clock; and by how much that is out of line with the others, or 0."""
        device_ns, begun_ns = buffer.get_timestamp(), buffer.get_system_timestamp()
        arrived_ns = self._arrivals.begun_ns(begun_ns, received_ns)
        if not device_ns:  # the camera has no clock
            return received_ns - int(self._exposure_us * 1000), 0
        with self._clock_lock:
            return self._clock.exposed(device_ns, arrived_ns)

    def _latched(self, device_ns: int, until_ns: int) -> None:
        with self._clock_lock:
            self._clock.latched(device_ns, until_ns)

    def _lose(self, why: str) -> None:
        if self._fault is None and not self._stopping.is_set():
            self._fault = Fault(f"camera lost: '{self._config.device}': {why}")
            if self._inbox is not None:
                self._inbox.broken(self._fault)


def _give_up_control(camera: Any) -> None:
    if camera.is_gv_device():
        with suppress(GLib.Error):
            camera.get_device().leave_control()


def _release(parts: list[Any], alive: bool) -> None:
    """The last references end here, and what they do then to a dead camera keeps nobody else waiting."""
    camera, stream, buffers = parts
    parts.clear()
    if alive:
        try:
            camera.stop_acquisition()
        except GLib.Error as error:
            log.warning("camera does not stop: %s", error.message)
    buffers.close()
    del stream  # ends Aravis' thread, which writes into the buffers' memory
    del buffers, camera
