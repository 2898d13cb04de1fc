"""A consult as FHIR R4 (4.0.1): ServiceRequest, Task, a Communication for each thing said, Provenance. Pure.

A collection Bundle, so that whoever takes it decides what becomes of it. There is no patient in it, since no
patient is named in Curbside: `subject` says so (data-absent-reason). Everybody's identifier is their Matrix
URI (Matrix specification, appendices, "matrix: URI scheme"), the consult's is under the hospital's own name.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from bot.consults.export.extract import Extract
from bot.consults.model import FHIR, State

_UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]")
_ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
_PARTICIPATION = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
_SNOMED = {"system": "http://snomed.info/sct", "code": "11429006", "display": "Consultation"}
# ServiceRequest.status says whether the request stands, Task.status how its work goes.
_REQUEST_STATUS = {
    State.ON_HOLD: "on-hold",
    State.COMPLETED: "completed",
    State.CANCELLED: "revoked",
    State.EXPIRED: "revoked",
    State.ENTERED_IN_ERROR: "entered-in-error",
}


def bundle(extract: Extract) -> dict[str, Any]:
    """The whole, as JSON."""
    cleaned: dict[str, Any] = _clean(_Builder(extract).bundle())
    return cleaned


class _Builder:
    def __init__(self, extract: Extract) -> None:
        self._extract = extract
        self._consult = extract.consult
        self._base = f"https://{extract.server}/curbside"
        self._entered_in_error = extract.consult.state is State.ENTERED_IN_ERROR

    def bundle(self) -> dict[str, Any]:
        extract = self._extract
        resources = [
            self._request(),
            self._task(),
            *self._people(),
            *self._communications(),
            *self._provenance(),
        ]
        return {
            "resourceType": "Bundle",
            "identifier": {
                "system": f"{self._base}/exports",
                "value": f"{self._consult.id}-{extract.made_at:%Y%m%dT%H%M%SZ}",
            },
            "type": "collection",
            "timestamp": _instant(extract.made_at),
            "entry": [{"fullUrl": f"urn:uuid:{one['id']}", "resource": one} for one in resources],
        }

    # ── resources ──

    def _request(self) -> dict[str, Any]:
        extract, consult = self._extract, self._consult
        made: dict[str, Any] = {
            "resourceType": "ServiceRequest",
            "id": self._id("ServiceRequest"),
            "identifier": [self._identifier()],
            "status": _REQUEST_STATUS.get(consult.state, "active"),
            # Of the codes of R4 the one for a request that is to be acted on; it orders no treatment.
            "intent": "order",
            "category": [{"coding": [_SNOMED]}],
            "priority": str(consult.urgency),
            "code": {"text": extract.service},
            "subject": self._subject(),
            "authoredOn": _instant(consult.opened_at),
            "requester": self._person(consult.requester),
            "performerType": {"text": extract.service},
            "reasonCode": [{"text": extract.question}],
        }
        if consult.consultant is not None:
            made["performer"] = [self._person(consult.consultant)]
        if extract.ward:
            made["locationCode"] = [{"text": extract.ward}]
        notes = [{"text": f"{label}: {text}"} for label, text in extract.parts]
        if extract.attachments:
            notes.append({"text": f"Attachments in the chat: {extract.attachments}"})
        if notes:
            made["note"] = notes
        return made

    def _task(self) -> dict[str, Any]:
        extract, consult = self._extract, self._consult
        status, business = FHIR[consult.state]
        made: dict[str, Any] = {
            "resourceType": "Task",
            "id": self._id("Task"),
            "identifier": [self._identifier()],
            "basedOn": [self._reference("ServiceRequest")],
            "status": status,
            "intent": "order",
            "priority": str(consult.urgency),
            "focus": self._reference("ServiceRequest"),
            "authoredOn": _instant(consult.opened_at),
            "lastModified": _instant(extract.trail[-1].at if extract.trail else consult.opened_at),
            "requester": self._person(consult.requester),
        }
        if business is not None:
            made["businessStatus"] = {"coding": [{"system": f"{self._base}/states", "code": business}]}
        if consult.consultant is not None:
            made["owner"] = self._person(consult.consultant)
        period = {"start": consult.accepted_at, "end": consult.closed_at}
        if consult.accepted_at is not None:
            made["executionPeriod"] = {key: _instant(at) for key, at in period.items() if at is not None}
        if extract.answer:
            made["output"] = [
                {"type": {"text": "answer"}, "valueReference": self._reference("Communication", "answer")}
            ]
        return made

    def _people(self) -> Iterator[dict[str, Any]]:
        for user in self._extract.people:
            made: dict[str, Any] = {
                "resourceType": "Practitioner",
                "id": self._id("Practitioner", user),
                "identifier": [{"system": "urn:ietf:rfc:3986", "value": _uri(user)}],
            }
            if user in self._extract.names:
                made["name"] = [{"text": self._extract.names[user]}]
            yield made

    def _communications(self) -> Iterator[dict[str, Any]]:
        extract, consult = self._extract, self._consult
        yield self._communication("question", consult.requester, consult.opened_at, extract.question)
        for number, said in enumerate(extract.words):
            yield self._communication(said.kind, said.author, said.at, said.text, key=f"{said.kind} {number}")
        if extract.answer:
            author = consult.consultant or consult.requester
            yield self._communication("answer", author, consult.answered_at, extract.answer)
        if extract.read_back:
            yield self._communication("read-back", consult.requester, consult.closed_at, extract.read_back)

    def _communication(
        self, kind: str, author: str, at: datetime | None, text: str, *, key: str = ""
    ) -> dict[str, Any]:
        consult = self._consult
        others = [consult.consultant] if author == consult.requester else [consult.requester]
        made: dict[str, Any] = {
            "resourceType": "Communication",
            "id": self._id("Communication", key or kind),
            "basedOn": [self._reference("ServiceRequest")],
            "status": "entered-in-error" if self._entered_in_error else "completed",
            "category": [{"coding": [{"system": f"{self._base}/words", "code": kind}]}],
            "about": [self._reference("Task")],
            "sender": self._person(author),
            "recipient": [self._person(other) for other in others if other is not None],
            "payload": [{"contentString": text}],
        }
        if not made["recipient"]:
            del made["recipient"]
        if at is not None:
            made["sent"] = _instant(at)
        return made

    def _provenance(self) -> Iterator[dict[str, Any]]:
        """The trail: who did what, and when."""
        for number, step in enumerate(self._extract.trail):
            yield {
                "resourceType": "Provenance",
                "id": self._id("Provenance", str(number)),
                "target": [self._reference("ServiceRequest"), self._reference("Task")],
                "recorded": _instant(step.at),
                "activity": {"coding": [{"system": f"{self._base}/steps", "code": step.action}]},
                "agent": [
                    {
                        "type": {"coding": [{"system": _PARTICIPATION, "code": "performer"}]},
                        "who": self._agent(step.actor),
                    }
                ],
            }

    # ── parts ──

    def _id(self, kind: str, key: str = "") -> str:
        """The same in every export of this consult, so that a second one updates the first."""
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{self._base}/consults/{self._consult.id}#{kind} {key}"))

    def _reference(self, kind: str, key: str = "") -> dict[str, Any]:
        return {"reference": f"urn:uuid:{self._id(kind, key)}", "type": kind}

    def _identifier(self) -> dict[str, str]:
        return {"system": f"{self._base}/consults", "value": self._consult.id}

    def _person(self, user: str) -> dict[str, Any]:
        if user not in self._extract.people:
            return self._agent(user)
        return {**self._reference("Practitioner", user), "display": self._extract.who(user)}

    def _agent(self, actor: str) -> dict[str, Any]:
        if actor in self._extract.people:
            return self._person(actor)
        if not actor.startswith("@"):
            return {"display": "Curbside"}
        return {"identifier": {"system": "urn:ietf:rfc:3986", "value": _uri(actor)}, "display": "Curbside"}

    def _subject(self) -> dict[str, Any]:
        """Required in R4; the patient is known to whoever files this."""
        return {
            "extension": [{"url": _ABSENT, "valueCode": "not-asked"}],
            "display": "No patient is named in Curbside",
        }


def _clean(value: Any) -> Any:
    """Without what a FHIR string may not hold: controls but line ends and tabs, halves of surrogate pairs."""
    if isinstance(value, str):
        return _UNFIT.sub("\ufffd", value)
    if isinstance(value, dict):
        return {key: _clean(item) for key, item in value.items()}
    return [_clean(item) for item in value] if isinstance(value, list) else value


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _uri(user_id: str) -> str:
    return "matrix:u/" + quote(user_id[1:], safe=":")
