"""The doctor's look at a GigE camera, real at the wire."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.cameras.drivers.aravis import AravisDriver
from agent.cameras.drivers.genicam_settings import kept
from agent.config import load_config
from agent.doctor.camera import examine_camera
from agent.doctor.network import examine_network
from agent.finding import Level
from tests.cameras.gige_process import GigeProcess
from tests.conftest import ROOT
from tests.doctor.stations import found, subject, with_plc

pytestmark = pytest.mark.gige


def gige_station(folder: Path, model: Path, address: str) -> Path:
    """Fired by the photo-eye, by which no part passes."""
    path = with_plc(folder, model, 502)
    settings = f'driver = "aravis"\ndevice = "{address}"\nexposure_us = 300\nwidth_px = 64\nheight_px = 64'
    text = path.read_text().replace('mode = "announced"', 'mode = "hardware"')
    of_folder = f'driver = "folder"\npath = "{ROOT / "config" / "sample_tiles"}"'
    path.write_text(text.replace(of_folder, settings).replace("frame_timeout_ms = 2000", "frame_timeout_ms = 500"))
    return path


@pytest.fixture(scope="module")
def camera(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GigeProcess]:
    with GigeProcess(tmp_path_factory.mktemp("gige"), "--fault", "incomplete=0.5", "--seed", 3) as camera:
        yield camera


def test_a_camera_that_nothing_fires_is_fired_and_its_losses_are_told(
    camera: GigeProcess, tiny_model: Path, tmp_path: Path
) -> None:
    of = subject(gige_station(tmp_path, tiny_model, camera.address), seconds=1.0)
    told = found(examine_camera, of)
    network = found(examine_network, of)
    assert told["opens"].seen.startswith("aravis: Linegate ")
    assert "written, read back alike at the opening and after the frames" in told["settings"].seen
    assert "fired by the doctor, as no part came" in told["frame rate"].seen
    assert told["losses"].level is Level.WRONG
    assert of.figures["camera_payload_bytes"] == 64 * 64
    assert network["route to camera"].seen == f"{camera.address} by lo"
    assert {network[name].level for name in ("packets", "receive buffer")} == {Level.RIGHT}


def test_a_setting_that_is_not_kept_is_named_and_the_camera_is_free_again(
    camera: GigeProcess, tiny_model: Path, tmp_path: Path
) -> None:
    camera.begin()
    config = load_config(gige_station(tmp_path, tiny_model, camera.address)).camera
    driver = AravisDriver(config, "hardware")  # type: ignore[arg-type]
    looked_at, differing = kept(config, "hardware", driver.features)  # type: ignore[arg-type]
    assert (looked_at > 5, differing) == (True, [])
    driver.features.set("ExposureTime", 900.0)
    _, differing = kept(config, "hardware", driver.features)  # type: ignore[arg-type]
    assert differing == ["camera.exposure_us = 300, the camera has ExposureTime = 900"]
    driver.close()
    camera.until(lambda: "gives control back" in camera.said(), "control is given back at once")
