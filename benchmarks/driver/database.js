// The database server that all subjects use: is it there, which processes serve it, and its cleaning.
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

import { MongoClient } from "mongodb";

import { processes } from "./system.js";

const SELECTION_MS = 3000;
const LOOPBACK = ["127.0.0.1", "localhost", "::1"];
const LISTENING = "0A";
const ESTABLISHED = "01";

export class Database {
  constructor(uri) {
    this.client = new MongoClient(uri, { serverSelectionTimeoutMS: SELECTION_MS });
  }

  async open() {
    try {
      await this.client.connect();
      await this.client.db("admin").command({ ping: 1 });
    } catch (error) {
      throw new Error(`no database answers at MONGO_URI: start it, or name another (${error.message})`);
    }
  }

  drop(name) {
    return this.client.db(name).dropDatabase();
  }

  close() {
    return this.client.close();
  }

  // The processes of this machine that serve the database, and those that serve them (a database behind it).
  pids() {
    const ports = this.client.options.hosts.filter(({ host }) => LOOPBACK.includes(host)).map(({ port }) => port);
    const connections = tcpConnections();
    const owners = socketOwners();
    const front = listeners(connections, owners, ports);
    const isOwn = ({ state, inode }) => state === ESTABLISHED && owners.get(inode)?.some((pid) => front.includes(pid));
    const own = connections.filter(isOwn);
    const behind = listeners(
      connections,
      owners,
      own.map(({ remotePort }) => remotePort),
    );
    return [...new Set([...front, ...behind])].filter((pid) => pid !== process.pid);
  }
}

function listeners(connections, owners, ports) {
  const found = connections.filter(({ state, port }) => state === LISTENING && ports.includes(port));
  return found.flatMap(({ inode }) => owners.get(inode) ?? []);
}

// The rows of /proc/net/tcp and tcp6: { port, remotePort, state, inode }.
function tcpConnections() {
  const lines = ["tcp", "tcp6"].flatMap((name) =>
    readFileSync(`/proc/net/${name}`, "latin1").trim().split("\n").slice(1),
  );
  return lines.map((line) => {
    const [, local, remote, state, , , , , , inode] = line.trim().split(/\s+/);
    return { port: portOf(local), remotePort: portOf(remote), state, inode };
  });
}

const portOf = (address) => Number.parseInt(address.split(":")[1], 16);

// The processes that hold each socket, by inode.
function socketOwners() {
  const owners = new Map();
  for (const pid of processes()) {
    for (const target of openFiles(pid)) {
      const inode = /^socket:\[(\d+)\]$/.exec(target)?.[1];
      if (inode) owners.set(inode, [...(owners.get(inode) ?? []), pid]);
    }
  }
  return owners;
}

function openFiles(pid) {
  try {
    return readdirSync(`/proc/${pid}/fd`).map((name) => readlinkSync(`/proc/${pid}/fd/${name}`));
  } catch {
    return []; // it ended meanwhile, or belongs to somebody else
  }
}
