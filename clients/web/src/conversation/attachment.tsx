import { PaperClipIcon } from "@heroicons/react/24/outline";
import { useState } from "react";
import css from "./attachment.module.css";

/** An upload at another address: a picture where the address looks like one and it loads, else a link. */
export function Attachment({ address }: { address: string }) {
  const [isPicture, setPicture] = useState(/\.(png|jpe?g|gif|webp|avif)(\?|#|$)/i.test(address));
  if (!/^https?:\/\//i.test(address)) return null;
  return (
    <a className={css.attachment} href={address} target="_blank" rel="noopener noreferrer">
      {isPicture ? (
        <img
          className={css.picture}
          src={address}
          alt="Attachment"
          loading="lazy"
          decoding="async"
          referrerPolicy="no-referrer"
          onError={() => setPicture(false)}
        />
      ) : (
        <span className={css.file}>
          <PaperClipIcon width={18} aria-hidden="true" />
          <span className={css.name}>{fileName(address)}</span>
        </span>
      )}
    </a>
  );
}

function fileName(address: string): string {
  try {
    const { hostname, pathname } = new URL(address);
    return decodeURIComponent(pathname.split("/").at(-1) ?? "") || hostname;
  } catch {
    return "Attachment";
  }
}
