"""A planner in a process of its own that dies (kill -9) at a chosen statement.

Arguments: database address, workspace, now, people in a page, the statement's
beginning, which time it comes.
"""

import os
import signal
import sys
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from nurture.planning import selection
from nurture.planning.editions import plan_due
from nurture.store import open_store
from nurture.workspace.workspace import load_workspace


def main(url: str, root: str, now: str, page: str, statement: str, times: str) -> None:
    selection.PAGE_ROWS = int(page)
    left = int(times)

    @sa.event.listens_for(sa.Engine, "after_cursor_execute")
    def die(connection, cursor, text, parameters, context, executemany):
        nonlocal left
        if text.startswith(statement):
            left -= 1
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)

    plan_due(
        open_store(url, root=Path(root)),
        load_workspace(Path(root)),
        now=datetime.fromisoformat(now),
        snapshot=lambda campaign, news, occurrence: {"campaign": campaign, "at": occurrence.nominal, "news": []},
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
