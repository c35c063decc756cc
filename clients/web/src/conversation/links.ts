/** The links in a text. What finds them is loaded when there is a text that may have one. */
import { useObservable } from "@chatapp/client/react";
import { useEffect, useMemo } from "react";
import { createStore } from "../lib/store";

export interface Piece {
  readonly text: string;
  /** The link's address; undefined for plain text. */
  readonly href?: string;
}

const MAY_HAVE_LINKS = /[^\s.]\.[^\s.]|@|:\/\//;
const ALLOWED = /^(https?:\/\/|mailto:)/i;
/** Begins as only addresses do. */
const EXPLICIT = /^(https?:\/\/|mailto:|www\.)/i;
/** Endings that are hardly ever a file's, or a word's after a forgotten space: README.md and "home.it rains" are no links. */
const ENDINGS =
  /^[^/?#]+\.(com|org|net|edu|gov|int|io|dev|app|info|eu|de|fr|uk|nl|es|ch|se|dk|fi|ie|pt|cz|gr|hu|pl|ro|sk|ua|ru|tr|il|ca|mx|br|ar|cl|au|nz|jp|cn|kr|tw|hk|sg|za|ke|ng|eg|co|tv)(:\d+)?([/?#]|$)/i;
/** Characters that end a sentence or a quotation rather than an address. */
const TRAILING = /["'”’»›“‘«‹„…」』、。！？，；：,.;:!?*_~]+$/u;
/** Characters that make an address look like another. */
const OVERRIDES = /[\u202A-\u202E\u2066-\u2069\u200E\u200F\u061C\u200B-\u200D\u2060\uFEFF]/u;

const finder = createStore<typeof import("linkifyjs").tokenize | null>(null);
let _loading: Promise<void> | undefined;

function load(): void {
  _loading ??= import("linkifyjs").then(
    ({ tokenize }) => finder.set(tokenize),
    () => {
      _loading = undefined; // offline, perhaps: the next text asks again
    },
  );
}

/** Return the length of the address: it ends before an override, a closing quote, the end of the sentence. */
function lengthOf(text: string): number {
  const override = text.search(OVERRIDES);
  const clean = override === -1 ? text : text.slice(0, override);
  return clean.replace(TRAILING, "").length;
}

function hrefOf(text: string, isMail: boolean): string | undefined {
  if (isMail) return text.includes("@") ? `mailto:${text.replace(/^mailto:/i, "")}` : undefined;
  if (!EXPLICIT.test(text) && !ENDINGS.test(text)) return undefined;
  return ALLOWED.test(text) ? text : `https://${text}`;
}

/** The text in pieces, links and addresses on their own. */
export function usePieces(text: string): readonly Piece[] {
  const find = useObservable(finder);
  const mayHaveLinks = useMemo(() => MAY_HAVE_LINKS.test(text), [text]);
  useEffect(() => {
    if (mayHaveLinks && !find) load();
  }, [mayHaveLinks, find]);
  return useMemo(() => {
    if (!mayHaveLinks || !find) return [{ text }];
    return find(text).flatMap((token) => {
      const whole = token.toString();
      if (!token.isLink) return [{ text: whole }];
      const address = whole.slice(0, lengthOf(whole));
      const href = hrefOf(address, token.t === "email");
      if (!href) return [{ text: whole }];
      const rest = whole.slice(address.length);
      return rest ? [{ text: address, href }, { text: rest }] : [{ text: address, href }];
    });
  }, [text, mayHaveLinks, find]);
}
