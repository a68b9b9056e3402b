"""A machine with a real systemd on which systemd/install is run, and finds what it needs without network."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.service import disk
from tests.service.machine import Machine, why_not

LACKING = why_not() or disk.why_not()


class LineComputer(Machine):
    """Checkouts lie in the folder above `folder`; there, in /opt/checkouts."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        for name in ("sleep", "suspend", "hibernate"):  # lie where an engineer's own would: there is nothing to mask
            (folder / "units" / f"{name}.target").unlink(missing_ok=True)
        cache = subprocess.run([disk.UV, "cache", "dir"], capture_output=True, text=True, check=True).stdout.strip()
        with (folder / "shared").open("a") as shared:
            shared.write(f"{cache} /opt/uv-cache\n{disk.UV.parent} /opt/uv\n{folder.parent} /opt/checkouts\n")

    def typed(self, command: str, checkout: str) -> subprocess.CompletedProcess[str]:
        """By root, in a folder of /opt/checkouts."""
        settings = {"UV_CACHE_DIR": "/opt/uv-cache", "UV_LINK_MODE": "symlink", "UV_COMPILE_BYTECODE": "0"}
        settings["PATH"] = "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/uv"
        variables = [f"{name}={value}" for name, value in settings.items()]
        shell = ["bash", "-euc", command]
        return self.run("env", f"--chdir=/opt/checkouts/{checkout}", *variables, *shell)

    def version(self, unit: str) -> str:
        """Of the process that runs, by its program; "" = none runs."""
        pid = self.main_pid(unit)
        return Path(f"/proc/{pid}/cmdline").read_text().split("/versions/")[1].split("-")[0] if pid else ""
