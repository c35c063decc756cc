// The whole of a send: authenticated socket, membership, storing, acknowledgement, delivery to every member.
import { paced, repeated, window } from "../measure.js";
import { median, range } from "../tools.js";

const POOL = 100;
const SENDERS = 20;
const TEXT_BYTES = 250;
const SHARE_OF_MAXIMUM = 0.6;
const [PACED_SIZE, PACED_LONGER] = [10, 3];
const MAXIMUM_OF = `send-${PACED_SIZE}-${SENDERS}`;

export function sendsScenario({ sends, hasPaced }) {
  const sizes = [...new Set(sends.map(([size]) => size)), ...(hasPaced ? [PACED_SIZE] : [])];
  return {
    name: "sends",
    people: POOL,
    prepare: (subject, people) => prepare(subject, people, new Set(sizes)),
    connect: (subject) => subject.connect(subject.data.sends.people),
    figures: [
      ...sends.map(([size, inFlight]) => sendFigure(size, inFlight)),
      ...(hasPaced ? [pacedFigure(PACED_SIZE)] : []),
    ],
  };
}

// Everybody connects as a stranger; then twenty conversations of each size, each with a sender of its own.
async function prepare(subject, people, sizes) {
  await subject.connect(people);
  const conversations = {};
  for (const size of sizes) {
    conversations[size] = [];
    for (const first of range(SENDERS)) {
      const members = range(size).map((offset) => people[(first * 3 + offset) % POOL]);
      conversations[size].push(await subject.createConversation(size === 2 ? "direct" : "group", members));
    }
  }
  return { people, conversations };
}

// One sender in each of `conversations`; `load(workers)` gives what `repeated` or `paced` give.
async function measured(subject, conversations, seconds, load) {
  const workers = conversations.map((conversation) => () => subject.send(conversation, TEXT_BYTES).acknowledged);
  await repeated(workers, seconds / 2);
  await subject.allArrived();
  subject.verify();
  return window(subject, () => load(workers));
}

function sendFigure(size, inFlight) {
  return {
    key: `send-${size}-${inFlight}`,
    title: `send, ${size} members, ${inFlight} in flight`,
    goal: size === 10 && inFlight === 20 ? 0.8 : undefined,
    unit: "µs",
    primary: "cpuMicroseconds",
    measure(subject, seconds) {
      const conversations = subject.data.sends.conversations[size].slice(0, inFlight);
      return measured(subject, conversations, seconds, (workers) => repeated(workers, seconds));
    },
  };
}

function pacedFigure(size) {
  return {
    key: `paced-${size}`,
    title: `p99 of a send, ${size} members, at 60 % of the reference's maximum`,
    goal: 1.0,
    unit: "ms",
    primary: "p99",
    needs: [MAXIMUM_OF],
    measure(subject, seconds, run) {
      const rate = SHARE_OF_MAXIMUM * median(run.maximum(MAXIMUM_OF));
      const load = (workers) => paced(workers, rate, seconds * PACED_LONGER);
      return measured(subject, subject.data.sends.conversations[size], seconds, load);
    },
  };
}
