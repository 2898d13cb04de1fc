"""Clinicians: what speaks for who they are, who vouches for whom, whom one can find."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_TABLES = (
    "evidence",
    "claims",
    "email_codes",
    "allowances",
    "vouches",
    "profiles",
    "profile_tokens",
    "nppes",
    "nppes_imports",
)


def upgrade() -> None:
    _proofs()
    _vouches()
    _profiles()
    _nppes()


def downgrade() -> None:
    for table in reversed(_TABLES):
        op.drop_table(table)


def _proofs() -> None:
    op.create_table(
        "evidence",
        sa.Column("id", sa.String(320), primary_key=True),
        sa.Column("user_id", sa.String(255), nullable=False),
        sa.Column("method", sa.String(16), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.Column("withdrawn", sa.BigInteger(), nullable=True),
        sa.Column("by", sa.String(255), nullable=False),
        sa.Column("ref", sa.LargeBinary(), nullable=True),
    )
    op.create_index("ix_evidence_user_id", "evidence", ["user_id"])
    op.create_table(
        "claims",
        sa.Column("id", sa.String(16), primary_key=True),
        sa.Column("user_id", sa.String(255), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("mac", sa.String(64), nullable=False),
        sa.Column("what", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        sa.UniqueConstraint("mac", name="uq_claims_mac"),
    )
    op.create_index("ix_claims_user_id", "claims", ["user_id"])
    op.create_index("ix_claims_state", "claims", ["state"])
    op.create_table(
        "email_codes",
        sa.Column("id", sa.String(26), primary_key=True),
        sa.Column("user_id", sa.String(255), nullable=False),
        sa.Column("address", sa.LargeBinary(), nullable=False),
        sa.Column("mac", sa.String(64), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.UniqueConstraint("user_id", name="uq_email_codes_user"),
    )
    op.create_index("ix_email_codes_expires_at", "email_codes", ["expires_at"])
    op.create_table(
        "allowances",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("times", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
    )
    op.create_index("ix_allowances_expires_at", "allowances", ["expires_at"])


def _vouches() -> None:
    op.create_table(
        "vouches",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("voucher", sa.String(255), nullable=False),
        sa.Column("candidate", sa.String(255), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
    )
    op.create_index("ix_vouches_voucher", "vouches", ["voucher"])
    op.create_index("ix_vouches_candidate", "vouches", ["candidate"])


def _profiles() -> None:
    op.create_table(
        "profiles",
        sa.Column("user_id", sa.String(255), primary_key=True),
        sa.Column("fields", sa.LargeBinary(), nullable=False),
        sa.Column("before", sa.LargeBinary(), nullable=True),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "profile_tokens",
        sa.Column("token", sa.String(32), primary_key=True),
        sa.Column("user_id", sa.String(255), primary_key=True),
    )
    op.create_index("ix_profile_tokens_user_id", "profile_tokens", ["user_id"])


def _nppes() -> None:
    op.create_table(
        "nppes",
        sa.Column("npi", sa.String(10), primary_key=True),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("taxonomy", sa.String(16), nullable=False),
        sa.Column("state", sa.String(40), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
    )
    op.create_table(
        "nppes_imports",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("place", sa.BigInteger(), nullable=False),
        sa.Column("kept", sa.Integer(), nullable=False),
        sa.Column("done", sa.Boolean(), nullable=False),
    )
