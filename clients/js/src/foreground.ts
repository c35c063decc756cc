/** An app that goes to the background and comes back: what others see of it, and how long it keeps its socket. */
import type { Linked } from "./core.js";

/** What timers can wait; longer means for ever. */
const LONGEST_TIMER = 2 ** 31 - 1;

export class Foreground {
  private isInBackground = false;
  private timer: unknown;

  constructor(private readonly linked: Linked) {
    linked.connection.subscribe(() => {
      if (this.isInBackground && linked.connection.value.status === "live") this.announce("userOffline"); // connecting said the opposite
    });
  }

  /** Others see the user as away; the socket goes after a while, so that the server sends pushes instead. */
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

  /** Something is to be sent, from the background perhaps: the socket comes back for a while. */
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

  /** Where there is no socket, others see it by that. */
  private announce(event: "userOnline" | "userOffline"): void {
    this.linked.link.liveSocket?.request(event, {}).catch(() => {});
  }
}
