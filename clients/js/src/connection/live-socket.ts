/** One socket, from its connection to its end. `Link` decides when to connect again. */
import { io, type Socket } from "socket.io-client";
import { within } from "../clock.js";
import { asChatError, ChatError, fromAnswer } from "../errors.js";
import type { Clock, Timing } from "../options.js";
import type { Pushed, Ready, Requests } from "../wire.js";
import type { Transport } from "./transports.js";

/** `ready` is the first event. */
export type PushHandlers = { readonly [Event in keyof Pushed]?: (payload: Pushed[Event]) => void };

export interface SocketOptions {
  readonly url: string;
  readonly token: string;
  /** In the order in which they are tried. */
  readonly transports: readonly Transport[];
  readonly clock: Clock;
  readonly timing: Timing;
  readonly handlers: PushHandlers;
  readonly signal: AbortSignal;
}

interface Refusal extends Error {
  data?: { code: string; message: string; statusCode: number; requestId: string };
}

export class LiveSocket {
  /** Resolves with the reason when the socket is closed, by whomever. */
  readonly closed: Promise<string>;
  private readonly pending = new Set<(error: ChatError) => void>();
  private resolveClosed: (reason: string) => void = () => {};

  private constructor(
    private readonly socket: Socket,
    private readonly options: SocketOptions,
  ) {
    this.closed = new Promise((resolve) => {
      this.resolveClosed = resolve;
    });
    socket.on("disconnect", (reason) => this.ended(reason));
    options.signal.addEventListener("abort", () => this.close("stopped"), { once: true });
  }

  /** Connects and waits for `ready`. Throws ChatError: the server's refusal, NETWORK_ERROR or TIMEOUT. */
  static async open(options: SocketOptions): Promise<LiveSocket> {
    const socket = io(options.url, {
      auth: { token: options.token },
      transports: [...options.transports],
      tryAllTransports: true,
      timeout: options.timing.connectTimeout,
      reconnection: false,
      forceNew: true,
      autoConnect: false,
    });
    const live = new LiveSocket(socket, options);
    try {
      const ready = live.whenReady();
      socket.connect();
      await within(options.clock, options.timing.connectTimeout, "Connecting the socket", ready);
      return live;
    } catch (thrown) {
      live.close("not connected");
      throw asChatError(thrown);
    }
  }

  private whenReady(): Promise<Ready> {
    return new Promise((resolve, reject) => {
      this.socket.on("connect_error", (error: Refusal) => reject(refusal(error)));
      this.closed.then((reason) => reject(new ChatError({ code: "NETWORK_ERROR", message: closedMessage(reason) })));
      for (const [event, handler] of Object.entries(this.options.handlers)) {
        if (event === "ready") continue;
        this.socket.on(event, (payload: { success?: boolean }) => {
          if (payload?.success !== false) (handler as (payload: unknown) => void)(payload); // failures arrive as acks
        });
      }
      this.socket.on("ready", (ready: Ready) => {
        this.options.handlers.ready?.(ready);
        resolve(ready);
      });
    });
  }

  get isConnected(): boolean {
    return this.socket.connected;
  }

  /** The ack of an event. Throws ChatError: the server's failure, TIMEOUT, or NETWORK_ERROR when the socket closes. */
  request<Event extends keyof Requests>(
    event: Event,
    payload: Requests[Event]["payload"],
    timeout: number = this.options.timing.ackTimeout,
  ): Promise<Requests[Event]["ack"]> {
    const answer = new Promise<Requests[Event]["ack"]>((resolve, reject) => {
      if (!this.socket.connected)
        return reject(new ChatError({ code: "NETWORK_ERROR", message: closedMessage("closed") }));
      this.pending.add(reject);
      this.socket.emit(event, payload, (ack: { success?: boolean } | undefined) => {
        this.pending.delete(reject);
        if (ack?.success === true) resolve(ack as Requests[Event]["ack"]);
        else reject(fromAnswer(ack, 0));
      });
    });
    return within(this.options.clock, timeout, `The answer to ${event}`, answer);
  }

  close(reason: string): void {
    this.ended(reason);
    this.socket.disconnect();
  }

  private ended(reason: string): void {
    this.resolveClosed(reason);
    const error = new ChatError({ code: "NETWORK_ERROR", message: closedMessage(reason) });
    for (const reject of this.pending) reject(error);
    this.pending.clear();
    this.socket.removeAllListeners();
  }
}

function closedMessage(reason: string): string {
  return `The connection was closed (${reason}).`;
}

function refusal(error: Refusal): ChatError {
  if (error.data?.code) return new ChatError({ ...error.data, cause: error });
  return new ChatError({
    code: "NETWORK_ERROR",
    message: `The socket can't be connected (${error.message}).`,
    cause: error,
  });
}
