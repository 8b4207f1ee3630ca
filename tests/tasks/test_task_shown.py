"""What an upstream says of a task reaches its owner as grip's own words alone.

Reports, by the numbers of the survey of other gateways: 19 (one status outside and another one
within, in the upstream's body).
"""

import json
from typing import Any

import pytest

from grip.tasks.shown import task_view, video_view
from tests.tasks.studio import Studio

MARK = "upstream-internals"
EXTRA: dict[str, Any] = {
    "data": {"status": MARK, "task_status": MARK},
    "debug": MARK,
    "model": MARK,
    "usage": {"cost": MARK},
}
TASK = {
    *("id", "object", "model", "type", "status", "progress", "input", "metadata"),
    *("credits_reserved", "credits_charged", "credits_refunded", "results", "error"),
    *("created_at", "completed_at"),
}
VIDEO = {
    *("id", "object", "model", "status", "progress", "created_at", "completed_at", "expires_at"),
    *("prompt", "size", "seconds", "remixed_from_video_id", "error"),
}
AS_VIDEO = {
    "pending": "queued",
    "processing": "in_progress",
    "completed": "completed",
    "failed": "failed",
}


def _is_open(view: dict[str, Any]) -> bool:
    return view["status"] in ("pending", "processing")


@pytest.mark.parametrize(
    ("status", "said", "shown"),
    [
        (200, {"status": "queued"}, "pending"),
        (200, {"status": "running", "progress": 40}, "processing"),
        (200, {"status": MARK}, "pending"),
        (500, {"error": {"message": MARK}}, "pending"),
        (401, {"error": {"message": MARK}}, "pending"),
        (200, {"status": "failed", "error": {"code": MARK, "trace": MARK}}, "failed"),
        (200, {"status": "expired", "error": MARK}, "failed"),
        (200, {"status": "completed", "results": []}, "failed"),
        (200, {"status": "completed"}, "completed"),
    ],
    ids=str,
)
async def test_what_an_upstream_says_is_never_shown(
    studio: Studio, status: int, said: dict[str, Any], shown: str
):
    """Report 19 (new-api#5715): one status, in grip's words, in both shapes and in the callback."""
    ana, model = await studio.house.customer(), await studio.sell("delay_s=30")
    task = await studio.begin(ana, model, callback_url="https://hooks.example.com/")
    job = (await studio.until(task, "submitted")).upstream_id
    if said == {"status": "completed"}:
        url = f"/tasks/{job}/results/0"
        said = said | {"results": [{"url": url, "content_type": MARK, "seed": MARK}]}
    body = {"id": job} | EXTRA | said
    studio.network.say(status, json.dumps(body).encode())
    await studio.turn(after_s=80)
    found, made = await studio.find(task), await studio.results(task)
    as_task = task_view(found, made, studio.clock.now_us)
    as_video = video_view(found, made)
    told = [json.loads(row["body"]) for row in await studio.house.rows("callback")]

    assert (set(as_task), set(as_video)) == (TASK, VIDEO)
    assert (as_task["status"], as_video["status"]) == (shown, AS_VIDEO[shown])
    assert MARK not in json.dumps([as_task, as_video, told])
    assert [one["data"] for one in told] == ([] if _is_open(as_task) else [as_task])
