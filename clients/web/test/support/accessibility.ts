import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Page } from "playwright-core";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

interface Violation {
  id: string;
  impact: string | null;
  help: string;
  nodes: { target: string[]; failureSummary: string }[];
}

/**
 * Return what axe finds wrong with the page as it is, in words; minor faults included, by all of its rules or some. That everything lies in a landmark is
 * not asked for: an open menu does not.
 */
export async function faults(page: Page, rules?: readonly string[]): Promise<string[]> {
  await page.evaluate(axe);
  const violations: Violation[] = await page.evaluate(async (only) => {
    // @ts-expect-error axe has put itself there
    const found = await window.axe.run(document, {
      resultTypes: ["violations"],
      ...(only && { runOnly: only }),
      rules: { region: { enabled: false } },
    });
    return found.violations;
  }, rules);
  return violations.flatMap(({ id, impact, nodes }) =>
    nodes.map((node) => `${impact} ${id}: ${node.target.join(" ")}: ${node.failureSummary.replace(/\s+/g, " ")}`),
  );
}
