/** Notices that the whole process was suspended: a socket that looks alive may be dead then. */
import type { Clock, Timing } from "../options.js";

const TICKS_A_SLEEP = 4;

export class SleepWatch {
  private timer: unknown;

  constructor(
    private readonly parts: { readonly clock: Clock; readonly timing: Timing },
    private readonly onWake: () => void,
  ) {}

  /** Calls `onWake` whenever the clock has jumped by more than `timing.sleep`. */
  start(): void {
    const { clock, timing } = this.parts;
    const every = timing.sleep / TICKS_A_SLEEP;
    let before = clock.now();
    const tick = () => {
      const now = clock.now();
      if (now - before > timing.sleep) this.onWake();
      before = now;
      this.timer = clock.setTimeout(tick, every);
    };
    this.timer = clock.setTimeout(tick, every);
  }

  stop(): void {
    this.parts.clock.clearTimeout(this.timer);
  }
}
