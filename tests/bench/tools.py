"""The programs beside the gateway: compiled where there is a C compiler, else their Python twins.

Refuses to measure anything.
"""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """The commands of upstream and load, and the library that slows flushes, where there is one."""

    upstream: list[str]
    load: list[str]
    slow_flush: Path | None

    @property
    def are_compiled(self) -> bool:
        """Whether they are the C programs."""
        return self.slow_flush is not None


def make(folder: Path) -> Tools:
    """Return the tools, compiled into `folder` where that can be done."""
    compiler = shutil.which("cc")
    if compiler is None or not sys.platform.startswith("linux"):
        python = [sys.executable]
        return Tools(
            upstream=[*python, str(HERE / "upstream.py")],
            load=[*python, str(HERE / "load.py")],
            slow_flush=None,
        )
    library = _compile(compiler, "slow_flush", folder, "-shared", "-fPIC")
    library.chmod(0o755)
    return Tools(
        upstream=[str(_compile(compiler, "upstream", folder))],
        load=[str(_compile(compiler, "load", folder))],
        slow_flush=library,
    )


def _compile(compiler: str, name: str, folder: Path, *options: str) -> Path:
    made = folder / name
    source = HERE / f"{name}.c"
    subprocess.run(
        [compiler, "-O2", "-Wall", "-Wextra", *options, "-o", str(made), str(source)], check=True
    )
    return made
