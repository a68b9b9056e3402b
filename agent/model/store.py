"""The model files that were installed on a station, by their sha256, and which of them is in use, on disk.

`[model] path` names the file that the station has from its config; what `linegate model install` has brought since
lies in `state_dir`/models, and model.json beside it says which is in use. A restart goes by it.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from agent.errors import ConfigError, Fault, in_words
from agent.lasting_file import write_lasting
from agent.toml import Strict

SHA256 = r"^[0-9a-f]{64}$"
Sha256 = Annotated[str, Field(pattern=SHA256)]
YOUNG_S = 3600.0
"""A file that came so lately may be one that the station is just about to be told of."""


class Unseen(ConfigError):
    """model.json is there, or may be, and not for this user's eyes: nobody can say from here which model is in use."""


class Installed(Strict):
    """What was installed last."""

    model: Sha256
    """In use."""
    previous: Sha256
    """Before it."""
    configured: Sha256
    """The file that [model] path named then: with another one there, the config decides again."""
    on_trial: bool
    running: bool
    """Parts are inspected by it on trial; found so at a start, that process has died."""
    opening: bool = False
    """It is being opened on trial; found so at a start, that process has died, or somebody has stopped it."""


class ModelStore:
    """Of one station. `configured`: its [model] path. For one process at a time, but for `add`."""

    def __init__(self, state_dir: Path, configured: Path) -> None:
        self.folder, self._state, self._configured = state_dir / "models", state_dir / "model.json", configured

    def read(self) -> Installed | None:
        """None: the config's model is in use. ConfigError when the file makes no sense, Unseen when it is another's."""
        try:
            return Installed.model_validate_json(self._state.read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            return None
        except PermissionError as error:
            raise Unseen(
                f"{self._state}: permission denied: which model is in use cannot be seen by this user: run it as the "
                "station's user (runuser -u linegate -- linegate …), whose file it must be (chown)"
            ) from error
        except (OSError, ValidationError) as error:
            why = str(error).splitlines()[0]
            raise ConfigError(f"{self._state}: {why}: remove it, then [model] path decides again") from error

    def write(self, installed: Installed | None) -> None:
        """None: the config's model again. Raises OSError."""
        if installed is None:
            self._state.unlink(missing_ok=True)
        else:
            write_lasting(self._state, installed.model_dump_json(exclude_defaults=True) + "\n")

    def add(self, content: bytes) -> str:
        """Its sha256: it is there now, whole. Raises OSError."""
        sha256 = hashlib.sha256(content).hexdigest()
        self.folder.mkdir(exist_ok=True)
        write_lasting(self.stored(sha256), content)
        return sha256

    def stored(self, sha256: str) -> Path:
        """Where an installed file lies."""
        return self.folder / f"{sha256}.onnx"

    def has(self, sha256: str) -> bool:
        """Does it lie there? Raises Fault when nobody can tell."""
        path = self.stored(sha256)
        try:
            return path.is_file()
        except OSError as error:
            raise Fault(f"model {path}: {in_words(error)}: see that the station may read its state_dir") from error

    def configured(self) -> str:
        """The sha256 of the config's model as it is now. Raises ConfigError."""
        return _sha256_of(self._configured, "check [model] path")

    def path_of(self, sha256: str, configured: str | None = None) -> Path:
        """The file with this hash, checked. Raises ConfigError when there is none, or it has been changed.

        `configured`: from whoever has just asked for it, a big file is read once.
        """
        with suppress(ConfigError):
            if (configured or self.configured()) == sha256:
                return self._configured
        path, remedy = self.stored(sha256), f"put it back, or remove {self._state} to go by [model] path again"
        if _sha256_of(path, remedy) != sha256:
            raise ConfigError(f"model {path}: it has been changed since it was installed: {remedy}")
        return path

    def in_use(self) -> Path:
        """What a start would take: the installed file, where that holds; else the config's.

        Raises ConfigError as `read` and `path_of` do.
        """
        installed = self.read()
        if installed is None or installed.configured != (now := self.configured()):
            return self._configured
        return self.path_of(installed.model, now)

    def clear(self, keep: Iterable[str]) -> None:
        """Delete all but these, and but those that are YOUNG_S old at most. Raises OSError."""
        kept, old_s = {self.stored(sha256).name for sha256 in keep}, time.time() - YOUNG_S
        for path in self.folder.glob("*.onnx*") if self.folder.is_dir() else ():
            ours = re.match(SHA256, path.name.split(".", 1)[0])
            if ours and path.name not in kept and path.stat().st_mtime < old_s:
                path.unlink()


def shortened(text: str) -> str:
    """Hashes as long as a person needs them."""
    return re.sub(r"\b[0-9a-f]{64}\b", lambda found: found[0][:12], text)


def _sha256_of(path: Path, remedy: str) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ConfigError(f"model {path}: {in_words(error)}: {remedy}") from error
