/**
 * Several tabs, one connection.
 *
 * Exactly one tab leads: it holds a Web Lock for as long as it lives, and has the connection. The others hear of
 * everything over a BroadcastChannel. Where the platform has neither (React Native, Node), the only instance leads.
 */
import type { TabPlatform } from "./types.js";

export interface TabListener<Post> {
  /** This tab leads from now on. */
  lead(): void;
  hear(post: Post): void;
}

/** What this platform has for sharing; undefined where something is missing. */
export function tabPlatform(): TabPlatform | undefined {
  if (typeof navigator === "undefined" || !navigator.locks || typeof BroadcastChannel === "undefined") return undefined;
  return { locks: navigator.locks, openChannel: (name) => new BroadcastChannel(name) };
}

export class Tabs<Post> {
  isLeader = false;
  private channel: BroadcastChannel | undefined;
  private readonly ending = new AbortController();
  private release: () => void = () => {};

  constructor(
    private readonly name: string,
    private readonly platform: TabPlatform | undefined,
  ) {}

  start(listener: TabListener<Post>): void {
    if (!this.platform) {
      this.isLeader = true;
      listener.lead();
      return;
    }
    this.channel = this.platform.openChannel(this.name);
    this.channel.onmessage = (event: MessageEvent<Post>) => listener.hear(event.data);
    const held = this.platform.locks.request(`${this.name}:lead`, { signal: this.ending.signal }, () => {
      if (this.ending.signal.aborted) return undefined;
      this.isLeader = true;
      listener.lead();
      return new Promise<void>((resolve) => {
        this.release = resolve;
      });
    });
    held.catch(() => {}); // rejected when this tab ends while it waits
  }

  /** Tells all other tabs. */
  post(post: Post): void {
    this.channel?.postMessage(post);
  }

  /** Runs `work` in one tab at a time. */
  async alone<T>(what: string, work: () => Promise<T>): Promise<T> {
    if (!this.platform) return work();
    return (await this.platform.locks.request(`${this.name}:${what}`, work)) as T;
  }

  stop(): void {
    this.ending.abort();
    this.release();
    this.isLeader = false;
    this.channel?.close();
    this.channel = undefined;
  }
}
