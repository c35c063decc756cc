import { type CSSProperties, useState } from "react";
import { hueOf } from "../lib/colours";
import { initials } from "../lib/text";
import css from "./avatar.module.css";

interface AvatarProps {
  /** Decides the colour. */
  id: string;
  name: string;
  src: string | null;
  size?: number;
  /** Draws the dot of somebody who is online. */
  online?: boolean;
}

/** A picture, or initials where there is none or it does not load. The name stands beside it: it is decoration. */
export function Avatar({ id, name, src, size = 48, online = false }: AvatarProps) {
  const [failed, setFailed] = useState<string | null>(null);
  const isPicture = src !== null && /^https?:\/\//i.test(src) && failed !== src;
  return (
    <span className={css.avatar} style={{ width: size, height: size, fontSize: size * 0.4 }} aria-hidden="true">
      {isPicture ? (
        <img
          className={css.picture}
          src={src}
          alt=""
          width={size}
          height={size}
          loading="lazy"
          decoding="async"
          referrerPolicy="no-referrer"
          onError={() => setFailed(src)}
        />
      ) : (
        <span className={css.initials} style={{ "--hue": hueOf(id) } as CSSProperties}>
          {initials(name)}
        </span>
      )}
      {online && <span className={css.online} />}
    </span>
  );
}
