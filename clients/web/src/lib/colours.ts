/** A colour for everybody: the same all the time, and nobody else's while there are enough. */
import { spread } from "./text";

/** So many hues can be told apart. */
const HUES = 12;
const slots = new Map<string, number>();
const used = new Set<number>();

/** The hue of a person or a group, in degrees. */
export function hueOf(id: string): number {
  let slot = slots.get(id);
  if (slot === undefined) {
    slot = spread(id, HUES);
    for (let step = 0; step < HUES && used.has(slot); step++) slot = (slot + 5) % HUES; // 5 reaches all of 12, far ones first
    used.add(slot);
    slots.set(id, slot);
  }
  return (slot * 360) / HUES;
}
