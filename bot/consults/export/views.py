"""What people read about an export, in the chat."""

from __future__ import annotations

from bot.chat.i18n import Translator
from bot.chat.message import Message
from bot.chat.rich import lines


def ordered(t: Translator, consult_id: str) -> Message:
    """In a room: the files come to the direct chat."""
    return Message(
        "export", t("The export of **{id}** comes to our direct chat.", id=consult_id), id=consult_id
    )


def not_encrypted(t: Translator, consult_id: str) -> Message:
    """The direct chat would show the homeserver everything."""
    body = t(
        "Our direct chat is not encrypted, so I do not send **{id}** there. "
        "Please switch encryption on in its settings, or write to me in a new chat.",
        id=consult_id,
    )
    return Message("export", body, id=consult_id)


def not_yours(t: Translator, consult_id: str) -> Message:
    """Only those who are responsible for a consult take it out of the house."""
    body = t("**{id}** can be exported by its requester, its consultant and the moderators.", id=consult_id)
    return Message("export", body, id=consult_id)


def pdf_caption(t: Translator, consult_id: str, fingerprint: str) -> Message:
    """With the PDF: what it is for, and how its signature is recognised."""
    body = lines(
        [
            t("**{id}** as a signed PDF: an extract for the patient’s record. I know no patient: "
              "file it in the right record.", id=consult_id),
            t("Signed with the certificate SHA-256 `{fingerprint}`.", fingerprint=fingerprint),
        ]
    )  # fmt: skip
    return Message("export", body, id=consult_id)


def fhir_caption(t: Translator, consult_id: str) -> Message:
    """With the bundle."""
    return Message("export", t("**{id}** as FHIR R4, for a program to read.", id=consult_id), id=consult_id)
