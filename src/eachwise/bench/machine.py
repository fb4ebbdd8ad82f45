"""What the figures were measured on: enough to compare by, nothing that names the machine."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path


def machine_info(directory: Path) -> dict[str, str | int]:
    """Processors that may be used, Python, platform, and the file system that a directory lies on."""
    return {
        "cpus": cpu_count(),
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "filesystem": _file_system(directory),
    }


def cpu_count() -> int:
    """How many processors this process may use."""
    return len(cpus()) or os.cpu_count() or 1


def cpus() -> list[int]:
    """The processors that this process may use, ascending; empty where the system does not say."""
    return sorted(os.sched_getaffinity(0)) if sys.platform == "linux" else []


def _file_system(directory: Path) -> str:
    """The type of the file system: a durable write to ``tmpfs`` costs nothing and means nothing."""
    mounts = Path("/proc/mounts")
    if not mounts.is_file():
        return "unknown"
    place = str(directory.resolve())
    found, kind = "", "unknown"
    for line in mounts.read_text(encoding="utf-8", errors="replace").splitlines():
        _, point, name, *_ = line.split(" ")
        inside = place == point or place.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(found):
            found, kind = point, name
    return kind
