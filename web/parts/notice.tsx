import type { ReactNode } from "react";
import { ApiError } from "../../client/operation.ts";
import { reasonOf } from "../state/resource.ts";
import { text } from "../text/text.ts";
import { sentence } from "./format.ts";
import { Mark, type MarkName } from "./icon.tsx";

const markOf = {
  bad: "failed",
  warn: "attention",
  ok: "done",
  info: "live",
  plain: "stopped",
} as const;

export function Notice({
  kind,
  what,
  more,
  children,
}: {
  kind: keyof typeof markOf;
  /** One sentence: what happened. */
  what: ReactNode;
  /** The way out, or what goes with it. */
  more?: ReactNode;
  /** A button at the end. */
  children?: ReactNode;
}) {
  const mark: MarkName = markOf[kind];
  return (
    <div
      className={kind === "plain" ? "note" : `note ${kind}`}
      role={kind === "bad" ? "alert" : "status"}
    >
      <Mark name={mark} />
      <div className="grow">
        <p>
          <b>{what}</b>
        </p>
        {more !== undefined && <div className="q2">{more}</div>}
      </div>
      {children}
    </div>
  );
}

/**
 * Where something would be that could not be read or done: what failed, and what to do. What the console itself
 * found says both in its one sentence.
 */
export function Trouble({ error, onRetry }: { error: Error; onRetry?: () => void }) {
  const answer = error instanceof ApiError ? error : null;
  const isCutOff = answer?.status === 0;
  const wayOut = answer === null ? null : wayOutOf(answer);
  return (
    <Notice
      kind={isCutOff ? "plain" : answer?.status === 403 && wayOut !== null ? "warn" : "bad"}
      what={sentence(reasonOf(error))}
      more={
        answer === null || wayOut === null ? undefined : (
          <>
            {wayOut}
            {answer.requestId !== null && answer.status >= 500 && (
              <span className="q3"> · {text.requestId(answer.requestId)}</span>
            )}
          </>
        )
      }
    >
      {onRetry !== undefined && (
        <button type="button" className="btn s" data-action="try-again" onClick={onRetry}>
          {text.tryNow}
        </button>
      )}
    </Notice>
  );
}

/** Null where there is none: nobody else knows a password, and what a layer holds never changes. */
function wayOutOf({ status, path }: ApiError): string | null {
  if (status === 0) return text.triesAgain;
  if (status === 404 && path.includes("/layers/")) return null;
  if (status !== 403) return text.wayOut(status);
  if (/\{(project|repository)\}|^\/api\/v1\/trash/.test(path)) return text.askOwner;
  return path.startsWith("/api/v1/account") ? null : text.askAdministrator;
}
