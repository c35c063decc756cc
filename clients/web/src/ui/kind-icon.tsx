import type { ContentKind } from "@chatapp/client";
import { DocumentIcon, MicrophoneIcon, PhotoIcon, VideoCameraIcon } from "@heroicons/react/24/outline";

const ICONS = { image: PhotoIcon, video: VideoCameraIcon, voice: MicrophoneIcon, document: DocumentIcon };

/** A picture for the kind of a message; none for text. */
export default function KindIcon({ kind }: { kind: ContentKind }) {
  const Icon = kind === "text" ? undefined : ICONS[kind];
  return Icon && <Icon width={16} aria-hidden="true" />;
}
