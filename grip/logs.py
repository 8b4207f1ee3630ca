"""Structured logs to standard error: text for people, JSON for machines, no secrets in either."""

import contextlib
import logging
import sys
from typing import TextIO, cast

import structlog

from grip.settings import Log


class _Unbreakable:
    """A stream that a closed pipe does not break: no call fails because nobody reads logs."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write `text`, or lose it."""
        with contextlib.suppress(OSError, ValueError):
            return self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush, or lose what was written."""
        with contextlib.suppress(OSError, ValueError):
            self._stream.flush()


def configure(chosen: Log) -> None:
    """Set up logging for this process; what libraries log goes the same way."""
    as_json = chosen.format == "json" or (chosen.format == "auto" and not sys.stderr.isatty())
    level = logging.getLevelNamesMapping()[chosen.level.upper()]
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if as_json
        # Rich's tracebacks show local variables, and with them the secrets of upstreams.
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    )
    structlog.configure(
        processors=[*shared, *([structlog.processors.format_exc_info] if as_json else []), last],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(cast("TextIO", _Unbreakable(sys.stderr))),
        cache_logger_on_first_use=True,
    )
    _configure_libraries(level, shared, last)


def of_request(request_id: str) -> None:
    """Let every line that comes of what is done from here on carry the request's id.

    It holds for the task of the request, and for those that it begins.
    """
    structlog.contextvars.bind_contextvars(request_id=request_id)


def _configure_libraries(
    level: int,
    shared: list[structlog.typing.Processor],
    last: structlog.typing.Processor,
) -> None:
    handler = logging.StreamHandler(_Unbreakable(sys.stderr))
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                last,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(max(level, logging.WARNING))
