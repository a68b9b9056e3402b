"""Where a station writes: may it, will it last, is it its own, is there room."""

from __future__ import annotations

import os
from pathlib import Path

from agent.accounts import user_name
from agent.archive.check import archive_warnings
from agent.archive.kept_images import archive_folder
from agent.check.problems import Problems
from agent.config import Config
from agent.mounts import OF_THE_KERNEL, disk_gb, mounted, nearest, same_disk


def check_state_dir(folder: Path, problems: Problems, root: Path = Path("/")) -> None:
    """Journal and agent epoch: what they need of the folder, as far as it shows before it is used. `root`: of proc."""
    key = "station.state_dir"
    try:
        there = nearest(folder)
        if not there.is_dir():
            problems.error(key, f"{there} is no folder: name one that the station can make and write to")
            return
        owner = there.stat().st_uid
    except OSError as error:
        problems.error(key, f"{folder}: {(error.strerror or str(error)).lower()}: name another folder")
        return
    if folder == there and not os.access(there, os.W_OK | os.X_OK) and owner in (0, os.geteuid()):
        problems.error(key, f"belongs to {user_name(owner)} and cannot be written: chown it to the station's user")
    mount = mounted(there, root)
    if mount and mount.kind in OF_THE_KERNEL:
        problems.error(key, f"{there} is the kernel's ({mount.kind}), nobody can write there: use a disk")
    if mount and mount.trouble:
        problems.warn(key, f"{there} is on {mount}: {mount.trouble}")


def check_room(config: Config, problems: Problems, has_archive: bool) -> None:
    """Do the record and the images that may be kept fit the disk?"""
    if has_archive and config.archive is not None:
        key = "archive.folder" if config.archive.folder else "archive"
        for warning in archive_warnings(config):
            problems.warn("archive.max_gb" if "archive.max_gb" in warning else key, warning)
    there = nearest(config.station.state_dir)
    if not there.is_dir():
        return  # said of the folder itself
    there_gb, wanted_gb = disk_gb(there), config.journal.max_gb
    if wanted_gb > there_gb:
        problems.warn(
            "journal.max_gb",
            f"{wanted_gb:g} GB is more than the disk of {there} has, {there_gb:.1f} GB: make it less, or the disk is "
            "full before the oldest rows go",
        )
    elif has_archive and config.archive is not None and same_disk(there, archive_folder(config)):
        images_gb = config.archive.max_gb + config.archive.min_free_gb
        if images_gb <= there_gb < wanted_gb + images_gb:
            problems.warn(
                "archive.max_gb",
                f"journal.max_gb = {wanted_gb:g} and archive.max_gb + archive.min_free_gb = {images_gb:g} are more "
                f"than their disk has, {there_gb:.1f} GB: images go sooner than archive.max_gb says",
            )
