/** The links in a text. What finds them is loaded when there is a text that may have one. */
import { useObservable } from "@chatapp/client/react";
import { useEffect, useMemo } from "react";
import { createStore } from "../lib/store";

export interface Piece {
  readonly text: string;
  /** Where it leads; undefined for plain text. */
  readonly href?: string;
}

const MAY_HAVE_LINKS = /[^\s.]\.[^\s.]|@|:\/\//;
const ALLOWED = /^(https?:\/\/|mailto:)/i;

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

/** The text in pieces, links and addresses on their own. */
export function usePieces(text: string): readonly Piece[] {
  const find = useObservable(finder);
  const mayHaveLinks = useMemo(() => MAY_HAVE_LINKS.test(text), [text]);
  useEffect(() => {
    if (mayHaveLinks && !find) load();
  }, [mayHaveLinks, find]);
  return useMemo(() => {
    if (!mayHaveLinks || !find) return [{ text }];
    return find(text).map((token) => {
      const href = token.isLink ? token.toHref("https") : "";
      return ALLOWED.test(href) ? { text: token.toString(), href } : { text: token.toString() };
    });
  }, [text, mayHaveLinks, find]);
}
