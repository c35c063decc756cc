/** Short notices at the edge of the screen: `notify("Copied.")`. The part that draws them is loaded with the first. */
import { sentence, toChatError } from "../lib/errors";
import { createStore } from "../lib/store";

export interface Notice {
  readonly id: number;
  readonly text: string;
  readonly kind: "info" | "error";
  readonly action?: { readonly label: string; readonly run: () => void };
}

export const notices = createStore<readonly Notice[]>([]);
const MOST = 3;
let count = 0;

function add(notice: Omit<Notice, "id">): void {
  count++;
  const others = notices.getSnapshot().filter((row) => row.text !== notice.text);
  notices.set([...others, { id: count, ...notice }].slice(-MOST));
}

export function notify(text: string, action?: Notice["action"]): void {
  add({ text, kind: "info", action });
}

/** For what was thrown. */
notify.failed = (thrown: unknown): void => add({ text: sentence(toChatError(thrown)), kind: "error" });

export function dismiss(id: number): void {
  notices.set(notices.getSnapshot().filter((row) => row.id !== id));
}
