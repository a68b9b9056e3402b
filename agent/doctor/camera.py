"""The camera as the station would have it: open, settings kept, frame rate, photos that can be judged, none lost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from ipaddress import IPv4Address
from urllib.parse import urlsplit

from agent.camera_config import FIRED, AravisCamera, GenicamSettings, Mode, OpencvCamera
from agent.doctor.frames import Seen, see_frames
from agent.doctor.plc_reads import Reads
from agent.doctor.subject import Subject
from agent.errors import ConfigError, Fault
from agent.finding import Finding, doubtful, right, unknown, wrong

RATE_REACHED = 0.95
"""Of the wanted rate: what is missing is the first frame's waiting, at some frames a second."""
FIRED_BY_US: Mode = "software"


def examine_camera(subject: Subject) -> Iterator[Finding]:
    """Open it for real; while it delivers, the PLC is read beside it for the next group."""
    if subject.running:
        yield unknown("camera", "skipped: the station runs and has it: see station", "for a look of its own stop it")
        return
    config = subject.config
    mode = config.trigger.mode
    with _read_beside(subject):
        try:
            seen = see_frames(config, mode, subject.seconds)
        except ConfigError as error:
            yield wrong("opens", str(error), "no station can start with this camera as it is set up")
            return
        except Fault as error:
            yield wrong("opens", str(error), "a station waits for it; linegate camera list shows what is there")
            return
        fired = False
        none_came = mode == "hardware" and not seen.statistics.frames and not seen.lost
        if none_came and isinstance(config.camera, GenicamSettings):
            fired, seen = True, see_frames(config, FIRED_BY_US, subject.seconds)
    yield from _findings(subject, seen, fired)


@contextmanager
def _read_beside(subject: Subject) -> Iterator[None]:
    """Read the PLC meanwhile, where it answered before."""
    with ExitStack() as opened:
        if "plc_read_idle_ms" in subject.figures:
            reads = opened.enter_context(Reads(subject.config.plc))
            opened.callback(lambda: subject.note("plc_read_grabbing_ms", reads.times_ms))
        yield


def _findings(subject: Subject, seen: Seen, fired: bool) -> Iterator[Finding]:
    config, statistics = subject.config, seen.statistics
    told = {"": "DeviceVendorName", " ": "DeviceModelName", ", firmware ": "DeviceFirmwareVersion"}
    name = "".join(f"{before}{seen.facts[fact]}" for before, fact in told.items() if fact in seen.facts)
    warmth = f", {seen.facts['DeviceTemperature']:.0f} °C" if "DeviceTemperature" in seen.facts else ""
    text = f"{config.camera.driver}{': ' if name else ''}{name}{warmth}, in {seen.opened_ms:.0f} ms"
    yield right("opens", text)
    yield check_settings(seen)
    if seen.lost:
        yield wrong("stays", seen.lost, "see its cable, power and network")
    if not statistics.frames:
        yield _no_frame(config.trigger.mode, seen)
        return
    subject.note("camera_wait_ms", seen.waits_ms)
    subject.figures["camera_rate_per_s"] = round(statistics.frames / seen.took_s, 2)
    _note_stream(subject, seen)
    yield _check_rate(subject, seen, fired)
    if seen.asked:
        yield _check_waits(subject, seen)
    yield _check_losses(seen)
    yield _check_photos(seen, fired)


def _no_frame(mode: Mode, seen: Seen) -> Finding:
    if mode in FIRED:
        return unknown("frames", f"none in {seen.took_s:.1f} s: trigger.mode = '{mode}' waits for whoever fires the "
                       "camera", "let parts pass meanwhile (--seconds), or see the photo-eye and its wire")  # fmt: skip
    return wrong("frames", f"none in {seen.took_s:.1f} s", "see cable, packet size and trigger settings")


def check_settings(seen: Seen) -> Finding:
    """Does the camera have them still, after the frames?"""
    if seen.unread:
        return wrong("settings", f"could not be read back: {seen.unread}", "whether the camera still has them is not "
                     "known: see its cable, power and network")  # fmt: skip
    if seen.settings is None:
        return right("settings", "taken, and read back at the opening")
    looked_at, differing = seen.settings
    if differing:
        return wrong("settings", f"{len(differing)} of {looked_at} not kept: {'; '.join(differing)}",
                     "the camera changes it by itself: set what it depends on first, or give what it has")  # fmt: skip
    return right("settings", f"{looked_at} written, read back alike at the opening and after the frames")


def _wanted_per_s(subject: Subject, asked: bool) -> float | None:
    """As fast as parts come, or as the file has it; None: whoever fires the camera decides."""
    if asked:
        return 1000 / subject.config.trigger.min_pitch_ms
    if subject.config.trigger.mode == "presence":
        rate: float | None = getattr(subject.config.camera, "rate_per_s", None)
        return rate
    return None


def _check_rate(subject: Subject, seen: Seen, fired: bool) -> Finding:
    frames, reached = seen.statistics.frames, seen.statistics.frames / seen.took_s
    wanted = _wanted_per_s(subject, seen.asked)
    seen_text = f"{reached:.1f} frames/s (n = {frames} in {seen.took_s:.1f} s)"
    if fired:
        seen_text += ", fired by the doctor, as no part came"
    if wanted is None:
        return right("frame rate", seen_text)
    seen_text += f" of {wanted:.1f}"
    if reached < RATE_REACHED * wanted - 1 / seen.took_s:
        return wrong("frame rate", seen_text, "expose shorter, read out less (width_px, height_px), see the network's "
                     "speed and the camera's own limit")  # fmt: skip
    return right("frame rate", seen_text)


def _check_waits(subject: Subject, seen: Seen) -> Finding:
    spread = subject.spread("camera_wait_ms")
    limit_ms = subject.config.trigger.frame_timeout_ms
    text = f"{spread}; trigger.frame_timeout_ms = {limit_ms:g}"
    if seen.missed:
        return wrong("photo", f"{seen.missed} had not come after {limit_ms:g} ms; others {spread}", "each is a part "
                     "without a decision: see losses, or set trigger.frame_timeout_ms higher")  # fmt: skip
    if spread and spread.max > limit_ms / 2:
        return doubtful("photo", text, "more than half of the time allowed: expose or read out for less long")
    return right("photo", text)


def _check_losses(seen: Seen) -> Finding:
    statistics = seen.statistics
    text = f"{statistics.missing} missing, {statistics.incomplete} incomplete, {statistics.out_of_order} out of order"
    text += f" (n = {statistics.frames})"
    if statistics.missing or statistics.incomplete or statistics.out_of_order:
        return wrong("losses", text, "see packet size, receive buffer and the network below, and linegate camera live")
    return right("losses", text)


def _check_photos(seen: Seen, fired: bool) -> Finding:
    if not seen.looked_at:
        return unknown("photos", "no whole photo to look at")
    if seen.refused:
        text = f"{len(seen.refused)} of {seen.looked_at} would not be decided on: {seen.refused[0]}"
        remedy = "see light, lens and exposure (linegate camera live), or the recipe's [frame] limits"
        if fired:
            return doubtful("photos", text, f"if a part lies under the lens, {remedy}")
        return wrong("photos", text, remedy)
    grey, sharp = (f"{min(values):.1f} to {max(values):.1f}" for values in (seen.grey, seen.sharpness))
    return right("photos", f"mean grey {grey}, sharpness {sharp}, within the recipe's limits (n = {seen.looked_at})")


def _note_stream(subject: Subject, seen: Seen) -> None:
    """For the look at the network."""
    camera, facts = subject.config.camera, seen.facts
    for name, fact in (("camera_payload_bytes", "PayloadSize"), ("camera_packet_bytes", "GevSCPSPacketSize")):
        if fact in facts:
            subject.figures[name] = float(facts[fact])
    if "GevCurrentIPAddress" in facts:
        subject.addresses["camera"] = str(IPv4Address(int(facts["GevCurrentIPAddress"])))
    elif isinstance(camera, AravisCamera) and camera.device.count(".") == 3:
        subject.addresses["camera"] = camera.device
    elif isinstance(camera, OpencvCamera) and "://" in camera.source:
        subject.addresses["camera"] = urlsplit(camera.source).hostname or ""
