import { type ClosedApp, startSetUpApp } from "../../test/accounts/closed-app.ts";
import { openReceiver } from "../../test/events/world.ts";
import { allTold, rulesCome, showHookUrl, webhooksCome } from "./administration.ts";
import { at, live, setTime, stopTime, today } from "./calendar.ts";
import { createClients } from "./clients.ts";
import { origin } from "./front.ts";
import { growthOf } from "./growth.ts";
import { anna, peopleCome } from "./people.ts";
import { pullsCome } from "./pulls.ts";
import { imagesCome } from "./pushes.ts";

/** The server finishes what it does beside requests. */
const workMs = 6_000;

/** A registry that a company has used for three months. Whoever calls removes it. */
export async function foundCompany(): Promise<ClosedApp> {
  setTime(at(88, "08:50"));
  const app = await startSetUpApp({
    env: {
      ...{ BERTH_URL: origin, BERTH_TRUSTED_PROXIES: "127.0.0.1" },
      BERTH_WEBHOOKS_ALLOW: "127.0.0.1",
    },
  });
  try {
    await liveUntilToday(app);
  } catch (error) {
    await app.remove();
    throw error;
  }
  return app;
}

async function liveUntilToday(app: ClosedApp): Promise<void> {
  const receiver = openReceiver();
  receiver.answer = () => new Response("rolled out", { status: 202 });
  const clients = createClients(app, anna);
  const happenings = [
    ...peopleCome(clients),
    ...rulesCome(clients),
    ...imagesCome(clients),
    ...pullsCome(clients),
    ...webhooksCome(clients, app, receiver),
  ];
  await live(happenings, () => allTold(app));
  setTime(at(0, "14:22"));
  // Months went by in a minute, which garbage collection takes for a clock that jumped.
  await clients.ask(anna, "POST", "/api/v1/gc/run", { accept: "clock" });
  await Bun.sleep(workMs);
  await receiver.stop();
  await showHookUrl(app);
  await growthOf(app, await clients.ask(anna, "GET", "/api/v1/usage"));
  stopTime(today);
  await app.rows("update nodes set name = 'registry-1', address = '10.20.2.10:5000'");
}
