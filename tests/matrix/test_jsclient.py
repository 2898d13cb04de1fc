"""The independent client does what other tests rely on: it reports truly, and its isolation really bites."""

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from bot.dev.synapse import Homeserver, HomeserverGroup, register_user
from tests.support.jsclient import JsClient, JsClientError, JsClientTimeout

NO_WARNING = {"color": "none", "reason": None}
NewClient = Callable[..., Awaitable[JsClient]]


@pytest.fixture
async def new_client() -> AsyncIterator[NewClient]:
    """Starts clients of fresh users, who accept invitations; stops them in the end."""
    async with AsyncExitStack() as stack:

        async def start(homeserver: Homeserver, **options: Any) -> JsClient:
            password = secrets.token_urlsafe(12)
            user = await register_user(homeserver, f"js-{secrets.token_hex(4)}", password)
            login = (homeserver.url, user.user_id, user.access_token, user.device_id, password)
            client = await JsClient.start(*login, auto_join=True, **options)
            stack.push_async_callback(client.stop)
            return client

        yield start


async def dm_between(inviter: JsClient, invited: JsClient) -> str:
    """An encrypted direct chat that both have joined and in which the inviter has seen the other join."""
    room_id = await inviter.create_dm(invited.user_id)
    await invited.wait_for_membership("join", room_id)
    await inviter.wait_for(
        lambda e: e.get("state_key") == invited.user_id and e["content"]["membership"] == "join"
    )
    return room_id


async def exchange(one: JsClient, other: JsClient, room_id: str) -> None:
    """Each reads a new message of the other, encrypted and without a warning."""
    for sender, reader in ((one, other), (other, one)):
        text = secrets.token_hex(8)
        await sender.send(room_id, text)
        seen = await reader.wait_for_message(room_id, sender.user_id, text)
        assert seen["encrypted"]
        assert seen["shield"] == NO_WARNING


async def test_signed_clients_exchange_messages_without_warning(
    homeserver: Homeserver, new_client: NewClient
) -> None:
    one, other = await new_client(homeserver), await new_client(homeserver)
    room_id = await dm_between(one, other)
    await exchange(one, other, room_id)
    assert await one.is_encrypted(room_id)
    assert await one.members(room_id) == {one.user_id: "join", other.user_id: "join"}
    assert not [e for c in (one, other) for e in c.events if e.get("decryption_failure_code")]


async def test_signed_clients_exchange_messages_across_homeservers(
    federation: HomeserverGroup, new_client: NewClient
) -> None:
    near, far = federation.homeservers[:2]
    one, other = await new_client(near), await new_client(far)
    await exchange(one, other, await dm_between(one, other))


async def test_an_unsigned_device_is_refused_in_both_directions(
    homeserver: Homeserver, new_client: NewClient
) -> None:
    signed = await new_client(homeserver)
    unsigned = await new_client(homeserver, isolation="all", cross_sign=False)
    room_id = await dm_between(signed, unsigned)

    await unsigned.send(room_id, "from a device nobody vouches for")
    refused = await signed.wait_for_undecryptable(room_id, unsigned.user_id)
    assert refused["decryption_failure_code"] == "UNSIGNED_SENDER_DEVICE"
    assert refused["content"] == {}
    assert refused["shield"] is None

    await signed.send(room_id, "for signed devices only")
    withheld = await unsigned.wait_for_undecryptable(room_id, signed.user_id)
    assert withheld["decryption_failure_code"] == "MEGOLM_KEY_WITHHELD_FOR_UNVERIFIED_DEVICE"

    verification = await signed.verification_of(unsigned.user_id, unsigned.device_id)
    assert verification["device_known"]
    assert not verification["signed_by_owner"]


async def test_without_isolation_an_unsigned_device_is_read_with_a_warning(
    homeserver: Homeserver, new_client: NewClient
) -> None:
    lenient = await new_client(homeserver, isolation="all")
    unsigned = await new_client(homeserver, isolation="all", cross_sign=False)
    room_id = await dm_between(lenient, unsigned)
    await unsigned.send(room_id, "from a device nobody vouches for")
    seen = await lenient.wait_for_message(room_id, unsigned.user_id)
    assert seen["shield"] == {"color": "red", "reason": "unsigned_device"}


async def test_signing_later_opens_the_way_and_a_new_identity_is_noticed(
    homeserver: Homeserver, new_client: NewClient
) -> None:
    signed = await new_client(homeserver)
    late = await new_client(homeserver, isolation="all", cross_sign=False)
    room_id = await dm_between(signed, late)
    await late.send(room_id, "too early")
    await signed.wait_for_undecryptable(room_id, late.user_id)

    first_master = await late.reset_identity()
    verification = await signed.verification_of(late.user_id, late.device_id)
    assert verification["signed_by_owner"]
    assert not verification["identity_changed"]
    await exchange(late, signed, room_id)

    assert await late.reset_identity() != first_master
    assert (await signed.verification_of(late.user_id, late.device_id))["identity_changed"]
    await exchange(late, signed, room_id)


async def test_threads_replies_reactions_edits_and_redactions_are_reported(
    homeserver: Homeserver, new_client: NewClient
) -> None:
    one, other = await new_client(homeserver), await new_client(homeserver)
    room_id = await dm_between(one, other)
    root = await one.send(room_id, "the root", html="<b>the root</b>")
    threaded = await one.send(room_id, "in the thread", thread_root=root)
    reply = await one.send(room_id, "a reply", reply_to=root)
    reaction = await one.react(room_id, root, "✅")
    edit = await one.edit(room_id, reply, "a better reply")
    await other.wait_for(lambda e: e.get("event_id") == edit)  # a redaction would take what is not yet read
    redaction = await one.redact(room_id, threaded)

    last = await other.wait_for(lambda e: e.get("event_id") == redaction)
    by_id = {e["event_id"]: e for e in other.events if e["event"] == "timeline"}
    assert by_id[root]["content"]["formatted_body"] == "<b>the root</b>"
    assert by_id[threaded]["relates_to"]["rel_type"] == "m.thread"
    assert by_id[threaded]["relates_to"]["event_id"] == root
    assert by_id[reply]["relates_to"] == {"m.in_reply_to": {"event_id": root}}
    assert by_id[reply]["content"]["body"] == "a reply"
    assert by_id[reaction]["relates_to"] == {"rel_type": "m.annotation", "event_id": root, "key": "✅"}
    assert by_id[edit]["content"]["m.new_content"]["body"] == "a better reply"
    assert last["type"] == "m.room.redaction"


async def test_errors_and_ends_are_told_not_waited_out(homeserver: Homeserver, new_client: NewClient) -> None:
    client = await new_client(homeserver)
    with pytest.raises(JsClientTimeout):
        await client.wait_for(lambda e: False, timeout=0.01)
    with pytest.raises(JsClientError) as refusal:
        await client.join(f"#nowhere:{homeserver.server_name}")
    assert refusal.value.errcode == "M_NOT_FOUND"
    await client.kill()
    with pytest.raises(JsClientError, match="ended"):
        await client.wait_for(lambda e: False)
    with pytest.raises(JsClientError, match="ended"):
        await client.create_room()
