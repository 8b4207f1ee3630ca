"""An upstream on loopback that speaks the sandbox's task wire, and counts what reaches it.

A sandbox channel whose row has its address sends its tasks here instead of answering them itself.
Unlike the sandbox it remembers: a job that was never submitted is not found, and `posts` says how
often each task's own mark was. It plays the same scripts, so that a model's name makes it fail; an
exchange that is to break is broken after it was counted.
"""

import contextlib
import json
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from grip.providers import sandbox

_UNTAKEN = ("connect", "close")
_OK = 300


class TaskUpstream:
    """What has reached it: submissions by their mark, cancellations and looks by job."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.posts: Counter[str] = Counter()
        self.cancels: Counter[str] = Counter()
        self.looks: Counter[str] = Counter()
        self._jobs: set[str] = set()
        self._lock = threading.Lock()

    def answer(self, method: str, path: str, body: bytes) -> sandbox.Script:
        """Return what to answer, and remember that it was asked."""
        script = sandbox.task_script(method, path, body)
        parts = path.partition("?")[0].removeprefix(sandbox.TASKS).strip("/").split("/")
        with self._lock:
            if method == "POST" and parts == [""]:
                self._submitted(json.loads(body), script)
            elif parts == [""]:
                return self._found(script)
            elif parts[1:] == ["cancel"]:
                self.cancels[parts[0]] += 1
            elif not parts[1:]:
                self.looks[parts[0]] += 1
        return script

    def _submitted(self, asked: dict[str, Any], script: sandbox.Script) -> None:
        mark, model = asked["client_id"], asked["model"]
        self.posts[mark] += 1
        if "fail=lost" in model or (script.behaviour.fail not in _UNTAKEN and script.status < _OK):
            self._jobs.add(mark)

    def _found(self, script: sandbox.Script) -> sandbox.Script:
        """Return a search's answer without the jobs that nobody has submitted."""
        told = json.loads(b"".join(script.chunks) or b"{}")
        listed = [each for each in told.get("data", ()) if _mark(each["id"]) in self._jobs]
        body = json.dumps({"data": listed}).encode()
        return sandbox.Script(
            status=script.status,
            content_type=script.content_type,
            chunks=(body,),
            behaviour=script.behaviour,
        )


def _mark(upstream_id: str) -> str:
    job = sandbox.job_of(upstream_id)
    return "" if job is None else job.client_id


@contextlib.contextmanager
def task_upstream() -> Iterator[TaskUpstream]:
    """Run one on a port of its own."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Say nothing."""

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            script = upstream.answer(self.command, self.path, body)
            if not script.status:
                if script.behaviour.fail == "stall":
                    stopping.wait(30)
                self.close_connection = True
                return
            self.send_response(script.status)
            self.send_header("content-type", script.content_type)
            self.send_header("content-length", str(sum(map(len, script.chunks))))
            self.end_headers()
            with contextlib.suppress(ConnectionError):
                for chunk in script.chunks:
                    self.wfile.write(chunk)

    stopping = threading.Event()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    upstream = TaskUpstream(f"http://127.0.0.1:{server.server_address[1]}")
    # It looks so often whether it is to stop, and every test waits for that.
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield upstream
    finally:
        stopping.set()
        server.shutdown()
        server.server_close()
        thread.join()
