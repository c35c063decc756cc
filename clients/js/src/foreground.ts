/** An app that goes to the background and comes back: what others see of it, and how long it keeps its socket. */
import type { Linked } from "./core.js";

/** What timers can wait; longer means for ever. */
const LONGEST_TIMER = 2 ** 31 - 1;

export class Foreground {
  private isAway = false;
  private timer: unknown;

  constructor(private readonly linked: Linked) {
    linked.connection.subscribe(() => {
      if (this.isAway && linked.connection.value.status === "live") this.tell("userOffline"); // connecting said the opposite
    });
  }

  /** Others see the user as away; the socket goes after a while, so that the server sends pushes instead. */
  leave(): void {
    if (this.isAway) return;
    this.isAway = true;
    this.tell("userOffline");
    this.letGoLater();
  }

  back(): void {
    this.stop();
    if (!this.isAway) return;
    this.isAway = false;
    this.tell("userOnline");
    this.linked.link.resume();
  }

  /** Something is to be sent, from the background perhaps: the socket comes back for a while. */
  used(): void {
    if (!this.isAway) return;
    this.linked.link.resume();
    this.letGoLater();
  }

  stop(): void {
    this.linked.clock.clearTimeout(this.timer);
  }

  private letGoLater(): void {
    const { clock, timing, link } = this.linked;
    clock.clearTimeout(this.timer);
    if (timing.backgroundGrace > LONGEST_TIMER) return;
    this.timer = clock.setTimeout(() => link.pause(), timing.backgroundGrace);
  }

  /** Where there is no socket, others see it by that. */
  private tell(event: "userOnline" | "userOffline"): void {
    this.linked.link.liveSocket?.request(event, {}).catch(() => {});
  }
}
