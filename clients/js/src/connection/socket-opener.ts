/** Opens sockets with the session's token, over the transports that are likely to come through. */
import type { Base } from "../core.js";
import type { Environment } from "../environment.js";
import { asChatError } from "../errors.js";
import { LiveSocket, type PushHandlers } from "./live-socket.js";
import { Transports } from "./transports.js";

export class SocketOpener {
  private readonly transports: Transports;

  constructor(
    private readonly environment: Pick<Environment, "url" | "transports">,
    private readonly base: Pick<Base, "clock" | "timing" | "session">,
    private readonly handlers: PushHandlers,
  ) {
    this.transports = new Transports(environment.transports);
  }

  /** Returns a connected socket. Throws ChatError. */
  async open(signal: AbortSignal): Promise<LiveSocket> {
    const { url } = this.environment;
    const { clock, timing, session } = this.base;
    const handlers: PushHandlers = {
      ...this.handlers,
      ready: (ready) => {
        this.transports.connected(ready.processes);
        this.handlers.ready?.(ready);
      },
    };
    const options = { url, transports: this.transports.next, clock, timing, handlers, signal };
    const token = await session.token();
    try {
      return await LiveSocket.open({ ...options, token });
    } catch (thrown) {
      const error = asChatError(thrown);
      if (error.code === "TOKEN_EXPIRED") return LiveSocket.open({ ...options, token: await session.renew(token) });
      this.transports.failed();
      throw error;
    }
  }
}
