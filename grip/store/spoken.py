"""What the error of a driver may say: which rule was broken, and none of the values of rows.

PostgreSQL repeats rows in what it says beside its sentence, and asyncpg a value that it cannot
send; prompts, and the tokens in the addresses of callbacks, would so reach the log. SQLite's
errors have no values. Refuses to know which errors mean that the database is away.
"""

import asyncpg
import sqlalchemy as sa

_ABOUT_VALUES = "22"
"""The class of PostgreSQL's codes whose sentences have the value in them that is wrong."""


def keep_values_out(error: BaseException) -> None:
    """Take the values of rows out of an error, and out of asyncpg's where it was raised from one.

    It stays the same error: whoever waits for its kind still gets it.
    """
    chain = [error] if error.__cause__ is None else [error, error.__cause__]
    sentences = [sentence for one in chain if (sentence := _sentence(one)) is not None]
    for one in chain if sentences else []:
        if isinstance(one, asyncpg.PostgresError | asyncpg.InterfaceError):
            one.detail = one.hint = None
        one.args = (sentences[0],)


def of_statement(context: sa.ExceptionContext) -> None:
    """Do so with what a statement of SQLAlchemy's failed with, before anybody has seen it."""
    error, told = context.original_exception, context.sqlalchemy_exception
    keep_values_out(error)
    if told is not None:
        told.args = (f"({type(error).__name__}) {error}",)


def is_about_a_value(error: BaseException | None) -> bool:
    """Whether asyncpg could not send a value, which says nothing of the database."""
    return (
        isinstance(error, asyncpg.InterfaceError)
        and isinstance(error, ValueError)
        and not isinstance(error, asyncpg.ClientConfigurationError)
    )


def _sentence(error: BaseException) -> str | None:
    """Return what an error of asyncpg's may say, None for one of anybody else's."""
    if isinstance(error, asyncpg.PostgresError):
        code, said = f"(SQLSTATE {error.sqlstate})", str(error.args[0])
        if said.endswith(code):  # it was spoken of before
            return said
        if str(error.sqlstate).startswith(_ABOUT_VALUES):
            said = "a value is wrong"
        return f"{type(error).__name__}: {said} {code}"
    return "a value does not fit its column" if is_about_a_value(error) else None
