/** Presence and connection of an app that goes to the background and comes back. */
import type { Linked } from "./core.js";

/** The longest wait of a timer; a longer grace period never ends. */
const LONGEST_TIMER = 2 ** 31 - 1;

export class Foreground {
  private isInBackground = false;
  private timer: unknown;

  constructor(private readonly linked: Linked) {
    linked.connection.subscribe(() => {
      const isLive = linked.connection.value.status === "live";
      if (this.isInBackground && isLive) this.announce("userOffline"); // connecting has set the user online
    });
  }

  /** Shows the user as offline at once, and closes the socket later, so that the server sends pushes instead. */
  enterBackground(): void {
    if (this.isInBackground) return;
    this.isInBackground = true;
    this.announce("userOffline");
    this.pauseLater();
  }

  enterForeground(): void {
    this.stop();
    if (!this.isInBackground) return;
    this.isInBackground = false;
    this.announce("userOnline");
    this.linked.link.resume();
  }

  /** Something is to be sent: in the background, brings the socket back for a while. */
  keepAwake(): void {
    if (!this.isInBackground) return;
    this.linked.link.resume();
    this.pauseLater();
  }

  stop(): void {
    this.linked.clock.clearTimeout(this.timer);
  }

  private pauseLater(): void {
    const { clock, timing, link } = this.linked;
    clock.clearTimeout(this.timer);
    if (timing.backgroundGrace > LONGEST_TIMER) return;
    this.timer = clock.setTimeout(() => link.pause(), timing.backgroundGrace);
  }

  /** Without a socket there is nothing to do: the server counts the user as offline. */
  private announce(event: "userOnline" | "userOffline"): void {
    this.linked.link.liveSocket?.request(event, {}).catch(() => {});
  }
}
