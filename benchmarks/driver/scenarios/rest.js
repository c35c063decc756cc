// Calls over HTTP, mostly of one person with 50 conversations, one of them long.
import { requestBytes } from "../http.js";
import { repeated, window } from "../measure.js";
import { range, sleep } from "../tools.js";

const CONTACTS = 200;
const LOGGING_IN = 16; // people, in turn: nobody opens hundreds of sessions in a minute
const CONVERSATIONS = 50;
const LONG_GROUP = 10;
const HISTORY_PAGE = 100;
const MISSED = 8; // messages in each conversation that a catch-up brings
const FILLING_AT_ONCE = 10;
const TEXT_BYTES = 60;
const RECEIPTS_MS = 1500; // in which marks that a sync has moved are stored and told

export function restScenario({ history }) {
  return {
    name: "rest",
    people: CONTACTS,
    prepare: (subject, people) => prepare(subject, people, history),
    figures: figures(history),
  };
}

async function prepare(subject, people, history) {
  const [owner, ...others] = await subject.register(LOGGING_IN); // by this process: passwords cost what they should
  const present = [owner, ...people.slice(0, CONVERSATIONS)];
  await subject.connect(present);
  const long = await subject.createConversation("group", present.slice(0, LONG_GROUP));
  const conversations = [long];
  for (const other of present.slice(1, CONVERSATIONS)) {
    conversations.push(await subject.createConversation("direct", [owner, other]));
  }
  await fill(subject, [long], history - MISSED);
  await fill(subject, conversations.slice(1), 1);
  const behind = await syncState(subject, owner);
  await fill(subject, conversations, MISSED);
  await subject.allArrived();
  subject.verify();
  const current = await syncState(subject, owner);
  subject.disconnect(present);
  return { owner, loggingIn: [owner, ...others], long, conversations, behind, current };
}

// Messages of all members in turn.
async function fill(subject, conversations, count) {
  const sends = conversations.flatMap((conversation) =>
    range(count).map((index) => ({ conversation, sender: conversation.members[index % conversation.members.length] })),
  );
  for (let at = 0; at < sends.length; at += FILLING_AT_ONCE) {
    const batch = sends.slice(at, at + FILLING_AT_ONCE);
    const sent = batch.map(({ conversation, sender }) => subject.send(conversation, TEXT_BYTES, sender).acknowledged);
    await Promise.all(sent);
  }
}

// What a client that has everything sends as its sync; null where the server has no sync.
async function syncState(subject, { token }) {
  const { data } = await subject.pool.call("GET", "/api/user/conversations", { token });
  const cursors = Object.fromEntries(data.map(({ id, head }) => [id, head.hash ? [head.seq, head.hash] : head.seq]));
  let state = { cursors };
  for (const isLater of [false, true]) {
    // the first shows that all was received; the second sees what that has changed
    if (isLater) await sleep(RECEIPTS_MS);
    const { status, body } = await subject.pool.ask("POST", "/api/sync", { token, body: state });
    if (status === 404) return null;
    if (status !== 200) throw new Error(`sync: ${status} ${body}`);
    const { epoch, next } = JSON.parse(body).data;
    state = { epoch, since: next, cursors };
  }
  return state;
}

// ---- figures ----

// `requests(data)` gives the requests that make one operation, or with `inTurn` one operation each; `check` gets the
// parsed answers of the first one.
function figure({ connections, requests, check, inTurn = false, ...rest }) {
  return {
    unit: "µs",
    primary: "cpuMicroseconds",
    ...rest,
    async measure(subject, seconds) {
      const bytes = requests(subject.data.rest);
      const lines = await subject.httpConnections(connections);
      let turn = 0;
      const next = () => (inTurn ? [bytes[turn++ % bytes.length]] : bytes);
      const operations = lines.map((line) => () => answers(line, next()));
      try {
        const bodies = await operations[0]();
        check?.(bodies.map((body) => JSON.parse(body)));
        await repeated(operations, seconds / 2);
        return await window(subject, () => repeated(operations, seconds));
      } finally {
        for (const line of lines) line.close();
      }
    },
  };
}

async function answers(line, requests) {
  const bodies = [];
  for (const request of requests) {
    const { status, body } = await line.request(request);
    if (status !== 200) throw new Error(`answer ${status}: ${body}`);
    bodies.push(body);
  }
  return bodies;
}

const get = (path, { token }) => requestBytes("GET", path, { token });
const sync = (body, { token }) => requestBytes("POST", "/api/sync", { token, body });
const list = ({ owner }) => get("/api/user/conversations", owner);
const history = ({ owner }, { id }, limit) => get(`/api/user/messages/${id}${limit ? `?limit=${limit}` : ""}`, owner);

function expectLength(count) {
  return (bodies) => {
    for (const { data } of bodies) {
      if (data.length !== count) throw new Error(`${data.length} items in the place of ${count}`);
    }
  };
}

function expectSync(conversations, entries) {
  return ([{ data }]) => {
    if (Array.isArray(data)) return; // a server without sync answered with its list or a history
    const found = data.conversations.reduce((total, conversation) => total + conversation.entries.length, 0);
    if (data.conversations.length === conversations && found === entries && !data.more) return;
    throw new Error(`sync gave ${data.conversations.length} conversations with ${found} entries`);
  };
}

const figures = (messages) => [
  figure({
    key: "health",
    title: "health",
    goal: 1.0,
    connections: 8,
    requests: () => [requestBytes("GET", "/api/health")],
  }),
  figure({
    key: "login",
    title: "log-in (argon2id, 19 MiB, 2 passes)",
    connections: 2,
    inTurn: true,
    requests: ({ loggingIn }) =>
      loggingIn.map(({ email, password }) => requestBytes("POST", "/api/auth/login", { body: { email, password } })),
  }),
  figure({
    key: "contacts",
    title: `contacts, ${CONTACTS}`,
    connections: 4,
    requests: ({ owner }) => [get("/api/user/contacts", owner)],
    check: expectLength(CONTACTS),
  }),
  figure({
    key: "list",
    title: `conversation list, ${CONVERSATIONS}`,
    goal: 0.7,
    connections: 4,
    requests: (data) => [list(data)],
    check: expectLength(CONVERSATIONS),
  }),
  figure({
    key: "history",
    title: `history page, ${HISTORY_PAGE} of ${messages} messages`,
    goal: 0.7,
    connections: 4,
    requests: (data) => [history(data, data.long)],
    check: expectLength(HISTORY_PAGE),
  }),
  figure({
    key: "sync-empty",
    title: `sync, ${CONVERSATIONS} conversations, nothing new (else: the list)`,
    connections: 4,
    requests: (data) => [data.current ? sync(data.current, data.owner) : list(data)],
    check: expectSync(0, 0),
  }),
  figure({
    key: "sync-catch-up",
    title: `sync, ${CONVERSATIONS} conversations, ${MISSED} new each (else: ${CONVERSATIONS} histories)`,
    connections: 4,
    requests: (data) =>
      data.behind
        ? [sync(data.behind, data.owner)]
        : data.conversations.map((conversation) => history(data, conversation, MISSED)),
    check: expectSync(CONVERSATIONS, CONVERSATIONS * MISSED),
  }),
];
