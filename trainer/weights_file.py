"""The file that an encoder starts from, and what is known of it without reading a tensor.

`encoder_weights` in params.yaml names it: null (none), `imagenet` (what smp or timm fetch from their hub), a file, or
`package:<package>/<file>`, a file that an installed Python package brings.
"""

from __future__ import annotations

import hashlib
from importlib.resources import files
from pathlib import Path

from agent.errors import ConfigError, first_line

IMAGENET = "imagenet"
PACKAGE = "package:"


def find_file(source: str) -> Path:
    """The file that `encoder_weights` means; ConfigError when it is not there."""
    if not source.startswith(PACKAGE):
        path = Path(source)
        remedy = f"mend the path, or set {IMAGENET} or null"
    else:
        package, _, inside = source.removeprefix(PACKAGE).partition("/")
        remedy = f"install the package {package.replace('_', '-')} (the extra 'trainer' brings those of the presets)"
        try:
            path = Path(str(files(package) / inside))
        except (ModuleNotFoundError, ValueError) as error:
            raise ConfigError(f"encoder_weights {source}: no package {package}: {remedy}") from error
    if not path.is_file():
        raise ConfigError(f"encoder_weights {source}: no such file: {remedy}")
    return path


def told_weights(source: str | None) -> str:
    """A line that changes when the weights do: their name, and of a file its digest. ConfigError as `find_file`."""
    if source is None or source == IMAGENET:
        return f"{source or 'none'}\n"
    try:
        with find_file(source).open("rb") as file:
            return f"{source} sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}\n"
    except OSError as error:
        raise ConfigError(f"encoder_weights {source} cannot be read: {first_line(error)}") from error
