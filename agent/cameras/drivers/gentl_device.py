"""One device of a GenTL producer, held exclusively, and the buffers that the producer fills for it.

Harvesters fetches and parses the camera's description of itself. Its ImageAcquirer is left out: it throws incomplete
buffers away unseen and takes SIGINT from the station.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from agent.cameras.drivers.gentl_producer import (
    VENDOR_ERRORS,
    Producer,
    RemoteDevice,
    SeenDevice,
    close_quietly,
    closing_on_error,
    gentl,
    in_vendors_words,
)
from agent.errors import CameraMissing, ConfigError

BUFFERS = 16
POLL_S = 0.0005
"""The binding waits for a buffer without letting go of the interpreter, and the PLC link would stand: so it never
waits, it is asked."""


class Device:
    """Its features are `nodes`. CameraMissing: not there (names those seen), held by somebody, or does not answer."""

    def __init__(self, cti: Path, wanted: str) -> None:
        self._opened = ExitStack()
        self._stamps = True
        with closing_on_error(self._opened):
            producer = Producer(cti)
            self._opened.callback(producer.close)
            self.seen, info = _choose(producer.devices(), wanted, cti)
            with in_vendors_words(f"camera {self.seen}", otherwise=CameraMissing):
                self._open(info)

    def _open(self, info: Any) -> None:
        self._device = device = info.create_device()
        device.open(gentl.DEVICE_ACCESS_FLAGS_LIST.DEVICE_ACCESS_EXCLUSIVE)
        self._opened.callback(device.close)
        self.nodes = RemoteDevice(module=device, parent=None).node_map
        self._opened.callback(self.nodes.disconnect)
        self._stream = device.create_data_stream()
        self._stream.open(device.data_stream_ids[0])
        self._opened.callback(self._stream.close)
        self._events = gentl.EventManagerNewBuffer(self._stream.register_event(gentl.EVENT_TYPE_LIST.EVENT_NEW_BUFFER))
        self._opened.callback(self._events.unregister_event)

    def start(self) -> None:
        """Give the producer its buffers and let the camera send. Raises one of VENDOR_ERRORS."""
        opened, stream, nodes = self._opened, self._stream, self.nodes
        size_bytes = stream.payload_size if stream.defines_payload_size() else nodes.PayloadSize.value
        for number in range(max(BUFFERS, stream.buffer_announce_min)):
            buffer = stream.announce_buffer(gentl.BufferToken(bytes(size_bytes), number))
            opened.callback(stream.revoke_buffer, buffer)
            stream.queue_buffer(buffer)
        opened.callback(stream.flush_buffer_queue, gentl.ACQ_QUEUE_TYPE_LIST.ACQ_QUEUE_ALL_DISCARD)
        self._lock_parameters(1)
        opened.callback(self._lock_parameters, 0)
        stream.start_acquisition(gentl.ACQ_START_FLAGS_LIST.ACQ_START_FLAGS_DEFAULT, -1)
        opened.callback(stream.stop_acquisition, gentl.ACQ_STOP_FLAGS_LIST.ACQ_STOP_FLAGS_KILL)
        nodes.AcquisitionStart.execute()
        opened.callback(nodes.AcquisitionStop.execute)

    def trigger(self) -> None:
        """Fire it once. Raises one of VENDOR_ERRORS."""
        self.nodes.TriggerSoftware.execute()

    @contextmanager
    def fetched(self, timeout_s: float) -> Iterator[Any]:
        """The next filled buffer, complete or not, which goes back to the producer at the end; None: none in time.

        Raises one of VENDOR_ERRORS.
        """
        until_s = time.monotonic() + timeout_s
        while not (arrived := self._events.num_in_queue) and time.monotonic() < until_s:
            time.sleep(POLL_S)
        if not arrived:
            yield None
            return
        self._events.update_event_data(0)
        buffer = self._events.buffer
        try:
            yield buffer
        finally:
            self._stream.queue_buffer(buffer)

    def stamp_ns(self, buffer: Any) -> int | None:
        """When the buffer's image was exposed, by the camera's clock; None: this camera does not say."""
        if self._stamps:
            with suppress(*VENDOR_ERRORS):
                return int(buffer.timestamp_ns) or None
            with suppress(*VENDOR_ERRORS):
                return int(buffer.timestamp) * 1_000_000_000 // int(self._device.timestamp_frequency) or None
        self._stamps = False  # not asked again: each refusal costs a tenth of a millisecond
        return None

    def clock_ns(self) -> int | None:
        """The camera's clock as it stands; None: it cannot be asked for it.

        The camera answers in any case; raises one of VENDOR_ERRORS when it does not.
        """
        nodes = self.nodes
        if nodes.has_node(["TimestampLatch", "TimestampLatchValue"]):
            nodes.TimestampLatch.execute()
            return int(nodes.TimestampLatchValue.get_value(False, True))
        if nodes.has_node(["GevTimestampControlLatch", "GevTimestampValue", "GevTimestampTickFrequency"]):
            nodes.GevTimestampControlLatch.execute()
            ticks = int(nodes.GevTimestampValue.get_value(False, True))
            return ticks * 1_000_000_000 // int(nodes.GevTimestampTickFrequency.value)
        nodes.Width.get_value(False, True)
        return None

    def close(self) -> None:
        """Stop, take the buffers back, let go of everything; a lost device too."""
        close_quietly(self._opened)

    def _lock_parameters(self, locked: int) -> None:
        """Cameras before SFNC 2.0 have nothing to lock."""
        if self.nodes.has_node("TLParamsLocked"):
            self.nodes.TLParamsLocked.value = locked


def _choose(devices: list[tuple[SeenDevice, Any]], wanted: str, cti: Path) -> tuple[SeenDevice, Any]:
    fitting = [(seen, info) for seen, info in devices if wanted in (seen.id, seen.name, seen.serial)]
    if len(fitting) > 1:
        ids = ", ".join(seen.id for seen, _ in fitting)
        raise ConfigError(f"camera.device = '{wanted}' fits several devices: give the id of one: {ids}")
    if not fitting:
        seen = ", ".join(str(seen) for seen, _ in devices) or "none"
        raise CameraMissing(f"camera.device = '{wanted}': no such device; seen through {cti.name}: {seen}")
    return fitting[0]
