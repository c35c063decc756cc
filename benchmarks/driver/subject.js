// One server under measurement: its process, its people, their sockets and conversations.
import { HttpConnection, HttpPool } from "./http.js";
import { balanceOf } from "./report.js";
import { ServerProcess } from "./server_process.js";
import { METRICS_TOKEN } from "./servers.js";
import { ChatSocket, NUMBER_DIGITS } from "./socket.js";
import { cpuBetween } from "./system.js";
import { inParallel, range, sleep } from "./tools.js";

const PASSWORD = "password123";
const ARRIVAL_MS = 15_000;
const LOOK_MS = 5;
const CONNECTING_AT_ONCE = 20;
const REGISTERING_AT_ONCE = 8;
const LONGEST_SETTLING_MS = 20_000;
const QUIET_MS = 300;
const QUIET_LOAD = 0.03;
const COMMANDS = /^\w+_database_command\w*_count(?:\{.*\})? (\S+)$/gm;
const WORKER_SOCKETS = /^chatapp_worker_sockets\{.*\} (\S+)$/gm;

let lastPerson = 0;
let lastNumber = 0; // of a message, unique in this run

export class Subject {
  constructor(server, database, log) {
    this.server = server;
    this.database = database;
    this.process = new ServerProcess(server, database, log);
    this.name = server.name;
    this.data = {}; // what each scenario has prepared, by its name
    this.conversations = [];
    this.connected = new Set(); // people with a socket
    this.underWay = new Map(); // message number → { missing, done }
    this.isCounting = false;
  }

  async start(settings) {
    await this.process.start(settings);
    this.pool = new HttpPool(this.process.port);
  }

  async stop() {
    this.pool?.close();
    this.disconnect([...this.connected]);
    await this.process.stop();
  }

  // Stops it for good: what is under way can't start it again.
  async end() {
    this.process.isEnded = true;
    await this.stop();
  }

  // Waits until the server has done what it does beside the calls: at its start, after people came and went.
  async settle() {
    const deadline = Date.now() + LONGEST_SETTLING_MS;
    for (let quiet = 0; quiet < 2 && Date.now() < deadline; ) {
      const before = this.process.cpu();
      await sleep(QUIET_MS);
      const load = (cpuBetween(before, this.process.cpu()) * 1000) / QUIET_MS;
      quiet = load < QUIET_LOAD ? quiet + 1 : 0;
    }
  }

  // ---- people and their sockets ----

  register(count) {
    return inParallel(range(count), REGISTERING_AT_ONCE, async () => {
      const index = ++lastPerson;
      const name = `Person ${String(index).padStart(5, "0")}`;
      const email = `person${index}@example.com`;
      const answer = await this.pool.call("POST", "/api/auth/register", { body: { email, password: PASSWORD, name } });
      return { id: answer.data.id, name, email, password: PASSWORD, token: answer.token, socket: null };
    });
  }

  // Connects these people; gives their sockets, which also stand at `person.socket`.
  connect(people) {
    return inParallel(people, CONNECTING_AT_ONCE, async (person) => {
      person.socket = await new ChatSocket((number) => this.#arrived(number)).open(this.process.port, person.token);
      this.connected.add(person);
      return person.socket;
    });
  }

  disconnect(people) {
    for (const person of people) {
      person.socket?.close();
      person.socket = null;
      this.connected.delete(person);
    }
  }

  // ---- conversations ----

  async createConversation(type, members) {
    const [creator, ...others] = members;
    const body = { type, participants: others.map(({ id }) => id) };
    if (type === "group") body.name = `Group of ${members.length}`;
    const { data } = await this.pool.call("POST", "/api/user/conversations", { token: creator.token, body });
    const conversation = { id: data.id, members, sends: 0, checksum: 0 };
    this.conversations.push(conversation);
    return conversation;
  }

  // Sends one message of `bytes` bytes of text: { acknowledged, delivered }, two promises.
  send(conversation, bytes, sender = conversation.members[0]) {
    const number = ++lastNumber;
    const listeners = conversation.members.reduce((count, { socket }) => count + (socket ? 1 : 0), 0);
    const delivered = new Promise((done) => this.underWay.set(number, { missing: listeners, done }));
    conversation.sends += 1;
    conversation.checksum += number;
    const digits = String(number).padStart(NUMBER_DIGITS, "0");
    const content = `~${digits}~`.padEnd(bytes, "lorem ipsum dolor sit amet ");
    const payload = `{"conversationId":"${conversation.id}","content":"${content}","clientMsgId":"bench-${digits}"}`;
    return { acknowledged: sender.socket.emit("newMessage", payload), delivered };
  }

  #arrived(number) {
    const message = this.underWay.get(number);
    if (message && --message.missing === 0) {
      this.underWay.delete(number);
      message.done();
    }
  }

  // Waits until everything sent has arrived, or was late.
  async allArrived() {
    const deadline = Date.now() + ARRIVAL_MS;
    while (this.underWay.size && Date.now() < deadline) await sleep(LOOK_MS);
    this.underWay.clear();
  }

  // Proves that each socket got each message exactly once; counting starts anew.
  verify() {
    const expected = new Map([...this.connected].map((person) => [person, { deliveries: 0, checksum: 0 }]));
    for (const { members, sends, checksum } of this.conversations.filter((conversation) => conversation.sends)) {
      for (const sum of members.map((member) => expected.get(member)).filter(Boolean)) {
        sum.deliveries += sends;
        sum.checksum += checksum;
      }
    }
    const isWrong = ([{ socket }, sum]) => socket.deliveries !== sum.deliveries || socket.checksum !== sum.checksum;
    const wrong = [...expected].filter(isWrong).length;
    const closed = [...this.connected].filter(({ socket }) => socket.isClosed).length;
    this.forget();
    if (wrong || closed) {
      throw new Error(`${wrong} of ${expected.size} sockets did not get exactly their messages, ${closed} were closed`);
    }
  }

  // Counts sends and deliveries from nothing.
  forget() {
    this.underWay.clear();
    for (const { socket } of this.connected) socket.deliveries = socket.checksum = 0;
    for (const conversation of this.conversations) conversation.sends = conversation.checksum = 0;
  }

  // ---- calls ----

  httpConnections(count) {
    return Promise.all(range(count).map(() => new HttpConnection(this.process.port).open()));
  }

  // The busiest worker's sockets over the mean of all; null where the server does not tell.
  async balance() {
    const { status, body } = await this.pool.ask("GET", "/metrics", { token: METRICS_TOKEN });
    return status === 200 ? balanceOf([...body.matchAll(WORKER_SOCKETS)].map(([, count]) => Number(count))) : null;
  }

  // Database commands of this server so far; null where it does not tell.
  async databaseCommands() {
    const { status, body } = await this.pool.ask("GET", "/metrics", { token: METRICS_TOKEN });
    const counts = [...body.matchAll(COMMANDS)].map(([, count]) => Number(count));
    return status === 200 && counts.length ? counts.reduce((total, count) => total + count, 0) : null;
  }
}
