/** Failures of the storage, of which only the first of several in a row is reported. */
import { type ChatError, storageFailed } from "../errors.js";

export class StorageFailures {
  private isFailing = false;

  constructor(private readonly onFailure: (error: ChatError) => void) {}

  /** A step (`read`, `write`, `erase`) has failed. */
  failed(step: string, thrown: unknown): void {
    if (this.isFailing) return;
    this.isFailing = true;
    const effect = "What is on the screen may be lost when the app ends.";
    this.onFailure(storageFailed(`The device's storage failed (${step})`, thrown, effect));
  }

  /** A batch was written: the next failure is a new one. */
  worked(): void {
    this.isFailing = false;
  }
}
