// Fan-out: one message to everybody in a large group, each with a socket.
import { repeated, window } from "../measure.js";

export function roomsScenario({ rooms, texts }) {
  return {
    name: "rooms",
    people: Math.max(...rooms),
    prepare: (subject, people) => prepare(subject, people, rooms),
    figures: texts.flatMap((bytes) => [...rooms.map((size) => fanOutFigure(size, bytes)), slopeFigure(rooms, bytes)]),
    isCounted: false,
  };
}

// Everybody connects as a stranger, so that nobody's presence is told to a room; then the rooms are made.
async function prepare(subject, people, sizes) {
  await subject.connect(people);
  const rooms = {};
  for (const size of sizes) rooms[size] = await subject.createConversation("group", people.slice(0, size));
  return rooms;
}

const fanOutKey = (size, bytes) => `fan-out-${size}-${bytes}`;

function fanOutFigure(size, bytes) {
  return {
    key: fanOutKey(size, bytes),
    title: `fan-out to a room of ${size}, ${bytes} bytes, per delivery`,
    goal: size >= 300 ? 0.7 : undefined,
    unit: "µs",
    primary: "cpuMicroseconds",
    async measure(subject, seconds) {
      const room = subject.data.rooms[size];
      const send = async () => {
        const { acknowledged, delivered } = subject.send(room, bytes);
        await acknowledged;
        await delivered;
      };
      await repeated([send], seconds / 2);
      subject.verify();
      const work = async () => {
        const { operations, latencies } = await repeated([send], seconds);
        return { operations: operations * size, latencies };
      };
      return window(subject, work);
    },
  };
}

// What a delivery costs without the storing of its message: what the largest room costs more than the smallest.
function slopeFigure(rooms, bytes) {
  const [small, large] = [Math.min(...rooms), Math.max(...rooms)];
  const keys = [small, large].map((size) => fanOutKey(size, bytes));
  return {
    key: `fan-out-alone-${bytes}`,
    title: `fan-out alone, ${bytes} bytes: a delivery beyond ${small}, to ${large}`,
    unit: "µs",
    primary: "cpuMicroseconds",
    needs: keys,
    derive(windows) {
      const [few, many] = keys.map(
        (key) => new Map(windows(key).map((window) => [window.round, window.cpuMicroseconds])),
      );
      const rounds = [...few.keys()].filter((round) => many.has(round));
      const alone = (round) => (many.get(round) * large - few.get(round) * small) / (large - small);
      return rounds.map((round) => ({ round, cpuMicroseconds: alone(round) }));
    },
  };
}
