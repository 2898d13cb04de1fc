// One Matrix client on matrix-js-sdk, driven over standard input and output, one JSON object per line.
// In:  {"id", "command", ...arguments}.  Out: {"id", "result" | "error"} answers and {"event", ...} reports.
// Ends when standard input closes, so that it never outlives the test that started it.

import { createInterface } from "node:readline";

const debug = Boolean(process.env.JSCLIENT_DEBUG);
const toStderr = (...parts) => process.stderr.write(`${parts.map(String).join(" ")}\n`);
console.error = toStderr;
console.warn = toStderr;
for (const level of ["log", "info", "debug", "trace"]) console[level] = debug ? toStderr : () => {};

const sdk = await import("matrix-js-sdk");
const api = await import("matrix-js-sdk/lib/crypto-api/index.js");

const { ClientEvent, HttpApiEvent, MatrixEventEvent, RoomEvent, SyncState } = sdk;
const TIMELINE_LIMIT = 100; // events per room and sync; Synapse allows no more by default

let client;
let settings;
let syncFailures = 0;
const lastReport = new Map(); // event id -> how it was last reported
const underWay = new Map(); // requests to the homeserver not answered yet
const noteworthy = []; // the last requests that failed or took long
const roomsSeen = new Set();

const write = (object) => process.stdout.write(`${JSON.stringify(object)}\n`);
const report = (event, fields) => write({ event, ...fields });

/** fetch() that keeps account of itself, so that a command which hangs can say what it waits for. */
async function watchedFetch(resource, options = {}) {
  const { pathname } = new URL(resource);
  const request = { name: `${options.method ?? "GET"} ${pathname}`, began: Date.now() };
  const note = (outcome) => {
    noteworthy.push(`${request.name}: ${outcome} after ${Date.now() - request.began} ms`);
    if (noteworthy.length > 20) noteworthy.shift();
  };
  underWay.set(request, request.name);
  try {
    const answer = await fetch(resource, options);
    if (!answer.ok) note(answer.status);
    else if (Date.now() - request.began > 5000 && !pathname.endsWith("/sync")) note("slow");
    return answer;
  } catch (error) {
    note(error.cause?.code ?? error.name);
    throw error;
  } finally {
    underWay.delete(request);
  }
}

/** Resolves with check()'s first truthy value, tried now and after each sync. The caller bounds the wait. */
async function afterSync(check) {
  for (;;) {
    const synced = new Promise((resolve) => client.once(ClientEvent.Sync, resolve)); // before looking: it may come meanwhile
    const value = await check();
    if (value) return value;
    await Promise.race([synced, new Promise((resolve) => setTimeout(resolve, 500))]); // a join's answer may come between
  }
}

/** The joined room with its state: before that the SDK would not know that the room is encrypted. */
const joinedRoom = (roomId) =>
  afterSync(() => {
    const room = client.getRoom(roomId);
    const complete = room?.getMyMembership() === "join" && room.currentState.getStateEvents("m.room.create", "");
    return complete ? room : undefined;
  });

async function shieldOf(event) {
  const info = event.isEncrypted() ? await client.getCrypto().getEncryptionInfoForEvent(event) : null;
  if (!info) return null;
  const reason = info.shieldReason === null ? null : api.EventShieldReason[info.shieldReason].toLowerCase();
  return { color: api.EventShieldColour[info.shieldColour].toLowerCase(), reason };
}

/** Reports an event once per outcome: decrypted, or failed with this code. */
async function reportTimeline(event) {
  const eventId = event.getId();
  const failure = event.isDecryptionFailure() ? event.decryptionFailureReason : null;
  if (event.isEncrypted() && !failure && !event.getClearContent()) return; // Decrypted will follow
  const outcome = failure ?? "clear";
  if (!eventId || lastReport.get(eventId) === outcome) return;
  lastReport.set(eventId, outcome);
  roomsSeen.add(event.getRoomId());
  const unsigned = event.getUnsigned();
  report("timeline", {
    room_id: event.getRoomId(),
    event_id: eventId,
    sender: event.getSender(),
    type: failure ? "m.room.encrypted" : event.getType(),
    state_key: event.getStateKey() ?? null,
    content: failure ? {} : event.getOriginalContent(),
    relates_to: event.getWireContent()["m.relates_to"] ?? event.getOriginalContent()["m.relates_to"] ?? null,
    origin_server_ts: event.getTs(),
    transaction_id: unsigned.transaction_id ?? null,
    encrypted: event.isEncrypted(),
    decryption_failure_code: failure,
    shield: await shieldOf(event),
  });
}

function listen() {
  const guarded = (handler) => (...parameters) =>
    Promise.resolve(handler(...parameters)).catch((error) => report("problem", { message: String(error) }));
  let reported = Promise.resolve(); // one at a time, so that reports keep the order of the timeline
  const onTimeline = guarded((event) => {
    if (event.status !== null) return undefined; // our own, not yet back from the server
    // The client itself does not tell of the decryption of what was scrolled back to.
    if (event.isEncrypted()) event.off(MatrixEventEvent.Decrypted, onTimeline).on(MatrixEventEvent.Decrypted, onTimeline);
    const done = reported.then(() => reportTimeline(event));
    reported = done.catch(() => {});
    return done;
  });
  client.on(RoomEvent.Timeline, onTimeline);
  client.on(RoomEvent.LocalEchoUpdated, onTimeline);
  client.on(RoomEvent.TimelineReset, (room) => {
    if (roomsSeen.has(room.roomId)) report("gap", { room_id: room.roomId });
  });
  client.on(
    RoomEvent.MyMembership,
    guarded(async (room, membership) => {
      const mine = room.getMember(settings.user_id)?.events.member;
      report("membership", { room_id: room.roomId, membership, sender: mine?.getSender() ?? null });
      if (membership === "invite" && settings.auto_join) await acceptInvitation(room.roomId);
    }),
  );
  client.on(ClientEvent.Sync, (state) => {
    syncFailures = state === SyncState.Reconnecting || state === SyncState.Error ? syncFailures + 1 : 0;
    if (syncFailures === 1) report("sync_failing", {});
  });
  client.on(HttpApiEvent.SessionLoggedOut, () => report("logged_out", {}));
}

/**
 * Joins as soon as a person could, and reads what was said before as clients do to fill the screen: an
 * earlier message comes to a homeserver that joins later only when somebody looks for it.
 */
async function acceptInvitation(roomId) {
  for (let attempt = 1; ; attempt++) {
    await new Promise((resolve) => setTimeout(resolve, 300 * attempt));
    try {
      await client.joinRoom(roomId);
      break;
    } catch (error) {
      // The inviting homeserver sends the invitation out before it knows of it itself.
      if (attempt === 6 || error.errcode !== "M_FORBIDDEN") throw error;
    }
  }
  await client.scrollback(await joinedRoom(roomId), TIMELINE_LIMIT);
}

/** Makes a new cross-signing identity and signs this device with it; replacing one asks for the password. */
async function newIdentity() {
  await client.getCrypto().bootstrapCrossSigning({
    setupNewCrossSigning: true,
    authUploadDeviceSigningKeys: async (makeRequest) => {
      try {
        return await makeRequest(null);
      } catch (error) {
        if (error.httpStatus !== 401 || !settings.password) throw error;
        const identifier = { type: "m.id.user", user: settings.user_id };
        return makeRequest({
          type: "m.login.password",
          identifier,
          password: settings.password,
          session: error.data.session,
        });
      }
    },
  });
}

/** Creates a room; returns once the sync brought it with its encryption. */
async function createRoom(options, encrypted) {
  const initial_state = encrypted
    ? [{ type: "m.room.encryption", state_key: "", content: { algorithm: "m.megolm.v1.aes-sha2" } }]
    : [];
  const { room_id } = await client.createRoom({ ...options, initial_state });
  await joinedRoom(room_id);
  return { room_id };
}

function relation({ thread_root, reply_to }) {
  const answered = reply_to ? { "m.in_reply_to": { event_id: reply_to } } : {};
  if (thread_root) {
    const fallback = reply_to ? {} : { "m.in_reply_to": { event_id: thread_root } };
    const thread = { rel_type: "m.thread", event_id: thread_root, is_falling_back: !reply_to };
    return { "m.relates_to": { ...thread, ...fallback, ...answered } };
  }
  return reply_to ? { "m.relates_to": answered } : {};
}

async function sendEvent(roomId, type, content) {
  const room = await joinedRoom(roomId);
  if (room.hasEncryptionStateEvent() && !(await client.getCrypto().isEncryptionEnabledInRoom(roomId)))
    throw new Error("the room is encrypted but the crypto engine does not know it");
  const { event_id } = await client.sendEvent(roomId, null, type, content);
  return { event_id };
}

const commands = {
  async start(request) {
    settings = request;
    client = sdk.createClient({
      baseUrl: request.homeserver,
      userId: request.user_id,
      accessToken: request.access_token,
      deviceId: request.device_id,
      fetchFn: watchedFetch,
    });
    await client.initRustCrypto({ useIndexedDB: false });
    const crypto = client.getCrypto();
    crypto.setTrustCrossSignedDevices(true);
    crypto.setDeviceIsolationMode(
      request.isolation === "all"
        ? new api.AllDevicesIsolationMode(false)
        : new api.OnlySignedDevicesIsolationMode(),
    );
    listen();
    if (request.cross_sign) await newIdentity();
    await client.startClient({ initialSyncLimit: TIMELINE_LIMIT, lazyLoadMembers: false });
    await afterSync(() => client.isInitialSyncComplete());
    await crypto.outgoingRequestsManager.doProcessOutgoingRequests(); // the device's keys: others can now write to it
    return { device_id: client.getDeviceId(), ...(await crypto.getOwnDeviceKeys()) };
  },

  async create_dm({ user_id, encrypted }) {
    const options = { preset: "trusted_private_chat", is_direct: true, invite: [user_id] };
    const made = await createRoom(options, encrypted);
    const direct = client.getAccountData("m.direct")?.getContent() ?? {};
    const rooms = [...(direct[user_id] ?? []), made.room_id];
    await client.setAccountData("m.direct", { ...direct, [user_id]: rooms });
    return made;
  },

  create_room: ({ encrypted, invite, name, room_version, public: isPublic }) =>
    createRoom({ preset: isPublic ? "public_chat" : "private_chat", invite, name, room_version }, encrypted),

  async join({ room, via }) {
    const { roomId } = await client.joinRoom(room, { viaServers: via });
    await joinedRoom(roomId);
    return { room_id: roomId };
  },

  async invite({ room_id, user_id }) {
    await client.invite(room_id, user_id);
    return {};
  },

  async leave({ room_id }) {
    await client.leave(room_id);
    return {};
  },

  send({ room_id, text, html, thread_root, reply_to }) {
    const formatted = html ? { format: "org.matrix.custom.html", formatted_body: html } : {};
    const content = { msgtype: "m.text", body: text, ...formatted, ...relation({ thread_root, reply_to }) };
    return sendEvent(room_id, "m.room.message", content);
  },

  send_event: ({ room_id, type, content }) => sendEvent(room_id, type, content),

  react: ({ room_id, event_id, key }) =>
    sendEvent(room_id, "m.reaction", { "m.relates_to": { rel_type: "m.annotation", event_id, key } }),

  edit: ({ room_id, event_id, text }) =>
    sendEvent(room_id, "m.room.message", {
      msgtype: "m.text",
      body: `* ${text}`,
      "m.new_content": { msgtype: "m.text", body: text },
      "m.relates_to": { rel_type: "m.replace", event_id },
    }),

  async redact({ room_id, event_id }) {
    const redaction = await client.redactEvent(room_id, event_id);
    return { event_id: redaction.event_id };
  },

  async members({ room_id }) {
    const room = await joinedRoom(room_id);
    return Object.fromEntries(room.getMembers().map((member) => [member.userId, member.membership]));
  },

  async is_encrypted({ room_id }) {
    await joinedRoom(room_id);
    return client.getCrypto().isEncryptionEnabledInRoom(room_id);
  },

  async verification_of({ user_id, device_id }) {
    const crypto = client.getCrypto();
    await crypto.getUserDeviceInfo([user_id], true);
    const user = await crypto.getUserVerificationStatus(user_id);
    const device = await crypto.getDeviceVerificationStatus(user_id, device_id);
    return {
      device_known: device !== null,
      signed_by_owner: device?.signedByOwner ?? false,
      cross_signing_verified: device?.crossSigningVerified ?? false,
      verified: device?.isVerified() ?? false,
      identity_known: user.known,
      identity_verified: user.isCrossSigningVerified(),
      identity_changed: user.needsUserApproval,
    };
  },

  async reset_identity() {
    await newIdentity();
    return { master: await client.getCrypto().getCrossSigningKeyId() };
  },

  requests: () => ({
    under_way: [...underWay.keys()].map((request) => `${request.name}: for ${Date.now() - request.began} ms`),
    noteworthy,
  }),

  async logout() {
    await client.logout(true);
    return {};
  },

  async stop() {
    client?.stopClient();
    return {};
  },
};

process.on("unhandledRejection", (error) => toStderr("unhandled rejection:", error?.stack ?? error));

createInterface({ input: process.stdin })
  .on("line", async (line) => {
    const { id, command, ...request } = JSON.parse(line);
    try {
      if (!Object.hasOwn(commands, command)) throw new Error(`no such command: ${command}`);
      write({ id, result: (await commands[command](request)) ?? {} });
    } catch (error) {
      write({ id, error: { name: error.name, message: error.message, errcode: error.errcode ?? null } });
    }
    if (command === "stop") process.exit(0);
  })
  .on("close", () => process.exit(0));
