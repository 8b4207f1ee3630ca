"""The upstream of the drill's tasks, on loopback: it outlives all workers, and notes what it gets.

It plays the sandbox's scripts, and unlike the sandbox it remembers: a job that was never submitted
is not found. Callbacks come here too.
"""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from aiohttp import web

from grip.drill.media.wares import BUSY, HALF, ONCE
from grip.providers import sandbox
from grip.providers.sandbox.behaviour import Behaviour, parse
from grip.providers.sandbox.task_script import Job

REFUSED: Final = "refused"
"""It said that it made no job of a submission."""

UNTAKEN: Final = "untaken"
"""It made none, and did not say so."""

TAKEN: Final = "taken"
"""It made a job of it, whether or not the answer arrived."""

HEARD: Final = "/heard"
_JOBS: Final = sandbox.TASKS
_BUSY_TIMES: Final = 2
_PAUSE_S: Final = 0.2
_OK: Final = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """A submission that arrived: whose, in which attempt, what it was made of, and by which job."""

    mark: str
    attempt_us: int
    came: str
    job_id: str | None


class Upstream:
    """`url` is where it answers; `posts` and `heard` are what came, in its order."""

    def __init__(self, seed: int) -> None:
        self.url = ""
        self.posts: list[Post] = []
        self.heard: Counter[str] = Counter()
        self._tries: Counter[str] = Counter()
        self._jobs: set[str] = set()
        self._fetched: Counter[str] = Counter()
        self._random = random.Random(f"{seed}/upstream")  # noqa: S311 - no secret

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer as the model's name says, at a moment of its own."""
        try:
            body = await request.read()
        except ConnectionResetError:  # its worker was killed in the middle of a sentence
            return web.Response(status=400)
        path = request.raw_path
        if path == HEARD:
            self.heard[request.headers.get("webhook-id", "")] += 1
            return web.Response(status=204)
        is_submission = request.method == "POST" and path == _JOBS
        script = self._submission(body) if is_submission else self._about(request.method, path)
        # Whoever asks may be killed meanwhile: what came has been noted.
        await asyncio.sleep(self._random.uniform(0, _PAUSE_S))
        if not script.status:
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=500)
        answered = web.Response(status=script.status, body=b"".join(script.chunks))
        answered.headers["content-type"] = script.content_type
        return answered

    def _submission(self, body: bytes) -> sandbox.Script:
        asked = msgspec.json.decode(body)
        mark, model = asked["client_id"], asked["model"]
        self._tries[mark] += 1
        if model.startswith(BUSY) and self._tries[mark] <= _BUSY_TIMES:
            self._note(asked, REFUSED)
            return _script(int(model.removeprefix(BUSY)[:3]), {"error": {"message": "busy"}})
        script = sandbox.task_script("POST", _JOBS, body)
        fail = parse(model).fail
        if fail == "close":
            self._note(asked, UNTAKEN)
        elif fail == "error" or script.status >= _OK:
            self._note(asked, REFUSED)
        else:
            self._take(asked)
        return script

    def _take(self, asked: dict[str, Any]) -> None:
        job = Job(**{name: asked[name] for name in Job.__struct_fields__})
        self._jobs.add(job.id)
        self._note(asked, TAKEN, job.id)

    def _note(self, asked: dict[str, Any], came: str, job_id: str | None = None) -> None:
        post = Post(
            mark=asked["client_id"], attempt_us=asked["submitted_us"], came=came, job_id=job_id
        )
        self.posts.append(post)

    def _about(self, method: str, path: str) -> sandbox.Script:
        """Return what is said of jobs: those that were submitted are known, and no other."""
        script = sandbox.task_script(method, path, b"")
        route = path.removeprefix(_JOBS).partition("?")[0].strip("/")
        if route:
            is_there = route.split("/")[0] in self._jobs and not self._is_gone(route)
            return script if is_there else _script(404, {"error": {"message": "unknown"}})
        listed = msgspec.json.decode(b"".join(script.chunks)).get("data", [])
        return _script(200, {"data": [one for one in listed if one["id"] in self._jobs]})

    def _is_gone(self, route: str) -> bool:
        """Whether a link does not work, or not any more."""
        job = sandbox.job_of(route.split("/", maxsplit=1)[0])
        if job is None or "/results/" not in route:
            return False
        if job.model.startswith(HALF):
            return route.endswith("/1")
        self._fetched[route] += 1
        return job.model.startswith(ONCE) and self._fetched[route] > 1


def _script(status: int, told: dict[str, Any]) -> sandbox.Script:
    return sandbox.Script(
        status=status,
        content_type="application/json",
        chunks=(msgspec.json.encode(told),),
        behaviour=Behaviour(),
    )


@asynccontextmanager
async def upstream(seed: int) -> AsyncIterator[Upstream]:
    """Serve on a port of its own."""
    found = Upstream(seed)
    runner = web.ServerRunner(web.Server(found.answer, access_log=None))
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        found.url = f"http://127.0.0.1:{port}"
        yield found
    finally:
        await runner.cleanup()
