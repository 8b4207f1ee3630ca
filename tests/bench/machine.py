"""The machine that a measurement ran on: what its figures depend on, in a few lines.

Refuses to compare machines.
"""

import os
import platform
import re
import shutil
import sqlite3
import statistics
import subprocess
import time
from pathlib import Path

from tests.bench import processes
from tests.bench.tools import Tools

_FLUSHES = 200
_BLOCK = b"x" * 4096
_IN_MEMORY = {"tmpfs", "ramfs"}


def fdatasync_ms(folder: Path) -> float:
    """Return the median time to append 4 KB to a file and have them on the disk."""
    path = folder / "flush"
    times = []
    with path.open("wb", buffering=0) as file:
        for _ in range(_FLUSHES):
            file.write(_BLOCK)
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - began)
    path.unlink()
    return 1000 * statistics.median(times)


def describe(folder: Path, tools: Tools, postgres_version: str | None) -> list[str]:
    """Return what is known before anything is measured, a line for each matter."""
    cores = processes.all_cores()
    kind = _file_system(folder)
    return [
        f"CPU: {_cpu_model()}, {len(cores)} cores; memory: {_memory_gb():.0f} GB",
        f"Kernel: {platform.system()} {platform.release()}",
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version} (FULL)"
        + (f", PostgreSQL {postgres_version} (default settings)" if postgres_version else "")
        + (f", {version}" if (version := _nginx()) else ""),
        f"File system: {kind}"
        + (
            ", which is memory: nothing here is durable, use --folder" if kind in _IN_MEMORY else ""
        ),
        _layout(cores),
        "Load and upstream: "
        + ("C programs" if tools.are_compiled else "Python programs, as there is no C compiler"),
    ]


def _layout(cores: list[int]) -> str:
    last = f"load and upstream on core {cores[-1]}"
    if len(cores) == 1:
        return "Cores: everything shares the only one"
    return f"Cores: gateway and its database on core {cores[0]}, {last}; two workers on " + (
        f"cores {cores[0]} and {cores[1]}" if len(cores) > 2 else "both, which the load shares"
    )


def _cpu_model() -> str:
    found = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else platform.machine()


def _memory_gb() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9


def _file_system(folder: Path) -> str:
    """Return the kind of file system that a folder is on."""
    place = folder.resolve()
    best, kind = -1, "unknown"
    for line in Path("/proc/mounts").read_text().splitlines():
        _, mount, named, *_ = line.split()
        if place.is_relative_to(mount) and len(mount) >= best:
            best, kind = len(mount), named
    return kind


def _nginx() -> str | None:
    if shutil.which("nginx") is None:
        return None
    told = subprocess.run(["nginx", "-v"], capture_output=True, text=True, check=False).stderr
    return told.strip().rpartition("nginx version: ")[2].replace("/", " ")
