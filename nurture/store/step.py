"""A step of a transaction that may fail by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy import Connection

from nurture.store.failures import translate

Result = TypeVar("Result")


class StepFailedError(Exception):
    """A step failed, and only what it had written was undone; the cause is its `__cause__`."""


def alone(connection: Connection, step: Callable[[], Result]) -> Result:
    """What ``step`` returns; if it fails, what it wrote is undone, and the transaction can go on.

    Raises `StepFailedError`. A failure of the database itself (locked, full,
    gone) is no fault of the step and is raised as it is: the transaction is over.
    """
    try:
        with connection.begin_nested():
            return step()
    except sa.exc.DBAPIError as error:
        if error.connection_invalidated or translate(error, "", writing=True) is not None:
            raise
        raise StepFailedError from error
    except Exception as error:
        raise StepFailedError from error
