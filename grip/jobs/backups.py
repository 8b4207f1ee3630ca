"""The step `backups`: a backup when one is due, and the end of old ones after a good new one."""

from typing import Final

from grip.app import App
from grip.services.maintenance import backups
from grip.services.maintenance.step import Done, Run

WHAT: Final = "make a backup that is due, prove it, and delete old ones"


async def run(app: App, how: Run) -> Done:
    """Do it where `[backup] directory` names a place."""
    return await backups.run(app.context, how)
