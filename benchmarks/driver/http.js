// An HTTP/1.1 client that costs less than the servers: one keep-alive connection, one request at a time.
import { connect } from "node:net";

const TIMEOUT_MS = 30_000;
const END_OF_HEAD = Buffer.from("\r\n\r\n");

export class HttpConnection {
  constructor(port) {
    this.port = port;
    this.received = [];
    this.size = 0;
    this.needed = 0; // bytes of the whole answer, once its head is known
    this.waiting = null;
    this.isClosed = false;
  }

  async open() {
    this.socket = connect(this.port, "127.0.0.1");
    this.socket.setNoDelay(true);
    this.socket.on("data", (chunk) => this.#take(chunk));
    this.socket.on("error", (error) => this.waiting?.reject(error));
    this.socket.on("close", () => {
      this.isClosed = true;
      this.waiting?.reject(new Error("connection closed"));
    });
    await new Promise((resolve, reject) => this.socket.once("connect", resolve).once("error", reject));
    return this;
  }

  // Sends prepared bytes; gives { status, body } with the body as a Buffer.
  request(bytes) {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.waiting?.reject(new Error("no answer")), TIMEOUT_MS);
      const settled = (settle) => (value) => {
        clearTimeout(timer);
        this.waiting = null;
        settle(value);
      };
      this.waiting = { resolve: settled(resolve), reject: settled(reject) };
      this.socket.write(bytes);
    });
  }

  close() {
    this.socket.destroy();
  }

  #take(chunk) {
    this.received.push(chunk);
    this.size += chunk.length;
    if (!this.needed) this.#readHead();
    if (!this.needed || this.size < this.needed) return;
    const body = this.#joined().subarray(this.bodyStart, this.needed);
    this.received = [];
    this.size = this.needed = 0;
    this.waiting?.resolve({ status: this.status, body });
  }

  #readHead() {
    const all = this.#joined();
    const end = all.indexOf(END_OF_HEAD);
    if (end < 0) return;
    const head = all.latin1Slice(0, end);
    const length = /\r\ncontent-length: *(\d+)/i.exec(head);
    if (!length) {
      this.waiting?.reject(new Error(`an answer without Content-Length: ${head}`));
      return;
    }
    this.status = Number(head.slice(9, 12));
    this.bodyStart = end + END_OF_HEAD.length;
    this.needed = this.bodyStart + Number(length[1]);
  }

  #joined() {
    if (this.received.length > 1) this.received = [Buffer.concat(this.received)];
    return this.received[0];
  }
}

// The bytes of a request, made once and sent many times.
export function requestBytes(method, path, { token, body } = {}) {
  const payload = body === undefined ? "" : JSON.stringify(body);
  const lines = [`${method} ${path} HTTP/1.1`, "Host: 127.0.0.1"];
  if (token) lines.push(`Authorization: Bearer ${token}`);
  if (body !== undefined) lines.push("Content-Type: application/json", `Content-Length: ${Buffer.byteLength(payload)}`);
  return Buffer.from(`${lines.join("\r\n")}\r\n\r\n${payload}`);
}

// Single calls, over connections that are kept: for preparing, not for measuring.
export class HttpPool {
  constructor(port) {
    this.port = port;
    this.free = [];
  }

  // { status, body } of any answer, the body as text.
  async ask(method, path, options) {
    this.free = this.free.filter(({ isClosed }) => !isClosed); // servers close what was idle for long
    const connection = this.free.pop() ?? (await new HttpConnection(this.port).open());
    const { status, body } = await connection.request(requestBytes(method, path, options));
    this.free.push(connection);
    return { status, body: body.toString() };
  }

  // The parsed body of an answer that says success.
  async call(method, path, options) {
    const { status, body } = await this.ask(method, path, options);
    if (status >= 300) throw new Error(`${method} ${path}: ${status} ${body.slice(0, 300)}`);
    return JSON.parse(body);
  }

  close() {
    for (const connection of this.free.splice(0)) connection.close();
  }
}
