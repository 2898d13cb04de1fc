"""The jobs list's table; the branch label keeps its revisions apart from everybody else's."""

from alembic import op
from sqlalchemy import Column, LargeBinary, String

revision = "wardjobs_0001"
down_revision = None
branch_labels = ("wardjobs",)


def upgrade() -> None:
    key, room = Column("id", String(16), primary_key=True), Column("room", String(255), nullable=False)
    op.create_table("wardjobs_jobs", key, room, Column("what", LargeBinary, nullable=False))


def downgrade() -> None:
    op.drop_table("wardjobs_jobs")
