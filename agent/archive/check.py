"""What `linegate check` can say of the archive before a station runs."""

from __future__ import annotations

import os
from collections.abc import Iterator

from agent.archive.kept_images import archive_folder
from agent.config import Config
from agent.mounts import disk_gb, nearest


def archive_warnings(config: Config) -> Iterator[str]:
    """What will come out otherwise than the table [archive] has it."""
    if config.archive is None:
        return
    folder, limits = archive_folder(config), config.archive
    there = nearest(folder)
    if not there.is_dir():
        yield f"the archive cannot be {folder}: {there} is no folder: no image will be kept; set archive.folder"
        return
    if not os.access(there, os.W_OK | os.X_OK):
        yield f"this user cannot write to {there}: no image will be kept; make it writable"
    if (there_gb := disk_gb(there)) < limits.max_gb + limits.min_free_gb:
        yield (
            f"archive.max_gb = {limits.max_gb:g} beside archive.min_free_gb = {limits.min_free_gb:g} is more than the "
            f"disk of {there} has, {there_gb:.1f} GB: images go before archive.max_gb is reached"
        )
