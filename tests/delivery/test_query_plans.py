"""What is asked with each mail never walks through a whole table: it costs the same with ten mails and ten million."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from nurture.store import Store
from nurture.vocabulary import DeliveryState
from tests.delivery.conftest import Office
from tests.servers.scripted_smtp import ScriptedSmtp

# grow with the clinic's years; the others hold a few rows
LONG = ("delivery", "delivery_news", "attempt", "event", "contact", "organization", "consent", "suppression")

WALK = re.compile(rf"SCAN ({'|'.join(LONG)})\b")


@contextmanager
def statements(store: Store) -> Iterator[dict[str, object]]:
    """Every statement that is run meanwhile, with the parameters it had last."""
    found: dict[str, object] = {}

    def note(_1: object, _2: object, text: str, parameters: tuple, _3: object, _4: bool) -> None:
        first = parameters[0] if parameters else None
        found[text] = first if isinstance(first, tuple) else parameters  # of many rows, the first

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note)


async def test_no_statement_of_a_delivery_walks_through_a_long_table(office: Office, server: ScriptedSmtp) -> None:
    office.use(server)
    office.connections = 4
    outbox = office.outbox(recipients=40)
    with statements(office.store) as found:
        await office.deliver()
    assert set(outbox.states) == {DeliveryState.SENT}
    hot = {text: values for text, values in found.items() if re.match(r"SELECT|UPDATE|INSERT|DELETE|WITH", text)}
    assert len(hot) > 12, "the statements were seen"
    walks = []
    with office.store.read() as connection:
        for text, parameters in hot.items():
            explained = connection.connection.cursor().execute(f"EXPLAIN QUERY PLAN {text}", parameters)
            plan = [row[3] for row in explained.fetchall()]
            # the newest one of an index is not a walk
            if not re.search(r"ORDER BY \S+ DESC\s+LIMIT", text):
                walks += [f"{step}: {text}" for step in plan if WALK.match(step)]
    assert not walks, "\n\n".join(walks)
