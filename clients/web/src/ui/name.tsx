import { tidy } from "../lib/names";

/** A name of a person or a group: whatever is in it, what stands beside it reads as it should. */
export function Name({ of }: { of: string }) {
  return <bdi>{tidy(of)}</bdi>;
}
