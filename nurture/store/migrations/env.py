"""Run by Alembic for `nurture.store.migrate`, which hands in the connection.

The transaction belongs to the caller, so that all pending migrations are
applied together or not at all (SQLite and PostgreSQL both roll back DDL).
"""

from alembic import context

from nurture.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    transactional_ddl=True,
)
context.run_migrations()
