"""docs/compatibility.md says what official clients see: each row of it is tried on each kind."""

from collections.abc import Iterator, Mapping

import pytest

from tests.compat import page
from tests.compat.callers import Callers
from tests.compat.page import PATH, Lines
from tests.compat.rows import KINDS, Row, Surface
from tests.compat.seeing import Tryer
from tests.compat.surfaces import SURFACES
from tests.e2e.house import House
from tests.e2e.upstream import Door

EACH = [(surface, row) for surface in SURFACES for row in surface.rows]
NAMES = [f"{surface.path} {row.name}" for surface, row in EACH]
ON_SQLITE = pytest.mark.parametrize("house", ["sqlite"], indirect=True)


@pytest.fixture(scope="module")
def tryer(house: House, callers: Callers, doors: Mapping[str, Door]) -> Tryer:
    """Tries features."""
    return Tryer(house, callers, doors)


@pytest.fixture(scope="module")
def told(request: pytest.FixtureRequest) -> Iterator[dict[str, dict[str, Lines]] | None]:
    """What was seen, to be written down at the end where that is asked for."""
    if not request.config.getoption("--write-compatibility"):
        yield None
        return
    found: dict[str, dict[str, Lines]] = {surface.path: {} for surface in SURFACES}
    yield found
    PATH.write_text(page.written(found, SURFACES), encoding="utf-8")


@ON_SQLITE
@pytest.mark.parametrize(("surface", "row"), EACH, ids=NAMES)
def test_the_page_says_what_is_seen(
    surface: Surface, row: Row, tryer: Tryer, told: dict[str, dict[str, Lines]] | None
):
    """On each kind of channel; `make compat` writes the page."""
    seen = page.lines(row, {kind: tryer.see(surface, row, kind) for kind in KINDS})
    if told is not None:
        told[surface.path][row.name] = seen
        return

    assert page.read(PATH.read_text(encoding="utf-8"), surface, row) == seen


def test_the_page_has_nothing_else(request: pytest.FixtureRequest):
    """No row and no refusal that no test stands behind."""
    if request.config.getoption("--write-compatibility"):
        pytest.skip("it is being written")
    text = PATH.read_text(encoding="utf-8")
    told: dict[str, dict[str, Lines]] = {surface.path: {} for surface in SURFACES}
    for surface, row in EACH:
        told[surface.path][row.name] = page.read(text, surface, row)

    assert page.written(told, SURFACES) == text
