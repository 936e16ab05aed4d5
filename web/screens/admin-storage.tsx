import { useState } from "react";
import { getGc, getUsage, getVerify, postGcRun } from "../../client/operations.ts";
import { FormDialog } from "../parts/dialog.tsx";
import { sizeOf, sizeText } from "../parts/format.ts";
import { Mark } from "../parts/icon.tsx";
import { Notice, Trouble } from "../parts/notice.tsx";
import { Facts, Section } from "../parts/place.tsx";
import { When, WhenOrNever } from "../parts/signs.tsx";
import { toast } from "../parts/toast.tsx";
import { changed, useResource } from "../state/resource.ts";
import { adminText } from "../text/admin.ts";
import { text } from "../text/text.ts";
import { AdminPlace } from "./admin-place.tsx";
import { Growth } from "./growth.tsx";

export function Storage() {
  const usage = useResource("usage", () => getUsage({}));
  const gc = useResource("gc", () => getGc({}));
  const verify = useResource("verify", () => getVerify({}));
  const [isAsked, setAsked] = useState(false);
  const used = usage.value;
  const work = gc.value;
  return (
    <>
      <AdminPlace
        tab="storage"
        end={
          <button
            type="button"
            className="btn go"
            data-action="reclaim"
            onClick={() => setAsked(true)}
          >
            {adminText.storage.reclaim}
          </button>
        }
      />
      {usage.error !== null && <Trouble error={usage.error} onRetry={usage.reload} />}
      {used !== undefined && (
        <>
          <dl className="figs ruled">
            <Figure
              name={adminText.storage.stored}
              bytes={used.stored_bytes}
              of={adminText.storage.storedOf}
            />
            <Figure
              name={adminText.storage.logical}
              bytes={used.logical_bytes}
              of={adminText.storage.logicalOf}
            />
            <Figure
              name={adminText.storage.saved}
              bytes={Math.max(0, used.logical_bytes - used.stored_bytes)}
              of={adminText.storage.savedOf(used.logical_bytes, used.stored_bytes)}
            />
            <Figure
              name={text.storage.trash}
              bytes={used.trash_bytes}
              of={used.trash_until === null ? adminText.storage.nothing : adminText.storage.trashOf}
              isHatched
            />
            <Figure
              name={text.storage.reclaimable}
              bytes={used.reclaimable_bytes}
              of={adminText.storage.reclaimableOf}
            />
          </dl>
          <div className="stor">
            <div
              className="bar"
              role="img"
              aria-label={text.storage.bar(sizeText(used.stored_bytes))}
            >
              <span style={{ flexGrow: used.unique_bytes }} />
              <span className="two" style={{ flexGrow: used.shared_bytes }} />
              <span className="hat" style={{ flexGrow: used.trash_bytes }} />
            </div>
            <p className="legend">
              <span>
                <span className="sw" />
                {adminText.storage.unique} {sizeText(used.unique_bytes)}
              </span>
              <span>
                <span className="sw two" />
                {adminText.storage.shared} {sizeText(used.shared_bytes)}
              </span>
              <span>
                <span className="sw hat" />
                {text.storage.trash} {sizeText(used.trash_bytes)}
              </span>
            </p>
          </div>
          <Growth now={used} />
        </>
      )}
      {work?.stopped != null && (
        <div className="apart">
          <Notice kind="warn" what={adminText.storage.stopped} more={work.stopped} />
        </div>
      )}
      {work !== undefined && (
        <div className="cols two">
          <Section title={adminText.storage.reclaiming}>
            <Facts
              rows={[
                [
                  adminText.storage.lastRun,
                  <span key="run">
                    <WhenOrNever time={work.last_cycle_at} />
                    {work.last_outcome !== null && (
                      <span className="q3">, {work.last_outcome}</span>
                    )}
                  </span>,
                ],
                [
                  adminText.storage.condemned,
                  <span key="condemned">
                    {adminText.storage.blobs(work.condemned.blobs, sizeText(work.condemned.bytes))}
                    {work.condemned.first_may_go_at !== null && (
                      <span className="q3">
                        , {adminText.storage.firstGoes}{" "}
                        <When time={work.condemned.first_may_go_at} />
                      </span>
                    )}
                  </span>,
                ],
                [
                  adminText.storage.toRemove,
                  adminText.storage.blobs(work.to_remove.blobs, sizeText(work.to_remove.bytes)),
                ],
                [
                  adminText.storage.failing,
                  work.to_remove.failing === 0 ? (
                    text.none
                  ) : (
                    <span key="failing" className="t-bad">
                      <Mark name="failed" /> {text.number(work.to_remove.failing)}
                    </span>
                  ),
                ],
                [
                  adminText.storage.removed,
                  adminText.storage.blobs(work.removed.blobs, sizeText(work.removed.bytes)),
                ],
              ]}
            />
          </Section>
          {verify.value !== undefined && (
            <Section title={adminText.storage.verify}>
              <Facts
                rows={[
                  [adminText.storage.state, adminText.storage.states[verify.value.state]],
                  [
                    adminText.storage.read,
                    adminText.storage.readOf(
                      sizeText(verify.value.bytes),
                      sizeText(verify.value.of_bytes),
                    ),
                  ],
                  [
                    adminText.storage.lastWhole,
                    <WhenOrNever key="w" time={verify.value.finished_at} />,
                  ],
                  [
                    adminText.storage.findings,
                    verify.value.findings === 0 ? (
                      <span key="ok" className="t-ok">
                        <Mark name="done" /> {text.none}
                      </span>
                    ) : (
                      <span key="bad" className="t-bad">
                        <Mark name="failed" /> {text.number(verify.value.findings)}{" "}
                        {verify.value.last_finding}
                      </span>
                    ),
                  ],
                ]}
              />
            </Section>
          )}
        </div>
      )}
      {isAsked && (
        <FormDialog
          title={adminText.storage.reclaimTitle}
          lead={adminText.storage.reclaimLead}
          action="confirm-reclaim"
          submit={adminText.storage.reclaim}
          onClose={() => setAsked(false)}
          onSubmit={async () => {
            const { message } = await postGcRun({});
            setAsked(false);
            toast(message.replace(/^./, (first) => first.toUpperCase()));
            await changed("gc", "usage");
          }}
        />
      )}
    </>
  );
}

function Figure({
  name,
  bytes,
  of,
  isHatched = false,
}: {
  name: string;
  bytes: number;
  of: string;
  isHatched?: boolean;
}) {
  const { amount, unit } = sizeOf(bytes);
  return (
    <div className="fig">
      <dt>
        {isHatched && <span className="sw hat" />}
        {name}
      </dt>
      <dd title={text.bytes(bytes)}>
        {amount}
        <small>{unit}</small>
      </dd>
      <dd className="n">{of}</dd>
    </div>
  );
}
