import { FaceSmileIcon } from "@heroicons/react/24/outline";
import * as Popover from "@radix-ui/react-popover";
import {
  type EmojiPickerListCategoryHeaderProps,
  type EmojiPickerListEmojiProps,
  type EmojiPickerListRowProps,
  EmojiPicker as Picker,
} from "frimousse";
import { useState } from "react";
import { isTouch } from "../lib/device";
import { IconButton } from "../ui/button";
import type { EmojiButtonProps } from "./emoji-button";
import css from "./emoji-picker.module.css";

/** Where the build has put the names and groups of the emoji. */
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

export default function EmojiPicker({ onChosen, onClosed }: EmojiButtonProps) {
  const [isOpen, setOpen] = useState(true);
  return (
    <Popover.Root open={isOpen} onOpenChange={setOpen}>
      <Popover.Trigger asChild>
        <IconButton label="Emoji" icon={FaceSmileIcon} />
      </Popover.Trigger>
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
            onEmojiSelect={({ emoji }) => {
              onChosen(emoji);
              setOpen(false);
            }}
          >
            <Picker.Search
              className={css.search}
              aria-label="Search emoji"
              placeholder="Search emoji"
              autoFocus={!isTouch()}
            />
            <Picker.Viewport className={css.viewport}>
              <Picker.Loading className={css.note}>Loading…</Picker.Loading>
              <Picker.Empty className={css.note}>No emoji found.</Picker.Empty>
              <Picker.List className={css.list} components={PARTS} />
            </Picker.Viewport>
          </Picker.Root>
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  );
}
