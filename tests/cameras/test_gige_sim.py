"""The simulated GigE camera at the wire: by the reference implementation (Aravis and its tools, as they come), by hand
where no library would send such a thing, and with every fault of its menu."""

from __future__ import annotations

import gc
import signal
import struct
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gi
import numpy as np
import pytest
from typer.testing import CliRunner

from agent.cameras.sim import registers as at
from agent.cameras.sim.faults import FAULTS, ImageFaults
from agent.cameras.sim.features import PIXEL_FORMATS, addresses, features
from agent.cameras.sim.gvcp import Code, Status
from agent.cameras.sim.gvsp import next_block_id
from agent.cameras.sim.picture import sensed
from agent.cameras.sim.stream import REMEMBERED_BLOCKS
from agent.command_line import app
from agent.inspection import Image
from tests.cameras.gige_process import GigeProcess, Host

gi.require_version("Aravis", "0.8")
from gi.repository import Aravis, GLib  # noqa: E402

pytestmark = pytest.mark.gige

RNG = np.random.default_rng(1)
SIDE_PX = 64
ADDRESS_OF = addresses(features(SIDE_PX, SIDE_PX))


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GigeProcess]:
    with GigeProcess(tmp_path_factory.mktemp("gige"), "--serial", "LG7") as process:
        yield process


@pytest.fixture
def camera(process: GigeProcess) -> Iterator[GigeProcess]:
    """One for all tests, as it was after its start but for what its hosts have set."""
    process.begin()
    yield process
    host = Host(process.address)
    process.until(lambda: host.read(at.CONTROL) == 0, "the test has given control back")
    host.close()
    assert "Traceback" not in process.said()


def scene(*shape: int) -> Image:
    return RNG.integers(1, 250, shape, np.uint8)


class Stream:
    """A host as Aravis makes one."""

    def __init__(self, address: str, **settings: Any) -> None:
        self.camera = Aravis.Camera.new(address)
        self.device = self.camera.get_device()
        for name, value in settings.items():
            getattr(self.camera, f"set_{name}")(value)
        # root's Aravis else takes a packet ring, which holds other tests' packets, too, until its filter is set
        self.camera.gv_set_stream_options(Aravis.GvStreamOption.PACKET_SOCKET_DISABLED)
        self._stream = self.camera.create_stream(None, None)
        self._stream.set_property("frame-retention", 50_000)
        for _ in range(32):
            self._stream.push_buffer(Aravis.Buffer.new_allocate(self.camera.get_payload()))
        self.camera.start_acquisition()

    def frame(self, patience_s: float = 2.0) -> Any:
        """The next buffer; None: none came."""
        return self._stream.timeout_pop_buffer(int(patience_s * 1e6))

    def latch_ns(self) -> tuple[int, int]:
        """The camera's clock, and ours."""
        self.device.execute_command("GevTimestampControlLatch")
        return self.device.get_integer_feature_value("GevTimestampValue"), time.monotonic_ns()


@contextmanager
def streaming(camera: GigeProcess, **settings: Any) -> Iterator[Stream]:
    stream = Stream(camera.address, **settings)
    try:
        yield stream
    finally:
        stream.camera.stop_acquisition()
        del stream.camera, stream.device, stream._stream  # with the last reference goes control
        gc.collect()


# --- the reference implementation ------------------------------------------------------------------------------------


def test_arv_tool_finds_it_reads_it_and_sets_it(camera: GigeProcess) -> None:
    def tool(*words: str) -> str:
        result = subprocess.run(["arv-tool-0.8", *words], capture_output=True, text=True, timeout=20, check=False)
        assert result.returncode == 0, result.stderr
        return result.stdout

    assert f"Linegate-SimulatedGigE-LG7 ({camera.address})" in tool()
    values = tool("-a", camera.address, "values")
    assert "[RW] 'TriggerSource' = 'Line1'" in values
    assert "'DeviceID' = 'LG7'" in values
    told = tool("-a", camera.address, "control", "Width=32", "ExposureTime=123.5", "TriggerSource=Software", "Width",
                "ExposureTime", "TriggerSource", "PayloadSize")  # fmt: skip
    assert ["Width = 32 min:16 max:64 inc:4", "ExposureTime = 123.5 min:10 max:1e+06", "TriggerSource = Software",
            f"PayloadSize = {32 * 64}"] == [line.split(" min:0")[0] for line in told.splitlines()[-4:]]  # fmt: skip
    tool("-a", camera.address, "control", f"Width={SIDE_PX}")


def test_arv_camera_test_streams_from_it(camera: GigeProcess) -> None:
    command = ["arv-camera-test-0.8", "-n", camera.address, "-f", "50", "--duration", "1", "--no-packet-socket"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert result.returncode == 0, result.stderr
    said = dict(line.split("=") for line in result.stdout.replace(" ", "").splitlines() if "=" in line)
    assert int(said["n_completed_buffers"]) >= 20, result.stdout
    assert said["n_failures"] == "0"


def test_each_rise_of_line_1_is_a_frame_stamped_with_its_time(camera: GigeProcess) -> None:
    with streaming(camera, trigger="Line1", exposure_time=100.0) as stream:
        device_ns, our_ns = stream.latch_ns()
        for number in range(1, 6):
            shown = scene(SIDE_PX, SIDE_PX)
            at_ns = camera.show(shown)
            frame = stream.frame()
            assert frame.get_status() is Aravis.BufferStatus.SUCCESS
            assert frame.get_frame_id() == number
            assert frame.get_data() == shown.tobytes()
            off_ns = (frame.get_timestamp() - device_ns) - (at_ns - our_ns)
            assert 0 <= off_ns < 50_000_000  # the latch was before the read; by how much is this computer's business
            stream._stream.push_buffer(frame)


def test_a_scene_that_this_computer_lost_is_counted(camera: GigeProcess) -> None:
    with streaming(camera, trigger="Line1", exposure_time=10.0) as stream:
        camera.show(scene(4, 4))
        camera.shown += 3
        camera.show(scene(4, 4))
        assert [stream.frame().get_frame_id() for _ in range(2)] == [1, 5]


def test_asked_for_or_free_running_it_shows_what_came_last(camera: GigeProcess) -> None:
    shown = scene(SIDE_PX, SIDE_PX)
    with streaming(camera, trigger="Software", exposure_time=100.0) as stream:
        camera.show(scene(SIDE_PX, SIDE_PX))
        camera.show(shown)
        assert stream.frame(0.1) is None, "nobody has asked"
        stream.camera.software_trigger()
        assert stream.frame().get_data() == shown.tobytes()
    with streaming(camera, frame_rate=100.0, exposure_time=100.0) as stream:  # Aravis takes the trigger away for it
        assert [stream.frame().get_data() == shown.tobytes() for _ in range(3)] == [True] * 3


def test_pixel_formats_and_region() -> None:
    """Pure: what the sensor makes of a scene; the wire carries bytes."""
    shown = scene(8, 8, 3)
    region = (2, 4, 4, 4)
    cut = shown[4:8, 2:6]
    assert sensed(shown, region, PIXEL_FORMATS["RGB8"]) == cut[:, :, ::-1].tobytes()
    mosaic = np.frombuffer(sensed(shown, region, PIXEL_FORMATS["BayerRG8"]), np.uint8).reshape(4, 4)
    assert (mosaic[::2, ::2] == cut[::2, ::2, 2]).all()
    assert (mosaic[1::2, 1::2] == cut[1::2, 1::2, 0]).all()
    assert (mosaic[::2, 1::2] == cut[::2, 1::2, 1]).all()
    grey = np.frombuffer(sensed(shown[:, :, 0], (0, 0, 10, 9), PIXEL_FORMATS["Mono8"]), np.uint8).reshape(9, 10)
    assert (grey[:8, :8] == shown[:, :, 0]).all()
    assert (grey[:8, 9] == shown[:, 7, 0]).all(), "beyond the scene goes on what lies at its edge"


# --- faults ----------------------------------------------------------------------------------------------------------

SHARES = {"black": 0.3, "lose": 0.3}
ORDERS = [fault for fault in FAULTS if fault != "stale"]


def test_every_fault_of_the_menu_at_the_wire(camera: GigeProcess) -> None:
    """Two scenes for each fault: the first meets it, the second does not."""
    got: dict[int, tuple[str, bytes]] = {}
    shown = {}
    with streaming(camera, trigger="Line1", exposure_time=100.0) as stream:
        for order in ORDERS:
            camera.type(order)
            for fault in (order, f"after {order}"):
                shown[fault] = scene(SIDE_PX, SIDE_PX)
                camera.show(shown[fault])
                time.sleep(0.04)
        while (frame := stream.frame(0.2)) is not None:
            got[frame.get_frame_id()] = (frame.get_status().value_nick, frame.get_data())
    taken = camera.taken()
    assert taken == [name for order in ORDERS for name in (order, *["unasked"] * (order == "extra"), "")]
    names = [name for order in ORDERS for name in (order, *["unasked"] * (order == "extra"), f"after {order}")]
    names.remove("skip")  # it takes no number
    found = {name: got.get(number, ("missing", b"")) for number, name in enumerate(names, 1)}
    pictures = {name: image.tobytes() for name, image in shown.items()} | {
        "unasked": shown["extra"].tobytes(),
        "freeze": shown["after extra"].tobytes(),
        "black": bytes(SIDE_PX * SIDE_PX),
        "saturated": b"\xff" * SIDE_PX * SIDE_PX,
        "resized": shown["resized"].tobytes()[: SIDE_PX * SIDE_PX // 2],
        "short": shown["short"].tobytes()[: SIDE_PX * SIDE_PX // 2],  # a success, for Aravis
    }
    for name in ("lose", "swap"):  # Aravis refuses what comes behind a newer one
        assert found.pop(name)[0] == "missing"
    assert found.pop("incomplete")[0] in ("timeout", "missing-packets")
    assert [name for name, frame in found.items() if frame != ("success", pictures[name])] == []


def test_an_old_frame_comes_again_with_its_old_id_and_time(camera: GigeProcess) -> None:
    """As old as it must be for Aravis to take the camera for one that counts anew."""
    stamps: dict[int, int] = {}
    with streaming(camera, trigger="Line1", exposure_time=10.0) as stream:
        for _ in range(REMEMBERED_BLOCKS):
            camera.show(scene(4, 4))
            frame = stream.frame()
            stamps[frame.get_frame_id()] = frame.get_timestamp()
            stream._stream.push_buffer(frame)
        camera.type("stale")
        camera.show(scene(4, 4))
        stale, new = stream.frame(), stream.frame()
        assert (stale.get_frame_id(), stale.get_timestamp()) == (2, stamps[2])
        assert new.get_frame_id() == REMEMBERED_BLOCKS + 1


def test_the_same_seed_strikes_the_same_images() -> None:
    struck = [[faults.draw() for _ in range(1000)] for faults in (ImageFaults(SHARES, 5), ImageFaults(SHARES, 5))]
    assert struck[0] == struck[1]
    met = Counter(struck[0])
    assert all(250 < met[fault] < 350 for fault in SHARES)


# --- control ---------------------------------------------------------------------------------------------------------


def test_one_host_at_a_time_and_only_while_it_lives(camera: GigeProcess) -> None:
    one, other = Host(camera.address), Host(camera.address)
    assert one.write(at.HEARTBEAT, 500) == Status.ACCESS_DENIED, "without control nothing is set"
    assert one.write(at.CONTROL, 2) == Status.OK
    assert one.write(at.HEARTBEAT, 500) == Status.OK
    assert other.write(at.CONTROL, 2) == Status.ACCESS_DENIED
    assert other.read(at.CONTROL) == 2, "to look is allowed"
    with pytest.raises(GLib.Error):
        Aravis.Camera.new(camera.address).set_exposure_time(50.0)
    assert one.write(at.CONTROL, 1) == Status.OK
    assert other.read(at.CONTROL) is None, "not while it is exclusive"
    camera.wait("no sign of life from the host")
    assert other.write(at.CONTROL, 2) == Status.OK
    assert other.write(at.CONTROL, 0) == Status.OK
    camera.wait("gives control back")
    one.close()
    other.close()


def test_what_it_cannot_take_is_refused(camera: GigeProcess) -> None:
    host = Host(camera.address)
    assert host.write(at.CONTROL, 2) == Status.OK
    assert host.write(ADDRESS_OF["Width"], SIDE_PX + 4) == Status.INVALID_PARAMETER
    assert host.write(ADDRESS_OF["Width"], 18) == Status.INVALID_PARAMETER
    assert host.write(ADDRESS_OF["TriggerSource"], 9) == Status.INVALID_PARAMETER
    assert host.write(ADDRESS_OF["SensorWidth"], 16) == Status.WRITE_PROTECT
    assert host.write(at.SERIAL, 1) == Status.WRITE_PROTECT
    assert host.write(0x7FFF_0000, 1) == Status.INVALID_ADDRESS
    assert host.read(0x7FFF_0000) is None
    assert host.write(ADDRESS_OF["AcquisitionStart"], 1) == Status.OK
    assert host.write(ADDRESS_OF["Width"], 32) == Status.WRITE_PROTECT, "not while images are acquired"
    too_long = struct.pack(">I", ADDRESS_OF["ExposureTime"]) + struct.pack(">d", 1e9)
    assert host.ask(Code.WRITE_MEMORY, too_long) == (Status.INVALID_PARAMETER, b"")
    assert host.ask(0x00C0, b"") == (Status.NOT_IMPLEMENTED, b"")
    host.close()


def test_garbage_does_it_no_harm(camera: GigeProcess) -> None:
    garbage, host = Host(camera.address), Host(camera.address)
    for length in (0, 1, 7, 8, 9, 40, 1400):
        garbage.send(RNG.bytes(length))
    for code in Code:
        for length in (0, 3, 4, 7, 8, 12):
            garbage.send(struct.pack(">BBHHH", 0x42, 0, code, length, 9) + RNG.bytes(length))
    assert host.ask(Code.READ_REGISTER, struct.pack(">I", 0), key=0x41) is None
    assert host.read(at.VERSION) == 0x0001_0002
    host.close()


def test_unplugged_it_answers_nobody_and_restarted_it_has_forgotten_all(camera: GigeProcess) -> None:
    host = Host(camera.address)
    assert host.write(at.CONTROL, 2) == Status.OK
    assert host.write(ADDRESS_OF["Width"], 32) == Status.OK
    camera.type("dead 100")
    assert host.read(at.CONTROL) is None
    time.sleep(0.1)
    assert host.read(at.CONTROL) == 2
    camera.type("restart")
    while (control := host.read(at.CONTROL)) is None:
        assert camera.process.poll() is None
    assert control == 0
    assert host.read(ADDRESS_OF["Width"]) == SIDE_PX
    host.close()


def test_mute_it_answers_and_its_clock_can_jump(camera: GigeProcess) -> None:
    with streaming(camera, trigger="Line1", exposure_time=10.0) as stream:
        camera.type("mute 200")
        camera.show(scene(4, 4))
        assert stream.frame(0.1) is None
        before_ns, _ = stream.latch_ns()
        camera.type("clock 5000")
        assert 5e9 < stream.latch_ns()[0] - before_ns < 10e9


def test_block_ids_wrap_past_zero() -> None:
    assert [next_block_id(block_id) for block_id in (0, 1, 65_534, 65_535)] == [1, 2, 65_535, 1]


# --- bad input, and the end ------------------------------------------------------------------------------------------


def refused(*arguments: str) -> str:
    """The one line that is said of these options."""
    result = CliRunner().invoke(app, ["camera", "sim", *arguments])
    assert result.exit_code == 2, result.output
    assert result.stderr.count("\n") == 1
    return result.stderr


def test_an_address_in_use_is_one_line(camera: GigeProcess) -> None:
    assert f"UDP port 3956 of {camera.address} is in use" in refused("--address", camera.address)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--address", "8.8.8.8"), "this computer has no address 8.8.8.8"),
        (("--address", "camera"), "'camera' is no IPv4 address"),
        (("--fault", "blurred=0.1"), "KIND is one of lose, incomplete"),
        (("--fault", "lose=0.7", "--fault", "swap=0.7"), "an image meets one fault at most"),
        (("--sensor", "640"), "write WIDTHxHEIGHT"),
        (("--serial", "much too long a number"), "1…15 printable"),
        (("--line", "127.0.0.1:5590"), "--line '127.0.0.1:5590'"),
        (("--frame-log", "/no/such/folder/log"), "name a file"),
    ],
)
def test_bad_options_are_one_line(arguments: tuple[str, ...], complaint: str) -> None:
    assert complaint in refused(*arguments)


def test_sigterm_ends_it_in_good_order(tmp_path: Path) -> None:
    with GigeProcess(tmp_path) as camera:
        camera.process.send_signal(signal.SIGTERM)
        assert camera.process.wait(5) == 0
        assert "Traceback" not in camera.said()
