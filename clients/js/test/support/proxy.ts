/** A proxy between client and server that does what networks do: delay, cut, swallow, lose answers, repeat. */
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import type { Duplex } from "node:stream";

export interface Seen {
  readonly method: string;
  readonly path: string;
  /** The access token of an HTTP request. */
  readonly token: string | undefined;
  /** Once it has come; rules do not see it. */
  body: string;
}

/**
 * - `lose`: the server does it, the client never hears of it (the connection is reset).
 * - `duplicate`: the server gets it twice; the client gets the second answer.
 * - `unavailable`: 503 without asking the server.
 * - `hang`: no answer, ever.
 * - `html`: a page, as captive portals answer.
 * - a failure envelope of the server's, as it comes when the server has this trouble.
 */
export type Fault = "lose" | "duplicate" | "unavailable" | "hang" | "html" | { status: number; code: string };

interface Rule {
  readonly matches: (seen: Seen) => boolean;
  readonly fault: Fault;
  times: number;
}

export class FaultProxy {
  /** Milliseconds that each piece takes longer, each way. */
  latency = 0;
  /** Swallows everything, on connections that stand and on new ones. */
  isBlackHole = false;
  /** Drops what the server sends over WebSockets. */
  isMuted = false;
  /** Passes what the server sends over WebSockets twice. */
  isEchoing = false;
  /** Replaces a piece of text in what the server says by another of the same length. */
  rewrite: { readonly from: string; readonly to: string } | undefined;
  readonly seen: Seen[] = [];
  private readonly tunnels = new Set<Socket>();
  private rules: Rule[] = [];
  private readonly connections = new Set<Duplex>();
  private server: Server | undefined;
  private port = 0;

  private constructor(private readonly target: URL) {}

  static async start(target: string): Promise<FaultProxy> {
    const proxy = new FaultProxy(new URL(target));
    await proxy.up();
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Connections are refused and broken until `up`. */
  async down(): Promise<void> {
    const closed = new Promise((done) => this.server?.close(done));
    this.cut();
    await closed;
  }

  async up(): Promise<void> {
    this.server = createServer((incoming, answer) => void this.pass(incoming, answer));
    this.server.on("connection", (socket: Socket) => this.track(socket));
    this.server.on("upgrade", (incoming: IncomingMessage, socket: Duplex) => this.tunnel(incoming, socket as Socket));
    await new Promise<void>((done) => this.server?.listen(this.port, "127.0.0.1", done));
    this.port = (this.server.address() as AddressInfo).port;
  }

  /** Resets every connection there is. */
  cut(): void {
    for (const connection of this.connections) (connection as Socket).resetAndDestroy();
  }

  /** The next `times` requests that match get the fault. */
  fault(fault: Fault, matches: (seen: Seen) => boolean, times = 1): void {
    this.rules.push({ fault, matches, times });
  }

  /** From now on the server calls the access token expired that is used next. */
  expireToken(): void {
    let expired: string | undefined;
    const isExpired = ({ token }: Seen) => {
      expired ??= token;
      return token !== undefined && token === expired;
    };
    this.fault({ status: 401, code: "TOKEN_EXPIRED" }, isExpired, Number.POSITIVE_INFINITY);
  }

  heal(): void {
    this.rules = [];
    this.isBlackHole = false;
    this.isMuted = false;
    this.isEchoing = false;
    this.rewrite = undefined;
    this.latency = 0;
  }

  count(matches: (seen: Seen) => boolean): number {
    return this.seen.filter(matches).length;
  }

  private track(socket: Duplex): void {
    this.connections.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => this.connections.delete(socket));
  }

  private note(incoming: IncomingMessage): { seen: Seen; fault: Fault | undefined } {
    const token = incoming.headers.authorization?.slice("Bearer ".length);
    const seen: Seen = { method: incoming.method ?? "", path: incoming.url ?? "", token, body: "" };
    this.seen.push(seen);
    const rule = this.rules.find((row) => row.times > 0 && row.matches(seen));
    if (rule) rule.times--;
    return { seen, fault: rule?.fault };
  }

  private pause(): Promise<void> {
    return new Promise((done) => setTimeout(done, this.latency));
  }

  private async pass(incoming: IncomingMessage, answer: ServerResponse): Promise<void> {
    const { seen, fault } = this.note(incoming);
    const body = await collected(incoming).catch(() => undefined);
    seen.body = body?.toString() ?? "";
    if (!body || this.isBlackHole || fault === "hang") return;
    if (fault === "unavailable") return void answer.writeHead(503, { "Content-Type": "text/plain" }).end("try later");
    if (fault === "html") return void answer.writeHead(200, { "Content-Type": "text/html" }).end("<h1>Welcome</h1>");
    if (typeof fault === "object") return void answer.writeHead(fault.status, JSON_TYPE).end(envelope(fault));
    try {
      await this.pause();
      if (fault === "duplicate") await this.ask(incoming, body);
      const given = await this.ask(incoming, body, answer);
      await this.pause();
      if (this.isBlackHole) return;
      if (fault === "lose") return void incoming.socket.resetAndDestroy();
      answer.writeHead(given.status, given.headers).end(this.rewritten(given.body));
    } catch {
      incoming.socket.destroy(); // the server is gone
    }
  }

  private ask(incoming: IncomingMessage, body: Buffer, answer?: ServerResponse) {
    const { hostname, port } = this.target;
    const { method, url, headers } = incoming;
    return new Promise<{ status: number; headers: IncomingMessage["headers"]; body: Buffer }>((resolve, reject) => {
      const outgoing = request({ hostname, port, method, path: url, headers, agent: false }, (response) => {
        collected(response).then((text) => {
          const { "transfer-encoding": _, connection: __, ...kept } = response.headers;
          resolve({ status: response.statusCode ?? 502, headers: kept, body: text });
        }, reject);
      });
      outgoing.on("error", reject);
      answer?.on("close", () => outgoing.destroy());
      outgoing.end(body);
    });
  }

  /** WebSocket: bytes, each way, in order. */
  private tunnel(incoming: IncomingMessage, client: Socket): void {
    const { fault } = this.note(incoming);
    if (fault) return void client.resetAndDestroy();
    const server = connect(Number(this.target.port), this.target.hostname);
    this.track(server);
    const head = Object.entries(incoming.headers).map(([name, value]) => `${name}: ${value}`);
    server.write(`${incoming.method} ${incoming.url} HTTP/1.1\r\n${head.join("\r\n")}\r\n\r\n`);
    this.tunnels.add(client);
    client.on("close", () => this.tunnels.delete(client));
    this.pour(client, server, () => 1);
    this.pour(
      server,
      client,
      () => (this.isMuted ? 0 : this.isEchoing && isUpgraded ? 2 : 1),
      (piece) => this.rewritten(piece),
    );
    let isUpgraded = false;
    server.once("data", () => {
      isUpgraded = true; // what comes first is the answer to the upgrade
    });
  }

  /** A text frame to every WebSocket client, as if from the server. */
  inject(text: string): void {
    const payload = Buffer.from(text);
    if (payload.length > 125) throw new Error("Only short frames are made here.");
    for (const client of this.tunnels) client.write(Buffer.concat([Buffer.from([0x81, payload.length]), payload]));
  }

  private rewritten(piece: Buffer): Buffer {
    if (!this.rewrite) return piece;
    return Buffer.from(piece.toString("latin1").replaceAll(this.rewrite.from, this.rewrite.to), "latin1");
  }

  private pour(from: Socket, to: Socket, copies: () => number, change = (piece: Buffer) => piece): void {
    from.on("data", (given: Buffer) => {
      if (this.isBlackHole) return;
      const piece = change(given);
      const times = copies();
      setTimeout(() => {
        for (let copy = 0; copy < times && to.writable && !this.isBlackHole; copy++) to.write(piece);
      }, this.latency);
    });
    from.on("close", () => {
      if (!this.isBlackHole) to.destroy();
    });
  }

  async stop(): Promise<void> {
    await this.down();
  }
}

const JSON_TYPE = { "Content-Type": "application/json" };

function envelope({ status, code }: { status: number; code: string }): string {
  const error = { code, message: `This is ${code}`, statusCode: status, requestId: "from-the-proxy" };
  return JSON.stringify({ success: false, error, msg: error.message });
}

function collected(stream: NodeJS.ReadableStream): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = [];
    stream.on("data", (piece: Buffer) => pieces.push(piece));
    stream.on("end", () => resolve(Buffer.concat(pieces)));
    stream.on("error", reject);
    stream.on("close", () => reject(new Error("closed")));
  });
}
