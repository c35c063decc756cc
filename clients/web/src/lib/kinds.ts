import type { ContentKind } from "@chatapp/client";

/** The names of the kinds, for messages without text. */
export const KIND_NAMES: Record<ContentKind, string> = {
  text: "Message",
  image: "Picture",
  video: "Video",
  voice: "Voice message",
  document: "Document",
};
