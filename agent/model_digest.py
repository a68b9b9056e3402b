"""A model file carries a digest of itself: no bit of it can change unseen, in the weights or elsewhere.

It stands in the contract's JSON: the sha256 of all of the file's bytes, in hex, with zeros in its own place.
"""

from __future__ import annotations

import hashlib

from agent.errors import ConfigError

UNSTAMPED = "0" * 64
"""What stands there until the bytes of the file are known."""
BEFORE_IT = b'"digest":"'


def stamped(content: bytes) -> bytes:
    """The file with the digest that belongs to it. Raises ConfigError when it has not exactly one place for it."""
    places = content.count(BEFORE_IT)
    if places != 1:
        raise ConfigError(f"a model file has one place for its digest, this one has {places}: export the model again")
    begin = _begin(content)
    return content[:begin] + _digest(content, begin) + content[begin + len(UNSTAMPED) :]


def require_unchanged(content: bytes, where: str) -> None:
    """Raises ConfigError when this is not, bit for bit, what was exported."""
    begin = _begin(content)
    if begin < len(BEFORE_IT):
        raise ConfigError(
            f"{where}: no exported model, or not all of it (it carries no digest): "
            "copy it again, or export it with 'python -m export.to_onnx'"
        )
    if content[begin : begin + len(UNSTAMPED)] != _digest(content, begin):
        raise ConfigError(f"{where}: the file has been changed since it was exported: copy it again or export it again")


def _begin(content: bytes) -> int:
    """Looked for from the end, where the contract is: a search through all of it would hold up other threads."""
    return content.rfind(BEFORE_IT) + len(BEFORE_IT)


def _digest(content: bytes, begin: int) -> bytes:
    view = memoryview(content)
    digest = hashlib.sha256(view[:begin])
    digest.update(UNSTAMPED.encode())
    digest.update(view[begin + len(UNSTAMPED) :])
    return digest.hexdigest().encode()
