/** The two pictures in the README: written to test/output, small enough to be kept. */
import { statSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type Look, Person } from "./support/browser";
import { furnished } from "./support/screens";
import { SCREENSHOTS } from "./support/setup";

const LARGEST = 80_000;
const world = furnished();

async function portray(person: Person, name: string): Promise<void> {
  const path = join(SCREENSHOTS, `readme-${name}.png`);
  await person.page.screenshot({ path });
  expect(statSync(path).size).toBeLessThan(LARGEST);
}

test("a group at a desktop and on a phone, while somebody types", async () => {
  const enter = async (email: string, look: Look) => {
    const person = await Person.enter(world.browser, world.server.url, email, look);
    await person.openConversation(/Weekend hike/);
    return person;
  };
  const mira = await enter("mira@test.com", { size: { width: 820, height: 520 } });
  const asha = await enter("asha@test.com", { size: { width: 360, height: 640 }, theme: "dark" });
  await mira.reached("Perfect", "Read by 1 of 2 others");
  await asha.composer.pressSequentially("See you");
  await mira.page.getByText("Asha is typing").first().waitFor();
  await portray(mira, "desktop");
  await portray(asha, "phone");
  await Promise.all([mira.close(), asha.close()]);
});
