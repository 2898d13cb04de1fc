"""Files from a whole Curbside on a real homeserver: an export and the numbers, through a crash."""

from __future__ import annotations

import asyncio
import io
import json
from pathlib import Path
from typing import Any

import aiohttp
from nio.crypto.attachments import decrypt_attachment
from pyhanko.pdf_utils.reader import PdfFileReader

from bot.dev.synapse import Homeserver
from tests.support.people import PATIENCE_S, Person, open_stage, ours


async def a_file(person: Person, url: str, ending: str, after: int) -> tuple[dict[str, Any], bytes]:
    """The next file with such a name that the bot sent, and its bytes, decrypted as a client does."""
    event = await person.client.wait_for(
        lambda one: one["sender"] == person.bot and str(one["content"].get("filename", "")).endswith(ending),
        timeout=PATIENCE_S,
        after=after,
    )
    assert event["encrypted"]
    file = event["content"]["file"]
    path = f"{url}/_matrix/client/v1/media/download/{file['url'].removeprefix('mxc://')}"
    headers = {"Authorization": f"Bearer {person.client.access_token}"}
    async with aiohttp.ClientSession() as session, session.get(path, headers=headers) as answer:
        sealed = await answer.read()
    return event, decrypt_attachment(sealed, file["key"]["k"], file["hashes"]["sha256"], file["iv"])


async def test_an_export_and_the_numbers_arrive_once_through_a_crash(
    homeserver: Homeserver, tmp_path: Path
) -> None:
    async with open_stage(homeserver, tmp_path / "house") as stage:
        ada, bela = await stage.people("ada", "bela")
        key = stage.service([bela], name="Cardiology")
        chat = await ada.chat()
        await bela.chat()
        await ada.says(f"!consult {key} urgent new AF: cardiovert?")
        page = await bela.reads(kind="consult.page")
        consult_id = ours(page)["id"]
        await bela.says(f"!accept {consult_id}")
        await ada.reads("has accepted")
        await bela.says(f"!answer {consult_id} shock")
        await ada.reads(kind="consult.answer")
        await ada.says(f"!close {consult_id} shock")
        await ada.reads("three taps")

        # The process dies when the first file is uploaded and its event is about to be encrypted.
        await stage.running.stop()
        process = stage.running.start(CURBSIDE_FAILPOINT="keys.before_share")
        mark = ada.client.bookmark()
        await ada.says(f"!export {consult_id}")
        await asyncio.to_thread(process.wait, PATIENCE_S)
        await stage.restart()
        shown, pdf = await a_file(ada, homeserver.url, ".pdf", mark)
        assert shown["content"]["filename"] == f"{consult_id}.pdf"
        (signature,) = PdfFileReader(io.BytesIO(pdf)).embedded_signatures
        assert signature.compute_integrity_info() is None
        _, bundle = await a_file(ada, homeserver.url, ".fhir.json", mark)
        assert json.loads(bundle)["type"] == "collection"

        await bela.says("!stats week")
        assert "asked for 1 consult," in (await bela.reads("Only you see this."))["content"]["body"]
        shown, png = await a_file(bela, homeserver.url, ".png", bela.mark)
        assert png.startswith(b"\x89PNG") and shown["content"]["msgtype"] == "m.image"
        outs = [ours(one).get("out") for one in ada.messages(chat, after=mark)]
        assert len(outs) == len(set(outs)) == 2
        for word in (consult_id + ".pdf", "cardiovert", "stats.png"):
            assert word not in stage.running.log.read_text()
