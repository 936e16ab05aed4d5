import { type Bench, berthOf, record } from "../bench.ts";
import { getSample, recordSamples, sampleInTurns, shareOf } from "../samples.ts";
import { withVariants } from "../variants.ts";
import { pushedManifests, pushSample } from "./small-pushes.ts";

const imagesPerTurn = 200;
/** The images of the turn that warmed up. */
const manifests = pushedManifests(imagesPerTurn, "t0");

/** SQLite and files, served by one process and by two that share the folder. */
export async function severalProcesses(bench: Bench): Promise<void> {
  const berth = berthOf(bench);
  const processes = (count: number) => ({
    settings: { BERTH_SERVER_PROCESSES: String(count) },
  });
  const options = { one: processes(1), two: processes(2) };
  await withVariants(bench, berth, "processes", options, async ({ one, two }) => {
    const pushes = await sampleInTurns(
      {
        one: (turn) => pushSample(one, imagesPerTurn, `t${turn}`),
        two: (turn) => pushSample(two, imagesPerTurn, `t${turn}`),
      },
      bench.seconds,
    );
    recordSamples(bench, "processes_1_push", berth, pushes.one);
    recordSamples(bench, "processes_2_push", berth, pushes.two);
    record(bench, "processes_push_share", berth, shareOf(pushes.two, pushes.one));
    const gets = await sampleInTurns(
      { one: () => getSample([one], manifests), two: () => getSample([two], manifests) },
      2 * bench.seconds,
    );
    recordSamples(bench, "processes_1_get", berth, gets.one);
    recordSamples(bench, "processes_2_get", berth, gets.two);
    record(bench, "processes_get_share", berth, shareOf(gets.two, gets.one));
  });
}
