/** A browser with several tabs. */
import { type Chat, type ChatOptions, type ChatStorage, memoryStorage, type TabPlatform } from "../../src/index.js";
import { openChat } from "./chats.js";

interface Held {
  /** Resolves when everybody who has asked so far is through. */
  readonly over: Promise<void>;
  /** Takes the lock away from who holds it. */
  readonly rob: () => void;
}

/** One browser: storage, locks and channels that its tabs share. */
export class Browser {
  readonly storage: ChatStorage = { ...memoryStorage(), shared: true };
  private readonly held = new Map<string, Held>();
  private readonly name = Math.random().toString(36);

  open(options: Partial<ChatOptions> = {}): Chat {
    return openChat({ storage: this.storage, tabs: this.platform, ...options });
  }

  private readonly platform: TabPlatform = {
    locks: { request: (...call: unknown[]) => this.request(...(call as [string])) } as never,
    openChannel: (name) => new BroadcastChannel(`${this.name}:${name}`),
  };

  /** Whether the tabs on `freezable` hear nothing of the others. */
  isFrozen = false;
  readonly freezable: TabPlatform = {
    locks: this.platform.locks,
    openChannel: (name) => this.freezing(this.platform.openChannel(name)),
  };

  private freezing(channel: BroadcastChannel): BroadcastChannel {
    const browser = this;
    return {
      close: () => channel.close(),
      postMessage: (message: unknown) => this.isFrozen || channel.postMessage(message),
      set onmessage(listener: (event: MessageEvent) => void) {
        channel.onmessage = (event) => browser.isFrozen || listener(event as MessageEvent);
      },
    } as unknown as BroadcastChannel;
  }

  /** `navigator.locks.request`: exclusive, first come first served, abortable while it waits, or taken by force. */
  private request(name: string, ...rest: unknown[]): Promise<unknown> {
    const work = rest.at(-1) as () => Promise<unknown>;
    const { signal, steal } = (rest.length > 1 ? rest[0] : {}) as { signal?: AbortSignal; steal?: boolean };
    const before = this.held.get(name);
    if (steal) before?.rob();
    const mine = new Promise<unknown>((resolve, reject) => {
      const stop = () => reject(signal?.reason);
      signal?.addEventListener("abort", stop, { once: true });
      const start = () => {
        signal?.removeEventListener("abort", stop);
        if (!signal?.aborted) resolve(work());
      };
      void (steal ? Promise.resolve() : (before?.over ?? Promise.resolve())).then(() => {
        this.held.set(name, { ...(this.held.get(name) as Held), rob: () => reject(new Error("stolen")) });
        start();
      });
    });
    const over = mine.catch(() => {}).then(() => {});
    this.held.set(name, { over, rob: () => {} });
    return mine;
  }
}
