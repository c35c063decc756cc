/** Kinds of messages, by the ending of the attachment's path: the server's rule, for messages that are not sent yet too. */
import type { ContentKind } from "./types/messages.js";

const KINDS: readonly (readonly [ContentKind, RegExp])[] = [
  ["image", /\.(avif|bmp|gif|heic|heif|jpe?g|png|svg|webp)$/i],
  ["video", /\.(3gp|avi|m4v|mkv|mov|mp4|mpe?g|webm)$/i],
  ["voice", /\.(aac|amr|caf|flac|m4a|mp3|oga|ogg|opus|wav)$/i],
];

export function contentKind(attachment: string | null): ContentKind {
  if (!attachment) return "text";
  const path = attachment.replace(/[?#].*$/s, "").replace(/^[a-z]+:\/\/[^/]*/i, "");
  return KINDS.find(([, ending]) => ending.test(path))?.[0] ?? "document";
}
