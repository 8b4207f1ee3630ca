"""A program that tells what it sees, and ends with the status that it is told."""

import json
import os
import sys
from pathlib import Path

if __name__ == "__main__":
    seen = {
        "words": sys.argv[1:],
        "name": os.environ.get("NAME"),  # noqa: TID251 - it is no part of grip
        "cwd": str(Path.cwd()),
        "parent": os.getppid(),
        "files": sorted(int(file.name) for file in Path("/proc/self/fd").iterdir())[:-1],
    }
    print(json.dumps(seen), flush=True)  # noqa: T201
    sys.exit(int(sys.stdin.readline()))
