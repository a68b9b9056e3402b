"""systemd/install: what it says it would do is what it does, it can be undone, and no moment is a bad one to die."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.service.disk import SCRIPT, UV, Computer, Computers, checkout, why_not

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not())

DATA = ("/etc/linegate/", "/var/lib/linegate/")
UNIT = "/etc/systemd/system/linegate@.service"
STATION = "/etc/linegate/line1.toml"


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkout(tmp_path_factory.mktemp("old"), "0.1.0")


@pytest.fixture(scope="module")
def new(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkout(tmp_path_factory.mktemp("new"), "0.2.0")


@pytest.fixture(scope="module")
def computers(tmp_path_factory: pytest.TempPathFactory, old: Path, tiny_model: Path) -> Iterator[Computers]:
    """One of them is 'installed': the old version, a USB camera for all, real time for line1, and a station.

    What the dry run before it said it would do is what it did.
    """
    with Computers(tmp_path_factory.mktemp("computers")) as computers:
        with computers.start("installed") as computer:
            told = computer.install(old, "--dry-run", "--with", "usb-camera,line1:realtime")
            assert told.returncode == 0, told.stderr
            assert computer.changed() == set()
            done = computer.install(old, "--with", "usb-camera,line1:realtime")
            assert done.returncode == 0, done.stderr
            assert [f"would {line}" for line in done.stdout.splitlines()] == told.stdout.splitlines()
            _add_station(computer, tiny_model)
        yield computers


def _add_station(computer: Computer, model: Path) -> None:
    """line1: photos of a folder, as simulation.toml has it."""
    shutil.copytree(ROOT / "config" / "sample_tiles", computer.path("/var/lib/linegate/tiles"))
    shutil.copy(model, computer.path("/var/lib/linegate/models/tiny.onnx"))
    text = (ROOT / "config" / "simulation.toml").read_text()
    for here, there in (
        ("../state/simulation", "/var/lib/linegate/line1"),
        ("sample_tiles", "/var/lib/linegate/tiles"),
        ("../models/magnetic_tile.onnx", "/var/lib/linegate/models/tiny.onnx"),
    ):
        text = text.replace(f'"{here}', f'"{there}')
    computer.path(STATION).write_text(text)


@pytest.fixture
def installed(computers: Computers, request: pytest.FixtureRequest) -> Iterator[Computer]:
    with computers.start(request.node.name, "installed") as computer:
        yield computer


INSTALLED_HERE = """
mount -t tmpfs tmpfs "$1"
mount -t tmpfs tmpfs /var/lib
mkdir -p /var/lib/linegate/line1 "$1/layers"
exec "$2" "$1/layers" bare - "$3" "$1" ls -A /var/lib
"""


def test_what_is_installed_on_this_computer_is_not_there(tmp_path: Path) -> None:
    """Nor could it be harmed: see disk.sh."""
    command = ["unshare", "--mount", "bash", "-euc", INSTALLED_HERE, "-", tmp_path, SCRIPT, UV]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == ""


def _version(computer: Computer, link: str = "current") -> str:
    return computer.path(f"/opt/linegate/{link}").readlink().name.split("-")[0]


def test_a_dry_run_changes_nothing(installed: Computer, new: Path) -> None:
    """That it says all that then happens: see `computers`."""
    for order in ("install", "uninstall"):
        told = installed.install(new, order, "--dry-run")
        assert told.returncode == 0, told.stderr
        assert all(line.startswith(("would ", "kept ")) for line in told.stdout.splitlines()), told.stdout
    assert installed.changed() == set()


def test_an_installation_is_whole_and_for_its_user_alone(installed: Computer, old: Path) -> None:
    checked = installed.run(
        "setpriv", "--reuid=linegate", "--regid=linegate", "--clear-groups", "linegate", "check", STATION
    )
    assert (checked.returncode, checked.stderr) == (0, "")
    for private in ("/etc/linegate", "/etc/linegate/line1.toml.example", "/etc/linegate/recipes/magnetic_tile.toml"):
        assert installed.path(private).stat().st_mode & 0o027 == 0, "others read nothing, the service changes nothing"
    example = installed.path("/etc/linegate/line1.toml.example").read_text()
    assert 'path = "/var/lib/linegate/models/magnetic_tile.onnx"' in example
    drop_ins = installed.path("/etc/systemd/system").glob("linegate@*.d/*")
    assert {f"{path.parent.name}/{path.name}" for path in drop_ins} == {
        "linegate@.service.d/10-usb-camera.conf",
        "linegate@line1.service.d/10-realtime.conf",
    }
    before = installed.state()
    again = installed.install(old)
    assert (again.returncode, again.stdout) == (0, "nothing to do\n")
    assert installed.state() == before


def test_an_upgrade_keeps_what_is_the_engineers_and_can_be_taken_back(installed: Computer, new: Path) -> None:
    recipe, model = "/etc/linegate/recipes/magnetic_tile.toml", "/var/lib/linegate/models/magnetic_tile.onnx"
    for path in (STATION, recipe):
        with installed.path(path).open("a") as file:
            file.write("# mine\n")
    journal = installed.path("/var/lib/linegate/line1/journal.sqlite")
    journal.parent.mkdir()
    journal.write_bytes(b"rows")
    installed.run("chown", "--recursive", "linegate:linegate", "/var/lib/linegate/line1")
    kept = {
        path: installed.path(path).read_bytes()
        for path in (STATION, recipe, model, "/var/lib/linegate/line1/journal.sqlite")
    }

    for order, version in (("install", "0.2.0"), ("rollback", "0.1.0")):
        done = installed.install(new, order)
        assert done.returncode == 0, done.stderr
        assert _version(installed) == version
        assert installed.path(UNIT).read_text().endswith(f"# {version}\n"), "the unit goes with its version"
        assert installed.run("linegate", "--help").returncode == 0
    assert {path: installed.path(path).read_bytes() for path in kept} == kept
    assert len(list(installed.path("/etc/systemd/system").glob("linegate@*.d/10-*"))) == 2, "drop-ins stay enabled"


def test_a_config_that_the_new_version_refuses_stops_the_upgrade(installed: Computer, new: Path) -> None:
    with installed.path(STATION).open("a") as file:
        file.write("[plc_of_tomorrow]\n")
    before = installed.state()
    refused = installed.install(new)
    assert refused.returncode == 78
    assert f"refuses {STATION}" in refused.stderr
    assert "plc_of_tomorrow" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert installed.state() == before


def test_no_moment_is_a_bad_one_to_be_killed(installed: Computer, new: Path) -> None:
    versions = installed.path("/opt/linegate/versions")
    installed.install_killed_while(new, lambda: any(versions.glob("0.2.0-*/bin/python")))
    for step in (f"write {UNIT}", "link /opt/linegate/current"):
        installed.install_killed_before(new, step)
        assert _version(installed) == "0.1.0"
        assert installed.run("test", "-x", "/opt/linegate/bin/linegate").returncode == 0, f"killed at '{step}'"
    done = installed.install(new)
    assert done.returncode == 0, done.stderr
    assert (_version(installed), _version(installed, "previous")) == ("0.2.0", "0.1.0")
    assert len(list(versions.iterdir())) == 2
    assert installed.install(new).stdout == "nothing to do\n"


def test_uninstall_leaves_the_data_and_purge_nothing(installed: Computer, new: Path, old: Path) -> None:
    own = installed.path("/etc/systemd/system/linegate@.service.d/override.conf")
    own.write_text("[Service]\n")
    assert installed.install(old, "uninstall").returncode == 0
    assert installed.path(STATION).exists()
    assert installed.path("/var/lib/linegate/models/magnetic_tile.onnx").exists()
    left = {path for path in _linegate(installed) if not path.startswith(DATA)}
    assert left == {"/etc/systemd/system/linegate@.service.d", "/etc/systemd/system/linegate@.service.d/override.conf"}
    shutil.rmtree(own.parent)
    assert installed.install(old, "uninstall", "--purge").returncode == 0
    assert _linegate(installed) == set()
    assert "linegate" not in installed.path("/etc/passwd").read_text() + installed.path("/etc/group").read_text()


def test_a_computer_without_user_namespaces_needs_a_drop_in_and_is_told_so(installed: Computer, old: Path) -> None:
    none = installed.path("/run/none")
    none.write_text("0\n")
    installed.run("mount", "--bind", "/run/none", "/proc/sys/user/max_user_namespaces")
    shutil.rmtree(installed.path("/etc/systemd/system/linegate@line1.service.d"))  # realtime does without, too
    before = installed.state()
    refused = installed.install(old)
    assert (refused.returncode, refused.stderr.count("\n"), installed.state()) == (1, 1, before)
    assert "user.max_user_namespaces = 0" in refused.stderr
    assert "systemd/install --with no-user-namespace" in refused.stderr
    done = installed.install(old, "--with", "no-user-namespace")
    assert done.returncode == 0, done.stderr
    assert installed.install(old).stdout == "nothing to do\n"


def _linegate(computer: Computer) -> set[str]:
    return {f"/{path}" for path in computer.state() if "linegate" in path}


def test_without_network_a_missing_system_package_is_named_and_no_compiler_asked_for(
    computers: Computers, old: Path, tmp_path: Path
) -> None:
    (tmp_path / "linegate-0.1.0-py3-none-any.whl").write_bytes(b"")
    with computers.start("no-typelib", "installed") as computer:
        for place in Path("/usr/lib").glob("*/girepository-1.0"):
            computer.run("mount", "-t", "tmpfs", "tmpfs", place)
        computer.run("mount", "--bind", "/bin/false", "/usr/bin/pkg-config")
        refused = computer.install(old, "--extra", "aravis", "--wheels", tmp_path)
        assert refused.stderr.startswith("error: missing: gir1.2-aravis-0.8 gir1.2-glib-2.0: Debian's packages")
        assert (refused.returncode, refused.stderr.count("\n"), computer.changed()) == (1, 1, set())


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--with", "gpus"], "--with gpus: there is no drop-in 'gpus': gpu, "),
        (["--wheels", "/var/empty"], "--wheels /var/empty: holds 0 wheels of linegate, not one"),
        (["--prefix", "opt/linegate"], "--prefix opt/linegate: give an absolute path without blanks"),
        (["--prefix", "/usr/local/linegate"], "linegate is installed in /opt/linegate: uninstall it first"),
    ],
)
def test_bad_arguments_are_one_line(computers: Computers, old: Path, arguments: list[str], why: str) -> None:
    with computers.start(f"bad{arguments[1].replace('/', '-')}", "installed") as computer:
        refused = computer.install(old, *arguments)
        assert refused.returncode == 2
        assert why in refused.stderr
        assert refused.stderr.count("\n") == 1
        assert computer.changed() == set()
