/** Text: big emoji, lengths, names. Never HTML. */
import { tidy } from "./names";

/** Pairs of letters, keycaps, flags of parts of a country (a black flag with tags), and everything else, joined or not. */
const EMOJI =
  /^(?:\p{RI}\p{RI}|[0-9#*]\uFE0F?\u20E3|\p{Emoji}[\u{E0020}-\u{E007E}]+\u{E007F}|\p{Emoji}(?:\p{EMod}|\uFE0F)?(?:\u200D\p{Emoji}(?:\p{EMod}|\uFE0F)?)*|\s)+$/u;
const PICTURE = /[\p{Extended_Pictographic}\p{RI}]|\u20E3/u;
const graphemes = new Intl.Segmenter(undefined, { granularity: "grapheme" });

/** Return the number of emoji that the text consists of; 0 when there is anything else in it, or more than three. */
export function emojiCount(text: string): number {
  if (text.length > 60 || !EMOJI.test(text)) return 0;
  let count = 0;
  for (const { segment } of graphemes.segment(text)) {
    if (segment.trim() === "") continue;
    if (!PICTURE.test(segment)) return 0; // digits are Emoji too
    count++;
  }
  return count <= 3 ? count : 0;
}

const LONG_CHARACTERS = 1200;
const LONG_LINES = 24;

/** The beginning of a long text, cut at a word where there is one; undefined when it is short enough. */
export function beginning(text: string): string | undefined {
  const lines = text.split("\n");
  const fewer = lines.length > LONG_LINES ? lines.slice(0, LONG_LINES).join("\n") : text;
  if (fewer.length <= LONG_CHARACTERS + 200) return fewer.length < text.length ? fewer : undefined;
  const cut = fewer.slice(0, LONG_CHARACTERS);
  const space = cut.search(/\s\S*$/);
  return whole(space > LONG_CHARACTERS / 2 ? cut.slice(0, space) : cut);
}

/** Without half a surrogate pair at its end. */
function whole(text: string): string {
  return /[\uD800-\uDBFF]$/.test(text) ? text.slice(0, -1) : text;
}

const LETTER = /\p{L}/u;
const RIGHT_TO_LEFT =
  /[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}\p{Script=Adlam}]/u;

/** Return whether `dir="auto"` sets the text from right to left, by its first letter. (For CSS: not all browsers know `:dir`.) */
export function isRightToLeft(text: string): boolean {
  return RIGHT_TO_LEFT.test(LETTER.exec(text)?.[0] ?? "");
}

/** One or two letters for an avatar. */
export function initials(name: string): string {
  const words = tidy(name).trim().split(/\s+/).filter(Boolean);
  const first = (word: string | undefined) => (word ? ([...graphemes.segment(word)][0]?.segment ?? "") : "");
  const letters = words.length > 1 ? first(words[0]) + first(words.at(-1)) : first(words[0]);
  return letters.toLocaleUpperCase() || "?";
}

/** The same number for the same text, from 0 to `below - 1`. */
export function spread(text: string, below: number): number {
  let sum = 0;
  for (let index = 0; index < text.length; index++) sum = (sum * 31 + text.charCodeAt(index)) >>> 0;
  return sum % below;
}

/** As the server counts: characters, not UTF-16 units. */
export function characters(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}

/** The first so many characters, none of them cut in half. */
export function firstCharacters(text: string, count: number): string {
  const cut = text.slice(0, count * 2); // none takes more than two units
  return characters(cut) <= count ? cut : [...cut].slice(0, count).join("");
}

/** For searching: without case, accents and surrounding space. */
export function folded(text: string): string {
  return text.normalize("NFKD").replace(/\p{M}/gu, "").toLocaleLowerCase().trim();
}

/** Asha, Asha and Ben, Asha, Ben and 3 others */
export function listed(names: readonly string[], most = 2): string {
  if (names.length <= 1) return names[0] ?? "";
  if (names.length <= most) return `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
  const others = names.length - most;
  return `${names.slice(0, most).join(", ")} and ${others} ${others === 1 ? "other" : "others"}`;
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}
