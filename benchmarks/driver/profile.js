// One figure's load on one server for as long as somebody looks at it.
import { spawn } from "node:child_process";

import { sleep } from "./tools.js";

const WINDOW_SECONDS = 2;
const DEFAULT_HOLD_SECONDS = 60;

export async function profile(run, { profile: command, hold = DEFAULT_HOLD_SECONDS }) {
  const [subject] = run.subjects;
  const [scenario] = run.plan.scenarios;
  const [figure] = scenario.figures;
  await run.registerAll();
  await run.startAll();
  await run.prepare(scenario, subject);
  await figure.measure(subject, WINDOW_SECONDS, run);
  const pid = subject.process.busiestPid;
  console.log(`load: ${figure.key} on ${subject.name}, process ${pid}`);
  const watching = { ended: false };
  const watched = (command ? watch(command, pid) : sleep(hold * 1000)).finally(() => (watching.ended = true));
  while (!watching.ended) report(await figure.measure(subject, WINDOW_SECONDS, run));
  await watched;
}

function watch(command, pid) {
  const child = spawn("/bin/sh", ["-c", `${command} ${pid}`], { stdio: "inherit" });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => {
      if (code === 0) resolve();
      else reject(new Error(`"${command}" ended with ${code}`));
    });
  });
}

function report({ cpuMicroseconds, perSecond, p50, p99 }) {
  const [cpu, rate, middle, high] = [cpuMicroseconds, perSecond, p50, p99].map((value) => value.toFixed(1));
  console.log(`${cpu} µs of CPU, ${rate} per second, p50 ${middle} ms, p99 ${high} ms`);
}
