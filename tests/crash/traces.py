"""What a process asked of the disk, read from the trace of its system calls (strace)."""

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_CALLS = "openat,pwrite64,write,fdatasync,fsync,ftruncate,unlink,rename,close"
_LINE = re.compile(r"(\d+) +(\w+)\((.*?)(?:\) += (-?\d+).*| <unfinished \.\.\.>)$")
_RESUMED = re.compile(r"(\d+) +<\.\.\. (\w+) resumed>.*\) += (-?\d+).*$")
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One system call: its words apart from texts, and its texts as bytes."""

    name: str
    words: tuple[str, ...]
    texts: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A call begins, or it ends with a `result`."""

    call: Call
    result: int | None = None

    @property
    def has_ended(self) -> bool:
        return self.result is not None


def record(program: list[str], trace: Path, environ: dict[str, str]) -> None:
    """Run a Python program under strace to its end."""
    words = ["strace", "-f", "-qq", "-xx", "-s", "100000", "-e", f"trace={_CALLS}"]
    signals = ["-e", "signal=none", "-o", str(trace)]
    subprocess.run([*words, *signals, sys.executable, *program], env=environ, check=True)


def events(trace: Path) -> Iterator[Event]:
    """Yield what began and what ended, in the order in which it was seen."""
    running: dict[str, Call] = {}
    with trace.open() as lines:
        for line in lines:
            if resumed := _RESUMED.match(line):
                yield Event(call=running.pop(resumed[1]), result=int(resumed[3]))
            elif begun := _LINE.match(line):
                call = _call(begun[2], begun[3])
                yield Event(call=call)
                if begun[4] is None:
                    running[begun[1]] = call
                else:
                    yield Event(call=call, result=int(begun[4]))


def _call(name: str, arguments: str) -> Call:
    texts = tuple(bytes.fromhex(text.replace("\\x", "")) for text in _TEXT.findall(arguments))
    words = tuple(word.strip() for word in _TEXT.sub("", arguments).split(","))
    return Call(name=name, words=words, texts=texts)
