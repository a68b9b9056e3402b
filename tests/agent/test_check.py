"""`linegate check`: every problem of every file at once, each with its line; and nothing to say of a good one."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.agent_epoch import state_dir_alone
from agent.check import drop_ins, folders, neighbours, network
from agent.check.check import Checked, check_config
from agent.check.memory import check_memory
from agent.check.problems import Problems
from agent.check.report import print_report
from agent.check.times import check_times
from agent.config import Config, load_config
from agent.doctor.model import examine_model
from agent.doctor.permissions import examine_permissions
from agent.errors import ConfigError
from agent.keys import write_new_keys
from agent.model.store import Installed, ModelStore
from agent.mounts import Mount
from agent.problem import Problem, in_one_line
from agent.support.case import open_case
from agent.support.station_pieces import model_contract
from agent.toml import TomlFile
from tests.conftest import ROOT, Linegate
from tests.doctor import stations
from tests.tiny_model import write_tiny_model

SHIPPED = sorted((ROOT / "config").glob("*.toml"))
LINE = (ROOT / "config" / "line.toml").read_text()
RECIPE = (ROOT / "config" / "recipes" / "magnetic_tile.toml").read_text()
Edit = tuple[str, str]


@pytest.fixture
def station(tmp_path: Path, tiny_model: Path) -> Callable[..., Checked]:
    """Check config/line.toml with these changes; (file, old, new) changes its recipe."""

    def check(*edits: Edit, recipe: tuple[Edit, ...] = ()) -> Checked:
        text, rules = LINE.replace("../models/magnetic_tile.onnx", str(tiny_model)), RECIPE
        text = text.replace("/var/lib/linegate/line1", str(tmp_path / "state")).replace(
            "# max_gb = 20 ", "max_gb = 0.1 "
        )
        text = text.replace("# min_free_gb = 2 ", "min_free_gb = 0 ").replace("# max_gb = 10 ", "max_gb = 0.1 ")
        for old, new in edits:
            assert old in text, old
            text = text.replace(old, new, 1)
        for old, new in recipe:
            assert old in rules, old
            rules = rules.replace(old, new, 1)
        (tmp_path / "recipes").mkdir(exist_ok=True)
        (tmp_path / "recipes" / "magnetic_tile.toml").write_text(rules)
        (tmp_path / "line1.toml").write_text(text)
        return check_config(tmp_path / "line1.toml")

    return check


def told(checked: Checked, severity: str = "") -> list[str]:
    """Each problem as LINE'S TEXT | key: message, without what stands after the key."""
    return [
        f"{problem.file.read_text().splitlines()[problem.line - 1].split('#')[0].strip()} | {problem.message}"
        for problem in checked.problems.sorted()
        if severity in ("", "error" if problem.is_error else "warning")
    ]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_a_shipped_config_has_no_problem(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However small and busy this computer."""
    monkeypatch.setattr(folders, "disk_gb", lambda _: 1000.0)
    monkeypatch.setattr("agent.archive.check.disk_gb", lambda _: 1000.0)
    monkeypatch.setattr("agent.check.check._fastest_ms", lambda _: 5.0)
    monkeypatch.setattr(folders, "mounted", lambda *_: Mount("/", "ext4", frozenset({"rw"})))
    assert not told(check_config(path))


def test_everything_is_told_at_once_each_with_its_line(station: Callable[..., Checked]) -> None:
    checked = station(
        ("exposure_us = 300 ", "exposure_us = 0.3 "),
        ('provider = "cpu"', 'provider = "gpu"'),
        ('host = "192.168.10.20"', 'host = "192.168.10.20"\ncycel_ms = 3'),
        ('starts = { early = "06:00"', 'starts = { early = "06.00"'),
        ('recipe = "recipes/', 'other_recipes = ["recipes/magnetic_tyle.toml"]\nrecipe = "recipes/'),
        recipe=(("max_saturated = 0.25", 'max_saturated = "0.25"'), ("min_area_mm2 = 1.0", "min_area_mm = 1.0")),
    )
    expected = [
        r"other_recipes = .* \| other_recipes.0: .*magnetic_tyle.toml: .* \(did you mean 'magnetic_tile.toml'\?\).*",
        r"exposure_us = 0.3 \| camera.exposure_us: 0.3 µs is hardly meant.* write 300\?",
        r"provider = \"gpu\" \| 'model.provider': 'gpu' is unknown \(did you mean 'cuda'\?\): one of 'cpu', 'cuda'",
        r"cycel_ms = 3 \| unknown key 'plc.cycel_ms' \(did you mean 'cycle_ms'\?\)",
        r"starts = .* \| 'shifts.starts.early': .*as '06:00' \(found '06.00'\)",
        r"max_saturated = \"0.25\" \| 'frame.max_saturated': .*number, written without quotes \(found '0.25'\)",
        r"min_area_mm = 1.0 \| unknown key 'classes.fray.min_area_mm' \(did you mean 'min_area_mm2'\?\)",
    ]
    found = told(checked)
    for pattern in expected:
        assert any(re.fullmatch(pattern, line) for line in found), (pattern, found)
    assert len(found) == len(expected), "what hangs on a broken table is not guessed at"


def test_what_does_not_go_together_is_told_beside_a_broken_table(station: Callable[..., Checked]) -> None:
    found = told(station(('provider = "cpu"', 'provider = "gpu"'), ("min_pitch_ms = 200", "min_pitch_ms = 80")))
    assert [line.split(" |")[0] for line in found] == ["min_pitch_ms = 80", 'provider = "gpu"']
    assert "parts could be confused" in found[0]


@pytest.mark.parametrize(
    ("edits", "complaint"),
    [
        ([('"192.168.10.20"', '"192.168.10.300"')], "host = .* | plc.host = '192.168.10.300' is no address"),
        ([('"192.168.10.20"', '"192.168.10.20:502"')], "host = .* | plc.host = .*: the port has a key of its own"),
        ([("# results = ", "results = "), ("127.0.0.1:5556", "127.0.0.1")], "results = .*lacks a port"),
        ([('driver = "aravis"', 'driver = "gige"')], "driver = .* | 'camera.driver': 'gige' .*mean 'aravis'"),
        ([('"192.168.30.10"', "12345")], "device = 12345 | 'camera.device': .*written in quotes"),
        ([('mode = "hardware"', 'mode = "hardwar"')], "mode = .* | 'trigger.mode': 'hardwar' .*mean 'hardware'"),
        ([("# guard_ms = 30", "guard_ms = 3")], "guard_ms = 3 | plc.guard_ms = 3 is less than plc.scan_ms = 20"),
        ([("min_pitch_ms = 200", "min_pitch_ms = 80")], "min_pitch_ms = 80 | trigger jitter 45 ms exceeds half"),
        ([("/tiny.onnx", "/tony.onnx")], "path = .* | model.path: .*tony.onnx: no such file .*mean 'tiny.onnx'"),
        ([('file = "line1.cal', 'file = "no.cal'), ("# file =", "file =")], r".calibration. takes either file"),
        ([("[reject] ", '[reject]\ntiming = "agent"\npass_coil = 1\ndistance_mm = 300\nlane_coils = { crak = 3 }\n#')],
         r"lane_coils = .* | unknown class 'reject.lane_coils.crak' .*mean 'crack'"),
        ([("# station_key", "station_key"), ("# client_keys", "client_keys")], "station_key = .* | .*no such file"),
        ([("[station]", "")], r"missing table|missing key 'station'|unknown key 'line'"),
    ],
)  # fmt: skip
def test_an_error_stands_where_it_was_made(station: Callable[..., Checked], edits: list[Edit], complaint: str) -> None:
    found = told(station(*edits), "error")
    assert any(re.search(complaint.replace(" | ", r" *\| "), line) for line in found), found


@pytest.mark.parametrize(
    ("edit", "complaint"),
    [
        (("[classes.crack]", "[classes.crak]"), r"\[classes.crak\] \| unknown class 'classes.crak' .*mean 'crack'"),
        (("[classes.crack]", "[classes.crak]"), r"\| no rule for the model's class 'crack': its defects would pass"),
        (('"reject_and_alarm"', '"alarm"'), r"\| 'classes.crack.action': 'alarm' .*reject_and_alarm"),
        (("job = 1 ", 'job = "1" '), r"job = \"1\" \| 'job': should be a valid integer, written without quotes"),
        (("max_count = 0", "zones = [{x_min_mm = 5, x_max_mm = 1, y_min_mm = 0, y_max_mm = 9}]"), "no place"),
        (("[frame]", "[frame"), r"\[frame .*| not valid TOML"),
    ],
)  # fmt: skip
def test_a_recipe_s_errors_stand_in_the_recipe(station: Callable[..., Checked], edit: Edit, complaint: str) -> None:
    checked = station(recipe=(edit,))
    assert any(re.search(complaint, line) for line in told(checked, "error")), told(checked)
    assert {problem.file.name for problem in checked.problems.found if problem.is_error} == {"magnetic_tile.toml"}


@pytest.mark.parametrize(
    ("edits", "recipe", "complaint"),
    [
        ([("min_pitch_ms = 200", "min_pitch_ms = 0.2")], (), "trigger.min_pitch_ms: 0.2 ms is hardly meant.*write 200"),
        ([("y_mm_per_px = 0.1", "y_mm_per_px = 100")], (), "y_mm_per_px: 100 mm is hardly meant.*write 0.1"),
        ([('"192.168.10.20"', '"8.8.8.8"')], (), "plc.host: 8.8.8.8 is a public address"),
        ([("# control = ", "control = "), ("127.0.0.1:5558", "0.0.0.0:5558")], (), "control = .*open to the network"),
        ([("# results = ", "results = "), ("127.0.0.1:5556", "203.0.113.9:5556")], (), "no address of this computer"),
        ([], (("min_sharpness = 12 ", "min_sharpness = 0 "),), "notices no blur"),
        ([("# region", "region")], (("min_area_mm2 = 5.0", "min_area_mm2 = 50000"),), "more than the view has"),
        ([("# region", "region")], (("min_length_mm = 0.8", "min_length_mm = 800"),), "is longer than the view"),
        ([("# region", "region")], (("max_count = 0", "zones = [{x_min_mm=900, x_max_mm=990, y_min_mm=0, y_max_mm=9}]"),
          ), "zones: none lies in the view"),
        ([("# region", "region")], (), "0.08 mm² is less than one pixel of the image as the model sees it"),
        ([], (("max_count = 0", "min_score = 0"),), "0 takes every pixel of the class"),
        ([('driver = "aravis"', 'driver = "opencv"'), ('device = "192.168.30.10"', 'source = "/dev/video99"'),
          ("exposure_us = 300 ", "latency_ms = 20 "), ('mode = "hardware"', 'mode = "announced"')], (),
         "camera.source: no /dev/video99 here"),
    ],
)  # fmt: skip
def test_what_is_doubtful_is_a_warning(
    station: Callable[..., Checked], edits: list[Edit], recipe: tuple[Edit, ...], complaint: str
) -> None:
    checked = station(*edits, recipe=recipe)
    assert any(re.search(complaint, line) for line in told(checked, "warning")), told(checked)


def test_large_photos_of_a_stream_may_want_more_memory_than_the_unit_allows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unless a drop-in of this station allows it."""
    monkeypatch.setattr(drop_ins, "UNITS", tmp_path)
    text, path = (ROOT / "config" / "presence.toml").read_text(), tmp_path / "line1.toml"
    film = 'driver = "folder"\npath = "sample_belt.mp4" '
    assert film in text

    def warned(height_px: int, width_px: int) -> list[str]:
        camera = f'driver = "opencv"\nsource = "/dev/video99"\nheight_px = {height_px}\nwidth_px = {width_px} '
        path.write_text(text.replace(film, camera))
        problems = Problems(TomlFile(path, "config"))
        check_memory(load_config(path), set(Config.model_fields), problems)
        return [problem.message for problem in problems.found]

    assert not warned(1024, 1280)
    (told,) = warned(3000, 4096)
    assert "2.9 GB, and its unit allows 2 GB: MemoryMax=3G by systemctl edit linegate@line1.service" in told
    own = tmp_path / "linegate@line1.service.d"
    own.mkdir()
    (own / "override.conf").write_text("[Service]\nMemoryMax=3G\n")
    assert not warned(3000, 4096)


def test_a_rule_s_zone_that_touches_the_view_is_no_news(station: Callable[..., Checked]) -> None:
    zone = "zones = [{x_min_mm=100, x_max_mm=990, y_min_mm=0, y_max_mm=9}]"
    checked = station(("# region", "region"), recipe=(("max_count = 0", zone),))
    assert not [line for line in told(checked) if "zones" in line]


def test_keys_and_clients(station: Callable[..., Checked], tmp_path: Path) -> None:
    write_new_keys("cam1", tmp_path / "keys")
    (tmp_path / "keys" / "clients").mkdir()
    keyed = ("# station_key", "station_key"), ("# client_keys", "client_keys")
    assert any("nobody gets in" in line for line in told(station(*keyed), "warning"))
    write_new_keys("viewer", tmp_path / "keys" / "clients")
    assert not told(station(*keyed))
    (tmp_path / "keys" / "clients").chmod(0o775)
    assert any("may add keys here" in line for line in told(station(*keyed), "warning"))
    (tmp_path / "keys" / "cam1.key_secret").chmod(0o644)
    assert any("others may read this secret key" in line for line in told(station(*keyed), "error"))


def test_a_key_that_only_the_running_service_has_is_no_error(station: Callable[..., Checked], tmp_path: Path) -> None:
    (tmp_path / "keys" / "clients").mkdir(parents=True)
    write_new_keys("viewer", tmp_path / "keys" / "clients")
    sealed = '# station_key = "keys/cam1.key_secret"', 'station_key = "/run/credentials/linegate@x.service/station_key"'
    (warning,) = told(station(sealed, ("# client_keys", "client_keys")))
    assert "only the service itself sees it" in warning


def test_the_installed_model_is_the_one_that_is_looked_at(station: Callable[..., Checked], tmp_path: Path,
                                                          tiny_model: Path,
                                                          capsys: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    """By check, doctor and support bundle."""
    (tmp_path / "state").mkdir()
    store = ModelStore(tmp_path / "state", tiny_model)
    other = store.add(write_tiny_model(tmp_path / "other.onnx", dark_below=90).read_bytes())
    store.write(Installed(model=other, previous=store.configured(), configured=store.configured(), on_trial=False,
                          running=False))  # fmt: skip
    checked = station()
    assert checked.segmenter is not None
    assert checked.segmenter.sha256 == other
    print_report(checked)
    assert f"{other[:12]} on cpu, self-test passed, by `linegate model install`" in capsys.readouterr().out
    path = tmp_path / "line1.toml"
    provider = next(finding for finding in examine_model(stations.subject(path)) if finding.subject == "provider")
    assert provider.seen.endswith(other[:12])
    store.stored(other).chmod(0o666)
    files = stations.found(examine_permissions, stations.subject(path))["files"]
    assert f"everybody may write {store.stored(other)}" in files.seen
    told_of = json.loads(model_contract(open_case(path, 24)))
    assert (told_of["file"], told_of["sha256"]) == (str(store.stored(other)), other)
    store.stored(other).write_bytes(b"torn")
    (error,) = told(station(), "error")
    assert error.startswith("path = ")


def test_where_a_station_writes(tmp_path: Path) -> None:
    problems = Problems(TomlFile(ROOT / "config" / "line.toml", "config"))
    mounts, disk = tmp_path / "root" / "proc" / "self" / "mountinfo", tmp_path / "Größe 2"
    mounts.parent.mkdir(parents=True)
    disk.mkdir()
    point = str(disk.resolve()).replace(" ", r"\040")
    for kind, words in (("tmpfs", "it is memory"), ("nfs4", "it is on the network"), ("ext4", "")):
        mounts.write_text(f"1 0 8:1 / / rw - ext4 /dev/x rw\n2 1 0:9 / {point} rw shared:1 - {kind} x rw\n")
        problems.found.clear()
        folders.check_state_dir(disk / "a" / "state", problems, tmp_path / "root")
        assert [words in problem.text for problem in problems.found] == [True] * bool(words)
    (tmp_path / "file").write_text("")
    folders.check_state_dir(tmp_path / "file" / "state", problems)
    assert problems.errors == 1


def test_record_and_images_that_do_not_fit_their_disk(station: Callable[..., Checked], tmp_path: Path,
                                                      monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    monkeypatch.setattr(folders, "disk_gb", lambda _: 0.15)
    assert any("sooner than archive.max_gb says" in line for line in told(station(), "warning"))
    monkeypatch.setattr(folders, "disk_gb", lambda _: 0.05)
    assert any("journal.max_gb" in line and "full before" in line for line in told(station(), "warning"))


def test_two_stations_of_one_computer(station: Callable[..., Checked], tmp_path: Path,
                                      monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    assert not told(station())
    (tmp_path / "line2.toml").write_text((tmp_path / "line1.toml").read_text())
    assert not told(station()), "elsewhere than in the service's folder two files may be one station"
    monkeypatch.setattr(neighbours, "STATIONS", tmp_path)
    found = told(station(), "error")
    assert any("station.state_dir: line2.toml has the same" in line for line in found)
    assert any("publisher.results = 'tcp://127.0.0.1:5556' and line2.toml:publisher.results" in line for line in found)
    assert any("line2.toml has the same camera, 192.168.30.10" in line for line in found)
    stream = 'driver = "opencv"\nlatency_ms = 50\nsource = "rtsp://admin:geheim@10.0.0.9/"\n#'
    by_network = (('driver = "aravis"', stream), ('device = "192.168.30.10"', "#"), ("exposure_us = 300 ", "#"),
                  ('mode = "hardware"', 'mode = "announced"'))  # fmt: skip
    station(*by_network)
    (tmp_path / "line2.toml").write_text((tmp_path / "line1.toml").read_text())
    found = [problem.message for problem in station(*by_network).problems.found]
    assert any("line2.toml has the same camera, rtsp://…@10.0.0.9/" in text for text in found), found
    assert not any("geheim" in text for text in found), found


def test_a_low_port_needs_leave(monkeypatch: pytest.MonkeyPatch, station: Callable[..., Checked],
                                tmp_path: Path) -> None:  # fmt: skip
    serving = (('host = "192.168.10.20"', 'role = "server"\nhost = "127.0.0.1"\nguard_ms = 50'),)
    monkeypatch.setattr(network.os, "geteuid", lambda: 1000)
    monkeypatch.setattr(drop_ins, "UNITS", tmp_path)
    assert any("port 502 is below" in line for line in told(station(*serving), "warning"))
    for unit in ("linegate@line2.service.d", "linegate@.service.d"):
        (tmp_path / unit).mkdir()
    (tmp_path / "linegate@line2.service.d" / "port.conf").write_text("AmbientCapabilities=CAP_NET_BIND_SERVICE")
    assert any("port 502 is below" in line for line in told(station(*serving), "warning")), "that one is not ours"
    (tmp_path / "linegate@.service.d" / "port.conf").write_text("AmbientCapabilities=CAP_NET_BIND_SERVICE")
    assert not told(station(*serving))


def test_a_model_that_is_too_slow_for_the_line() -> None:
    config = load_config(ROOT / "config" / "line.toml")
    problems = Problems(TomlFile(ROOT / "config" / "line.toml", "config"))
    check_times(config, 199.0, problems)
    assert not problems.found
    check_times(config, 201.0, problems)
    assert "trigger.min_pitch_ms = 200 is shorter than the least that the model takes" in problems.found[0].text


def test_it_asks_nothing_of_a_station_that_runs(station: Callable[..., Checked], tmp_path: Path) -> None:
    with state_dir_alone(tmp_path / "state"):
        assert not told(station())


def test_one_line_for_the_journal() -> None:
    problems = [Problem(Path("a.toml"), line, "k", f"k is {line}") for line in (9, 3, 5, 7)]
    assert in_one_line(problems) == (
        "a.toml:3: k is 3; line 5: k is 5; line 7: k is 7; and 1 more, which `linegate check` lists"
    )


def test_the_report_ends_with_the_count(station: Callable[..., Checked], capsys: pytest.CaptureFixture[str]) -> None:
    print_report(station(("exposure_us = 300 ", "exposure_us = 0.3 "), ("min_pitch_ms = 200", "min_pitch_ms = 80")))
    *_, last = capsys.readouterr().out.splitlines()
    assert last == "1 error, 1 warning"


def test_for_programs(linegate: Linegate, tmp_path: Path) -> None:
    path = tmp_path / "line.toml"
    path.write_text(LINE.replace("min_pitch_ms = 200", "min_pitch = 200"))
    result = linegate("check", path, "--json")
    document = json.loads(result.stdout)
    first = document["problems"][0]
    assert (result.returncode, document["config"]) == (78, str(path))
    assert document["errors"] == len([each for each in document["problems"] if each["severity"] == "error"])
    assert "magnetic_tile.toml: no such file" in first["message"]
    (tmp_path / "line.toml").write_text("a = 1\nb = [")
    document = json.loads(linegate("check", path, "--json").stdout)
    assert [(each["line"], each["severity"]) for each in document["problems"]] == [(2, "error")]


def test_what_is_no_toml_is_not_guessed_at(tmp_path: Path) -> None:
    path = tmp_path / "line.toml"
    path.write_text("[station]\nname = ")
    with pytest.raises(ConfigError, match=rf"config {path}:2: not valid TOML: "):
        check_config(path)
