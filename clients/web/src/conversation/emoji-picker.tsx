import { useObservable } from "@chatapp/client/react";
import { FaceSmileIcon } from "@heroicons/react/24/outline";
import * as Popover from "@radix-ui/react-popover";
import {
  type EmojiPickerListCategoryHeaderProps,
  type EmojiPickerListEmojiProps,
  type EmojiPickerListRowProps,
  EmojiPicker as Picker,
  type SkinTone,
} from "frimousse";
import { type ReactElement, useRef, useState } from "react";
import { isTouch } from "../lib/device";
import { useOverlay } from "../lib/overlays";
import { IconButton } from "../ui/button";
import type { EmojiButtonProps } from "./emoji-button";
import css from "./emoji-picker.module.css";
import { emojiHabits, keepSkinTone, wasChosen } from "./recent-emoji";

/** The address at which the build has put the names and groups of the emoji. */
declare const __EMOJI_DATA__: string;

const COLUMNS = 8;

interface Counted {
  "aria-rowindex"?: number;
  "aria-colindex"?: number;
}

/** ARIA counts rows and columns from 1. */
function fromOne<Props extends Counted>(props: Props): Props {
  const next = (index: number | undefined) => (index === undefined ? undefined : index + 1);
  return { ...props, "aria-rowindex": next(props["aria-rowindex"]), "aria-colindex": next(props["aria-colindex"]) };
}

const PARTS = {
  Row: (props: EmojiPickerListRowProps) => <div {...fromOne(props)} />,
  CategoryHeader: ({ category, ...props }: EmojiPickerListCategoryHeaderProps) => (
    <div {...props} className={css.category}>
      {category.label}
    </div>
  ),
  Emoji: ({ emoji, ...props }: EmojiPickerListEmojiProps) => (
    <button {...fromOne(props)} type="button" className={css.emoji} data-active={emoji.isActive}>
      {emoji.emoji}
    </button>
  ),
};

/** In the order of the list, and named as its headings are. */
const CATEGORIES = [
  ["😀", "Smileys & emotion"],
  ["👋", "People & body"],
  ["🐻", "Animals & nature"],
  ["🍎", "Food & drink"],
  ["🚗", "Travel & places"],
  ["⚽", "Activities"],
  ["💡", "Objects"],
  ["🔣", "Symbols"],
  ["🏁", "Flags"],
] as const;

/** Scrolls down until the heading is drawn, and to it: only what is in sight is there. */
function showCategory(viewport: HTMLElement | null, label: string): void {
  if (!viewport) return;
  viewport.scrollTop = 0;
  const step = () => {
    const headings = [...viewport.querySelectorAll<HTMLElement>("[frimousse-list] [frimousse-category-header]")];
    const category = headings.find((heading) => heading.textContent === label)?.parentElement;
    const isAtEnd = viewport.scrollTop + viewport.clientHeight >= viewport.scrollHeight - 1;
    if (category) viewport.scrollTop = category.offsetTop;
    else if (!isAtEnd) {
      viewport.scrollTop += viewport.clientHeight;
      requestAnimationFrame(() => requestAnimationFrame(step)); // it has drawn the new rows then
    }
  };
  requestAnimationFrame(step);
}

interface EmojiPickerProps extends EmojiButtonProps {
  /** The element that it opens beside. */
  trigger?: ReactElement;
}

export default function EmojiPicker({ onChosen, onClosed, trigger }: EmojiPickerProps) {
  const [isOpen, setOpen] = useState(true);
  const [query, setQuery] = useState("");
  const viewport = useRef<HTMLDivElement>(null);
  const { skinTone } = useObservable(emojiHabits);
  useOverlay(() => setOpen(false), isOpen);
  const choose = (emoji: string) => {
    wasChosen(emoji);
    onChosen(emoji);
    setOpen(false);
    setQuery("");
  };
  return (
    <Popover.Root open={isOpen} onOpenChange={setOpen}>
      <Popover.Trigger asChild>{trigger ?? <IconButton label="Emoji" icon={FaceSmileIcon} />}</Popover.Trigger>
      <Popover.Portal>
        <Popover.Content
          className={css.popover}
          side="top"
          align="start"
          sideOffset={8}
          collisionPadding={8}
          aria-label="Choose an emoji"
          onCloseAutoFocus={(event) => {
            event.preventDefault();
            onClosed();
          }}
        >
          <Picker.Root
            className={css.picker}
            columns={COLUMNS}
            emojibaseUrl={__EMOJI_DATA__}
            skinTone={skinTone as SkinTone}
            onEmojiSelect={({ emoji }) => choose(emoji)}
          >
            <div className={css.above}>
              <Picker.Search
                className={css.search}
                aria-label="Search emoji"
                placeholder="Search emoji"
                autoFocus={!isTouch()}
                value={query}
                onChange={(event) => setQuery(event.target.value)}
              />
              <SkinToneButton />
            </div>
            {!query && <Recent onChosen={choose} />}
            <Picker.Viewport className={css.viewport} ref={viewport}>
              <Picker.Loading className={css.note}>Loading…</Picker.Loading>
              <Picker.Empty className={css.note}>No emoji found.</Picker.Empty>
              <Picker.List className={css.list} components={PARTS} />
            </Picker.Viewport>
            {!query && (
              <div className={css.categories} role="toolbar" aria-label="Categories">
                {CATEGORIES.map(([emoji, label]) => (
                  <button
                    key={label}
                    type="button"
                    aria-label={label}
                    title={label}
                    onClick={() => showCategory(viewport.current, label)}
                  >
                    {emoji}
                  </button>
                ))}
              </div>
            )}
          </Picker.Root>
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  );
}

/** The hand shows the tone; each press takes the next. */
function SkinToneButton() {
  return (
    <Picker.SkinTone emoji="✋">
      {({ skinTone, setSkinTone, skinToneVariations }) => {
        const index = skinToneVariations.findIndex((variation) => variation.skinTone === skinTone);
        const next = skinToneVariations[(index + 1) % skinToneVariations.length];
        const label = `Skin tone: ${skinTone === "none" ? "yellow" : skinTone.replace("-", " ")}`;
        const change = () => {
          if (!next) return;
          setSkinTone(next.skinTone);
          keepSkinTone(next.skinTone);
        };
        return (
          <button type="button" className={css.tone} aria-label={label} title={label} onClick={change}>
            {skinToneVariations[index]?.emoji ?? "✋"}
          </button>
        );
      }}
    </Picker.SkinTone>
  );
}

function Recent({ onChosen }: { onChosen: (emoji: string) => void }) {
  const { recent } = useObservable(emojiHabits);
  if (recent.length === 0) return null;
  return (
    <section aria-label="Recent">
      <p className={css.category}>Recent</p>
      <div className={css.recent}>
        {recent.slice(0, COLUMNS).map((emoji) => (
          <button key={emoji} type="button" className={css.emoji} onClick={() => onChosen(emoji)}>
            {emoji}
          </button>
        ))}
      </div>
    </section>
  );
}
