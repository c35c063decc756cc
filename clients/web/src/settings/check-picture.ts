import type { Problems } from "../auth/form";

/** Pictures are where they are on the web; the server keeps their address only. */
export function checkPicture(address: string): Problems {
  const text = address.trim();
  return text === "" || /^https?:\/\/\S+$/i.test(text) ? {} : { avatar: "Enter an address that begins with https://" };
}
