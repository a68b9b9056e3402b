"""The doctor's look at PLC, model, camera and network: real ones with faults; what no computer here has is judged."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.camera_config import GenicamCamera
from agent.doctor.camera import check_settings, examine_camera
from agent.doctor.frames import Seen, read_back
from agent.doctor.model import examine_model
from agent.doctor.network import check_buffer, check_errors, check_link, check_packets, examine_network, judge_shared
from agent.doctor.placement import judge_placement, placed
from agent.doctor.plc import examine_plc
from agent.doctor.ports import check_free, examine_ports
from agent.doctor.together import examine_together
from agent.errors import Fault
from agent.finding import Level
from agent.local_line import free_port
from agent.spread import Spread
from tests.doctor.stations import found, station, subject, with_plc, with_stream
from tests.faults.chaos_proxy import ChaosProxy
from tests.plc.plc_process import Plcs, plc_process
from tests.tiny_model import write_tiny_model


@pytest.fixture(scope="module")
def plcs() -> Iterator[Plcs]:
    with plc_process("", "swapped") as running:
        yield running


def test_plc_and_camera_are_measured_alone_and_together(plcs: Plcs, tiny_model: Path, tmp_path: Path) -> None:
    of = subject(with_plc(tmp_path, tiny_model, plcs.port[""]))
    told = found(examine_plc, of)
    assert {"map", "heartbeat", "scan", "reads while idle"} <= set(told)
    assert told["map"].level is told["station"].level is Level.RIGHT, told
    assert of.plc_memory["DECIDE_MS"] == 250
    told = found(examine_camera, of)
    assert {told[name].level for name in ("opens", "settings", "losses", "photos")} == {Level.RIGHT}, told
    assert found(examine_model, of)["self-test"].level is Level.RIGHT
    told = found(examine_together, of)
    assert "frames/s" in told["PLC during grabs"].seen
    assert "× idle at the median" in told["PLC during grabs"].seen
    assert "ms that DECIDE_MS leaves after guard and two scans" in told["time for a part"].seen
    for when in ("idle", "grabbing"):
        spread = of.figures[f"plc_read_{when}_ms"]
        assert isinstance(spread, Spread)
        assert spread.n > 10
    told = found(examine_network, of)
    assert told["route to PLC"].seen.startswith("127.0.0.1 by lo")


def test_another_map_and_a_slow_plc_are_wrong(plcs: Plcs, tiny_model: Path, tmp_path: Path) -> None:
    told = found(examine_plc, subject(with_plc(tmp_path, tiny_model, plcs.port["swapped"])))
    assert told["map"].level is Level.WRONG
    assert "bytes swapped" in told["map"].seen
    proxy = ChaosProxy(plcs.port[""])
    try:
        proxy._loop.call_soon_threadsafe(setattr, proxy, "_fault", "delay")
        of = subject(with_plc(tmp_path, tiny_model, proxy.port, timeout_ms=30))
        told = found(examine_plc, of)
    finally:
        proxy.close()
    idle = told["reads while idle"]
    assert idle.level is Level.WRONG, idle
    assert "plc.timeout_ms is too short: set it to " in idle.remedy


def test_a_dead_plc_is_one_finding(tiny_model: Path, tmp_path: Path) -> None:
    (told,) = examine_plc(subject(with_plc(tmp_path, tiny_model, free_port())))
    assert told.level is Level.WRONG
    assert "no Modbus server listens" in told.seen


@pytest.mark.parametrize(
    ("busy_ms", "level", "seen"),
    [(1.0, Level.RIGHT, "1.00 ×"), (3.0, Level.DOUBTFUL, "3.00 ×"), (200.0, Level.WRONG, "200.00 ×")],
)
def test_answers_during_grabs_are_judged(
    busy_ms: float, level: Level, seen: str, tiny_model: Path, tmp_path: Path
) -> None:
    of = subject(with_plc(tmp_path, tiny_model, 502))
    of.note("plc_read_idle_ms", [1.0] * 9)
    of.note("plc_read_grabbing_ms", [busy_ms] * 9)
    of.figures["camera_rate_per_s"] = 10.0
    told = found(examine_together, of)
    assert told["PLC during grabs"].level is level
    assert seen in told["PLC during grabs"].seen
    assert told["time for a part"].level is Level.UNKNOWN


@pytest.mark.parametrize(("model_ms", "level"), [(100, Level.RIGHT), (190, Level.DOUBTFUL), (250, Level.WRONG)])
def test_the_time_for_a_part_is_judged(model_ms: float, level: Level, tiny_model: Path, tmp_path: Path) -> None:
    of = subject(with_plc(tmp_path, tiny_model, 502))
    of.plc_memory = {"DECIDE_MS": 250}
    of.note("model_run_ms", [model_ms])
    of.note("camera_wait_ms", [5.0])
    told = found(examine_together, of)["time for a part"]
    assert told.level is level, told


def test_a_model_that_computes_otherwise_is_wrong(tmp_path: Path) -> None:
    model = write_tiny_model(tmp_path / "other.onnx", expected_px=7)
    told = found(examine_model, subject(station(tmp_path, model)))
    assert told["self-test"].level is Level.WRONG
    assert told["provider"].level is Level.RIGHT
    told = found(examine_model, subject(station(tmp_path, tmp_path / "none.onnx")))
    assert told["model"].level is Level.WRONG


def test_nodes_left_on_the_processor_are_named() -> None:
    def event(name: str, provider: str) -> dict[str, object]:
        return {"cat": "Node", "name": f"{name}_kernel_time", "args": {"provider": provider}}

    events = [event("conv1", "CUDAExecutionProvider"), event("conv1", "CUDAExecutionProvider"),
              event("resize", "CPUExecutionProvider"), {"cat": "Session", "name": "run"}]  # fmt: skip
    nodes = placed(json.loads(json.dumps(events)))
    told = judge_placement("cuda", nodes)
    assert told.level is Level.WRONG
    assert told.seen == "1 on CPUExecutionProvider, 1 on CUDAExecutionProvider: resize"
    assert judge_placement("cuda", {"CUDAExecutionProvider": ["conv1"]}).level is Level.RIGHT
    assert judge_placement("cpu", {}).level is Level.WRONG


def test_a_camera_that_is_not_there_is_one_finding(tiny_model: Path, tmp_path: Path) -> None:
    (told,) = examine_camera(subject(with_stream(station(tmp_path, tiny_model), "/dev/video99")))
    assert told.level is Level.WRONG
    assert "/dev/video99" in told.seen


class _NoAnswer:
    """A camera's features, when its cable has come loose."""

    def has(self, name: str) -> bool:
        raise Fault(f"{name}: no answer")

    get = set = choices = limits = has


def test_settings_that_cannot_be_read_back_are_not_counted_as_lost(tmp_path: Path) -> None:
    camera = GenicamCamera(driver="genicam", device="1", cti=tmp_path / "a.cti", exposure_us=300)
    read_back(camera, "hardware", _NoAnswer(), seen := Seen())  # type: ignore[arg-type]
    told = check_settings(seen)
    assert (told.level, told.seen) == (Level.WRONG, "could not be read back: AcquisitionMode: no answer")


def test_a_port_that_is_taken_is_wrong(tiny_model: Path, tmp_path: Path) -> None:
    of = subject(station(tmp_path, tiny_model))
    assert {finding.level for finding in examine_ports(of)} == {Level.RIGHT}
    with socket.create_server(("127.0.0.1", 0)) as other:
        told = check_free("publisher.results", "127.0.0.1", other.getsockname()[1])
    assert (told.level, "address already in use" in told.seen) == (Level.WRONG, True)
    wide = subject(station(tmp_path, tiny_model, publisher={"control": f"tcp://0.0.0.0:{free_port()}"}))
    assert found(examine_ports, wide)["reach"].level is Level.DOUBTFUL


def network(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / "sys/class/net/eth0" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")


@pytest.mark.parametrize(
    ("speed", "duplex", "level", "seen"),
    [
        ("1000", "full", Level.RIGHT, "frames take 80 Mbit/s"),
        ("100", "full", Level.WRONG, "frames take 80 Mbit/s"),
        ("10000", "half", Level.WRONG, "half"),
        ("-1", "unknown", Level.UNKNOWN, "names no speed"),
    ],
)
def test_the_cameras_port_is_judged(
    speed: str, duplex: str, level: Level, seen: str, tiny_model: Path, tmp_path: Path
) -> None:
    of = subject(station(tmp_path, tiny_model))
    of.root = tmp_path
    of.figures |= {"camera_rate_per_s": 10.0, "camera_payload_bytes": 1_000_000.0}
    network(tmp_path, {"operstate": "up", "speed": speed, "duplex": duplex})
    told = check_link(of, "eth0", ["camera"])
    assert (told.level, seen in told.seen) == (level, True), told


def test_packets_errors_and_buffer_are_judged(tiny_model: Path, tmp_path: Path) -> None:
    of = subject(station(tmp_path, tiny_model))
    of.root = tmp_path
    of.figures |= {"camera_payload_bytes": 5e6, "camera_packet_bytes": 9000.0, "camera_rate_per_s": 20.0}
    statistics = {f"statistics/{name}": "0" for name in ("rx_errors", "tx_errors", "rx_dropped", "rx_fifo_errors")}
    network(tmp_path, statistics | {"mtu": "1500", "statistics/rx_packets": "1000", "statistics/tx_packets": "1000"})
    assert check_errors(tmp_path, "eth0").level is Level.RIGHT
    network(tmp_path, {"statistics/rx_dropped": "3"})
    assert check_errors(tmp_path, "eth0").seen == "3 rx_dropped (n = 2000 packets)"
    assert check_packets(of, "eth0").level is Level.WRONG
    of.figures["camera_packet_bytes"] = 1500.0
    assert check_packets(of, "eth0").level is Level.DOUBTFUL
    (tmp_path / "proc/sys/net/core").mkdir(parents=True)
    (tmp_path / "proc/sys/net/core/rmem_max").write_text("212992\n")
    assert "sysctl -w net.core.rmem_max=" in check_buffer(of).remedy
    assert judge_shared("eth0", "eth0").level is Level.DOUBTFUL
    assert judge_shared("eth0", "eth1").level is judge_shared("lo", "lo").level is Level.RIGHT
