"""Alembic's way in: `expectations.cases.database` hands over the connection whose transaction it runs in."""

from alembic import context

from expectations.cases.schema import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA, transactional_ddl=True)
context.run_migrations()
