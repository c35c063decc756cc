/** Names as they may be shown: they take any character, and must not change how anything beside them reads. */

/** Overrides, embeddings, isolates and marks of direction; what has no width, but for joiners within emoji and words. */
const CONTROLS = /[\u202A-\u202E\u2066-\u2069\u200E\u200F\u061C\u200B\u2060\uFEFF\p{Cc}]/gu;
/** More marks on one letter than any script needs: they would run over the lines around. */
const PILES = /(\p{M}{4})\p{M}+/gu;

/** The name without what would reorder or overrun its surroundings. */
export function tidy(name: string): string {
  return name.replace(CONTROLS, "").replace(PILES, "$1");
}

const RIGHT_TO_LEFT = /[\u0590-\u08FF\uFB1D-\uFDFF\uFE70-\uFEFC\u{10800}-\u{10FFF}\u{1E800}-\u{1EFFF}]/u;

/** The name within a sentence: one from right to left keeps its direction to itself. For elements there is `Name`. */
export function isolated(name: string): string {
  const text = tidy(name);
  return RIGHT_TO_LEFT.test(text) ? `\u2068${text}\u2069` : text;
}
