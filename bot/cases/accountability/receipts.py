"""Making a case's receipt when it is posted, and giving it to its author.

The key that signs is kept nowhere: it follows from the at-rest keys, so every process has the same one.
"""

from __future__ import annotations

import base64

from bot.cases import store as cases
from bot.cases.accountability import store
from bot.cases.model import Case, Shown
from bot.chat.attachment import Attachment
from bot.chat.desk import Desk
from bot.deid import receipts
from bot.deid.receipts import Attested, Looked
from bot.kernel.sealing import KeyRing


def public_key(keys: KeyRing) -> str:
    """The key with which this house's receipts are checked, in base64."""
    return receipts.public_key(keys.derive(receipts.SIGNING))


async def make(desk: Desk, case: Case, *, before: str, shown: Shown) -> None:
    """Draw up the receipt of a case that is being posted, from what its author wrote and was shown.

    To be called in the posting transaction, while the files of the preview are still kept.
    """
    tx = desk.tx
    files = [part for one in shown.files for part in await cases.file(tx, one.id, one.digest)]
    author = await cases.author(tx, case.id)
    looked = Looked(
        before=before,
        after=shown.text,
        language=shown.language,
        found=shown.counts,
        restored={letter: shown.restored.count(letter) for letter in set(shown.restored)},
        warnings=[reason for reason, _words in shown.warnings],
        versions=shown.versions,
        files=files,
    )
    attested = Attested(case.pseudonym or "", author or "", case.attested_at or tx.now, str(case.consent))
    content, nonce = receipts.draw_up(
        case.id,
        desk.house.settings.hospital,
        tx.now,
        looked,
        attested,
        secret=tx.keys.derive(receipts.BEFORE),
    )
    await store.keep_receipt(
        tx, case.id, content, None if author is None else base64.b64encode(nonce).decode("ascii")
    )


async def as_file(desk: Desk, case_id: str) -> Attachment | None:
    """The author's own copy, signed; None if there is no receipt."""
    kept = await store.receipt(desk.tx, case_id)
    if kept is None:
        return None
    content, nonce = kept
    seed = desk.tx.keys.derive(receipts.SIGNING)
    text = receipts.write(content, seed, nonce=None if nonce is None else base64.b64decode(nonce))
    return Attachment(f"receipt-{case_id}.json", "application/json", text.encode("utf-8"))
