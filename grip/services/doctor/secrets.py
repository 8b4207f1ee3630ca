"""Secrets: whether each reference leads to one, and whether strangers on the machine can read it.

Refuses to show a value, or to keep one.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from grip import errors, settings
from grip.services.context import Context
from grip.services.doctor.files import is_open_to_all
from grip.services.doctor.finding import Finding, error, unless, warning
from grip.store import channels

_NAME: Final = "secrets"
_CHANNELS: Final = "channel_secrets"
_FILE: Final = "file:"
_CREDENTIAL: Final = "cred:"


async def of_settings(context: Context, config: Path | None) -> list[Finding]:
    """Return what is wrong with the secrets of the configuration, and with who can read its file.

    `config` is the file that was read, None where there was none.
    """
    found = [
        finding
        for where, reference in settings.secret_references(context.settings).items()
        for finding in _look(_NAME, where, reference)
    ]
    return unless(
        [*found, *_file(context, config)], _NAME, "The secrets of the settings are there."
    )


async def of_channels(context: Context) -> list[Finding]:
    """Return what is wrong with the secrets of enabled channels."""
    async with context.database.read() as connection:
        known = await channels.load(connection)
    found = [
        finding
        for channel in known
        if channel.enabled and channel.secret is not None
        for finding in _look(_CHANNELS, f"channel {channel.name}", channel.secret)
    ]
    return unless(found, _CHANNELS, "The secrets of all channels are there.")


def _look(name: str, where: str, reference: str) -> Iterator[Finding]:
    try:
        settings.resolve_secret(reference)
    except errors.SecretUnresolved as missing:
        yield _unresolved(name, where, reference, missing)
        return
    if reference.startswith(_FILE) and is_open_to_all(Path(reference.removeprefix(_FILE))):
        yield warning(
            name,
            f"{where}: every user of this machine can read {reference}.",
            f"chmod 600 {reference.removeprefix(_FILE)}, and let it belong to grip's user.",
        )


def _unresolved(name: str, where: str, reference: str, missing: errors.SecretUnresolved) -> Finding:
    sentence = f"{where}: {missing.message}."
    if reference.startswith(_CREDENTIAL) and not settings.ENVIRON.get("CREDENTIALS_DIRECTORY"):
        # Only the service itself is given its credentials.
        return warning(
            name,
            f"{where}: {reference} cannot be seen from here, but by the service alone.",
            "Run doctor with the service's credentials: `gripc doctor` (docs/install.md).",
        )
    return error(name, sentence, "Give it a value, or name another reference.")


def _file(context: Context, config: Path | None) -> Iterator[Finding]:
    url = str(settings.describe(context.settings)["database"]["url"])
    if config is not None and "***" in url and is_open_to_all(config):
        yield warning(
            _NAME,
            f"{config} may hold the database's password, and every user of this machine can read "
            "it.",
            f"chmod 600 {config}, or keep the password in GRIP_DATABASE_URL.",
        )
