"""The largest body, on every route that reads one."""

import pytest

from tests.e2e.conftest import Open
from tests.e2e.gateway import CONFIG

PATHS = (
    "/v1/chat/completions",
    "/v1/messages",
    "/v1/tasks",
    "/v1/videos",
    "/v1/checkout/sessions",
)


@pytest.mark.parametrize("own_url", ["sqlite"], indirect=True)
def test_no_route_reads_more_than_is_configured(own_house: Open):
    """With a length, and in chunks that announce none."""
    with own_house(config=CONFIG + "[server]\nmax_body_bytes = 2048\n") as house:
        ana = house.customer()
        headers = {"authorization": f"Bearer {ana.secret}"}
        for path in PATHS:
            whole = house.http.post(path, content=b" " * 2049, headers=headers)
            chunks = house.http.post(path, content=iter([b" " * 1500] * 2), headers=headers)

            for answer in (whole, chunks):
                assert answer.status_code == 413, (path, answer.text)
                assert "request_too_large" in answer.text
