/**
 * Several tabs, one connection.
 *
 * Exactly one tab leads: it holds a Web Lock while it lives, and has the connection. The others receive everything over
 * a BroadcastChannel. On platforms with neither (React Native, Node), the only instance leads.
 *
 * Phones freeze tabs in the background, and a frozen tab keeps its lock. A tab that becomes visible therefore asks the
 * leading one for a sign of life, and takes the lead if none comes.
 */
import type { Clock, TabPlatform, Timing } from "./options.js";

export interface TabListener<Post> {
  /** This tab leads from now on. */
  lead(): void;
  /** Another tab has taken the lead. */
  follow(): void;
  receive(post: Post): void;
}

type Envelope<Post> = { readonly post: Post } | { readonly sign: "asked" | "given" };

/** This platform's means of sharing; undefined if any is missing. */
export function tabPlatform(): TabPlatform | undefined {
  if (typeof navigator === "undefined" || !navigator.locks || typeof BroadcastChannel === "undefined") return undefined;
  return { locks: navigator.locks, openChannel: (name) => new BroadcastChannel(name) };
}

export class Tabs<Post> {
  isLeader = false;
  private channel: BroadcastChannel | undefined;
  private listener: TabListener<Post> | undefined;
  private readonly ending = new AbortController();
  private release: () => void = () => {};
  private challenge: unknown;

  constructor(
    private readonly name: string,
    private readonly platform: TabPlatform | undefined,
    private readonly clock: Clock,
    private readonly timing: Timing,
  ) {}

  get hasLocks(): boolean {
    return this.platform !== undefined;
  }

  /** `isAlone` if this tab does not share its storage with the others after all. */
  start(listener: TabListener<Post>, isAlone: boolean): void {
    this.listener = listener;
    if (!this.platform || isAlone) {
      this.lead();
      return;
    }
    try {
      this.channel = this.platform.openChannel(this.name);
      this.channel.onmessage = (event: MessageEvent<Envelope<Post>>) => this.receive(event.data);
      this.requestLock({ signal: this.ending.signal });
    } catch {
      this.lead(); // a sandboxed frame has these functions, but refuses to run them
    }
  }

  private lead(): void {
    this.isLeader = true;
    this.listener?.lead();
  }

  /** Waits for the lock, or steals it. */
  private requestLock(how: { signal: AbortSignal } | { steal: true }): void {
    const held = this.platform?.locks.request(`${this.name}:lead`, how, () => {
      if (this.ending.signal.aborted || this.isLeader) return undefined;
      this.lead();
      return new Promise<void>((resolve) => {
        this.release = resolve;
      });
    });
    held?.catch((error) => this.lockLost(error));
  }

  /** The lock was stolen, this tab closed while waiting for it, or the browser refused it. */
  private lockLost(error: unknown): void {
    if (this.ending.signal.aborted) return;
    if (!this.isLeader) {
      if ((error as Error | undefined)?.name === "SecurityError") this.lead();
      return;
    }
    this.isLeader = false;
    this.listener?.follow();
    this.requestLock({ signal: this.ending.signal });
  }

  /** Takes the lead unless the leading tab answers in time. Called when this tab becomes visible. */
  challengeLeader(): void {
    if (this.isLeader || !this.channel || this.challenge !== undefined) return;
    this.send({ sign: "asked" });
    this.challenge = this.clock.setTimeout(() => {
      this.challenge = undefined;
      if (!this.isLeader && !this.ending.signal.aborted) this.requestLock({ steal: true });
    }, this.timing.leaderSilence);
  }

  private receive(envelope: Envelope<Post>): void {
    if ("post" in envelope) this.listener?.receive(envelope.post);
    else if (envelope.sign === "given") {
      this.clock.clearTimeout(this.challenge);
      this.challenge = undefined;
    } else if (this.isLeader) this.send({ sign: "given" });
  }

  /** Posts to all other tabs. */
  post(post: Post): void {
    this.send({ post });
  }

  private send(envelope: Envelope<Post>): void {
    this.channel?.postMessage(envelope);
  }

  /** Runs `work` in one tab at a time. A frozen tab that blocks the others for too long loses its turn. */
  async exclusively<T>(what: string, work: () => Promise<T>): Promise<T> {
    if (!this.platform) return work();
    const { locks } = this.platform;
    const name = `${this.name}:${what}`;
    const patience = new AbortController();
    const timer = this.clock.setTimeout(() => patience.abort(), this.timing.refreshTimeout);
    let turn: Promise<T> | undefined;
    const begin = () => {
      this.clock.clearTimeout(timer);
      turn = work();
      return turn;
    };
    try {
      return (await locks.request(name, { signal: patience.signal }, begin)) as T;
    } catch {
      if (turn) return await turn; // its own result or error, even if its lock was stolen meanwhile
      if (!patience.signal.aborted) return await work(); // this browser refuses locks
      return (await locks.request(name, { steal: true }, work)) as T;
    } finally {
      this.clock.clearTimeout(timer);
    }
  }

  stop(): void {
    this.ending.abort();
    this.release();
    this.isLeader = false;
    this.clock.clearTimeout(this.challenge);
    this.channel?.close();
    this.channel = undefined;
  }
}
