/** The view of a conversation: where it stands. */
import type { Person } from "./browser";

/** For so many frames nothing may move: rows that come into sight are measured, and put right. */
const STILL = 10;

/** Return the pixels below those in sight. */
export function distanceFromEnd({ page }: Person): Promise<number> {
  return page.evaluate(() => {
    const { scrollHeight, scrollTop, clientHeight } = document.querySelector("[data-timeline]") as HTMLElement;
    return scrollHeight - scrollTop - clientHeight;
  });
}

/** Return the topmost message in sight and where it is, once nothing moves any more. */
export function restingPlace({ page }: Person): Promise<string> {
  return page.evaluate(async (still) => {
    const place = () => {
      const box = (document.querySelector("[data-timeline]") as HTMLElement).getBoundingClientRect();
      const rows = [...document.querySelectorAll<HTMLElement>("[data-timeline] li[data-kind=message]")];
      const first = rows.find((row) => row.getBoundingClientRect().bottom > box.top);
      return `${first?.textContent} ${Math.round(first?.getBoundingClientRect().top ?? 0)}`;
    };
    let before = place();
    for (let frames = 0; frames < still; frames++) {
      await new Promise((done) => requestAnimationFrame(done));
      const now = place();
      if (now !== before) frames = 0;
      before = now;
    }
    return before;
  }, STILL);
}

/** Gives the window another size, and waits until the page has it. */
export async function resize({ page }: Person, size: { width: number; height: number }): Promise<void> {
  await page.setViewportSize(size);
  await page.waitForFunction(({ width, height }) => innerWidth === width && innerHeight === height, size);
}
