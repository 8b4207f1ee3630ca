"""What each Python that a test starts does first: look for no configuration of the machine.

A process has no other way to be told: $GRIP_CONFIG would win over the ./grip.toml of the test.
"""

import sys
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

NOWHERE = Path("/nowhere/grip.toml")
_MODULE = "grip.settings.file"


class _Finder:
    """Changes the one module that knows the place, whenever it is imported."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        if name != _MODULE:
            return None
        found = PathFinder.find_spec(name, path, target)  # type: ignore[arg-type]
        if found is not None and found.loader is not None:
            execute = found.loader.exec_module

            def execute_apart(module: ModuleType) -> None:
                execute(module)
                module.SYSTEM_PATH = NOWHERE  # type: ignore[attr-defined]

            found.loader.exec_module = execute_apart  # type: ignore[method-assign]
        return found


sys.meta_path.insert(0, _Finder())
