import { FaceSmileIcon } from "@heroicons/react/24/outline";
import { lazy, Suspense, useState } from "react";
import { IconButton } from "../ui/button";

export interface EmojiButtonProps {
  onChosen: (emoji: string) => void;
  onClosed: () => void;
}

const load = () => import("./emoji-picker");
const EmojiPicker = lazy(load);

/** The picker is loaded when somebody first means to use it. */
export function EmojiButton(props: EmojiButtonProps) {
  const [isWanted, setWanted] = useState(false);
  const button = (
    <IconButton
      label="Emoji"
      icon={FaceSmileIcon}
      aria-haspopup="dialog"
      aria-expanded={false}
      onPointerEnter={() => void load()}
      onClick={() => setWanted(true)}
    />
  );
  if (!isWanted) return button;
  return (
    <Suspense fallback={button}>
      <EmojiPicker {...props} />
    </Suspense>
  );
}
