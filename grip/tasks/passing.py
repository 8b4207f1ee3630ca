"""Where a result that was left at its vendor is found, at the moment when somebody asks for it.

A row has an address, or a path of the vendor's API, which begins with `/`. Owns that the request
for it is made anew each time, of the channel as it is now: no key is ever in a row.
"""

from grip import errors
from grip.providers.task_port import Artifact
from grip.store.tasks import Task
from grip.tasks.channels import Bound, Channels
from grip.tasks.dialing import dial_to
from grip.tasks.results.proxy import ProxyReader
from grip.tasks.results.vendor import Origin
from grip.transport.guarded import GuardedClient


class Passing:
    """Finds readers of results that are not kept."""

    def __init__(self, client: GuardedClient, channels: Channels, most_bytes: int) -> None:
        self._client = client
        self._channels = channels
        self._most_bytes = most_bytes

    async def reader(self, task: Task, url: str) -> ProxyReader:
        """Return the reader of one result of a task; raises ResultUnavailable.

        An address that takes no key is asked even where the channel, or its secret, has gone.
        """
        is_own = url.startswith("/")
        bound = await self._bound(task)
        if bound is None:
            if is_own:
                raise errors.ResultUnavailable(
                    "the result cannot be had from its vendor at the moment",
                    detail=f"{task.id}: the channel {task.channel} has gone, or its secret",
                )
            return self._reading(Origin(url=url), "")
        request = bound.adapter.fetch(Artifact(url=url, own=is_own), bound.target)
        own = bound.target.base_url
        return self._reading(Origin(url=request.url, headers=request.headers, own=(own,)), own)

    async def _bound(self, task: Task) -> Bound | None:
        try:
            return await self._channels.bound(task, fresh=True)
        except errors.DatabaseUnavailable:
            raise
        except (errors.SecretUnresolved, errors.ServiceUnavailable):
            return None

    def _reading(self, origin: Origin, trusted: str) -> ProxyReader:
        dial = dial_to(self._client, trusted, self._most_bytes, deadline_s=None)
        return ProxyReader(dial, origin)
