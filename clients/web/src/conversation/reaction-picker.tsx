/** All emoji, at the place of a message's menu. */
import EmojiPicker from "./emoji-picker";
import css from "./message-menu.module.css";

interface ReactionPickerProps {
  x: number;
  y: number;
  onChosen: (emoji: string) => void;
  onClosed: () => void;
}

export default function ReactionPicker({ x, y, onChosen, onClosed }: ReactionPickerProps) {
  const anchor = (
    <button type="button" className={css.anchor} style={{ left: x, top: y }} tabIndex={-1} aria-label="Reaction" />
  );
  return <EmojiPicker onChosen={onChosen} onClosed={onClosed} trigger={anchor} />;
}
