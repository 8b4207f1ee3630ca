"""docs/security.md as the tests read it."""

import re
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
PAGE: Final = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")


def rules() -> dict[str, str]:
    """Return who may call each route of its table."""
    found = re.findall(r"^\| `((?:GET|POST|DELETE) /[^`]*)` \| (.+?) \|$", PAGE, re.MULTILINE)
    assert len(dict(found)) == len(found), "a route stands twice"
    return dict(found)
