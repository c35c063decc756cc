/** Unsent texts: shown at once, stored and shared with other tabs when the typing pauses. */
import type { Core } from "./core.js";
import { ChatError } from "./errors.js";
import { Source } from "./observable.js";
import { isHidden } from "./platform.js";
import { byteLength, key, type SharedDraftRecord } from "./records.js";
import type { Draft } from "./types/messages.js";

/** The largest draft that is stored, in bytes. */
const LARGEST = 256 * 1024;
/** For so long (in milliseconds) after the last key, a change in another tab does not replace the text typed here. */
const HELD = 60_000;

export class ConversationDraft implements Draft {
  private readonly source: Source<string>;
  readonly subscribe: Draft["subscribe"];
  readonly getSnapshot: Draft["getSnapshot"];
  private readonly name: string;
  /** Typed in this tab. */
  private typed: string | undefined;
  private typedAt = 0;
  /** The stored text when it was last compared. */
  private lastStored = "";
  private timer: unknown;
  private isReported = false;

  constructor(
    private readonly core: Core,
    private readonly conversationId: string,
  ) {
    this.name = key.draft(conversationId);
    this.source = new Source(() => this.typed ?? this.stored);
    this.subscribe = this.source.subscribe;
    this.getSnapshot = this.source.getSnapshot;
    this.lastStored = this.stored;
    core.store.events.on("record", (changed) => changed === this.name && this.storedChanged());
    core.store.events.on("reset", () => this.forget());
  }

  private get stored(): string {
    return this.core.store.get<string>(this.name) ?? "";
  }

  set(text: string): void {
    if (text === this.getSnapshot()) return;
    if (text === "") {
      this.clear();
      return;
    }
    this.typed = text;
    this.typedAt = this.core.clock.now();
    this.source.changed();
    this.saveSoon();
  }

  /** The text was sent, or deleted. A different text that is being typed in another tab stays. */
  clear(): void {
    const { typed = this.stored, stored } = this;
    this.forget();
    if (stored === "") return;
    if (typed.startsWith(stored) || !isStorable(typed)) this.core.store.delete(this.name);
    else void this.clearAs(typed);
  }

  /** Stores the text before deleting it, so that other tabs learn which text is gone. */
  private async clearAs(text: string): Promise<void> {
    this.typed = "";
    this.put(text);
    await this.core.store.flush();
    if (this.typed === "") this.typed = undefined;
    if (this.stored === text) this.core.store.delete(this.name);
  }

  /** Stores the text now if it waits to be stored. */
  save(): void {
    if (this.timer === undefined) return;
    this.stopTimer();
    if (this.typed === undefined || this.typed === this.stored) return;
    const fits = isStorable(this.typed);
    if (fits) this.put(this.typed);
    else if (!this.isReported) this.core.report(tooLarge());
    this.isReported = !fits;
  }

  private saveSoon(): void {
    const { clock, timing } = this.core;
    clock.clearTimeout(this.timer);
    this.timer = clock.setTimeout(() => this.save(), timing.draftPause);
    if (isHidden()) this.save();
  }

  private put(text: string): void {
    this.lastStored = text;
    this.core.store.put(this.name, text);
  }

  private storedChanged(): void {
    const { typed, lastStored, stored } = this;
    if (stored === lastStored) return;
    this.lastStored = stored;
    if (typed === undefined || typed === stored) this.source.changed();
    else if (stored !== "") this.overwritten(typed === lastStored && this.isShared(stored));
    else if (typed === lastStored)
      this.forget(); // the same text was sent in the other tab
    else this.saveSoon(); // a different text was sent there: this one is still a draft
  }

  /** `isNext`: another device went on with the text that is here. */
  private overwritten(isNext: boolean): void {
    const isHeld = this.core.clock.now() - this.typedAt < HELD && !isNext;
    if (this.timer === undefined && !isHeld) this.forget();
  }

  /** Whether the text came from the server, so from another device. */
  private isShared(text: string): boolean {
    return this.core.store.get<SharedDraftRecord>(key.sharedDraft(this.conversationId))?.told === text;
  }

  private forget(): void {
    this.stopTimer();
    this.typed = undefined;
    this.isReported = false;
    this.lastStored = this.stored;
    this.source.changed();
  }

  private stopTimer(): void {
    this.core.clock.clearTimeout(this.timer);
    this.timer = undefined;
  }
}

function isStorable(text: string): boolean {
  return byteLength(text) <= LARGEST;
}

function tooLarge(): ChatError {
  const message = "This draft is larger than 256 KB: it is on the screen, but not kept when the app ends.";
  return new ChatError({ code: "TOO_LARGE", message });
}
