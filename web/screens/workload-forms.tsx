import type { getIssuers, getTrusts } from "../../client/operations.ts";
import {
  patchIssuersOfIssuer,
  postIssuers,
  postIssuersTest,
  postTrusts,
} from "../../client/operations.ts";
import { FormDialog } from "../parts/dialog.tsx";
import { Area, Check, Field, fieldOf, Select, wordsOf } from "../parts/field.tsx";
import { Notice } from "../parts/notice.tsx";
import { toast } from "../parts/toast.tsx";
import { Try } from "../parts/try.tsx";
import { changed } from "../state/resource.ts";
import { saveChanges } from "../state/submit.ts";
import { adminText } from "../text/admin.ts";
import { text } from "../text/text.ts";

export type Issuer = Awaited<ReturnType<typeof getIssuers>>["items"][number];
export type Trust = Awaited<ReturnType<typeof getTrusts>>["items"][number];

export function MakeIssuer({ onClose }: { onClose: () => void }) {
  return (
    <FormDialog
      title={adminText.workloads.makeIssuer}
      lead={adminText.workloads.makeIssuerLead}
      action="make-issuer"
      submit={adminText.workloads.makeIssuer}
      onClose={onClose}
      onSubmit={async (fields) => {
        const name = fieldOf(fields, "name");
        await postIssuers({ name, url: fieldOf(fields, "url"), ...issuerOf(fields) });
        onClose();
        toast(adminText.workloads.isMade(name));
        await changed("issuers");
      }}
    >
      <Field label={adminText.workloads.name} name="name" required isCode placeholder="github" />
      <Field
        label={adminText.workloads.url}
        name="url"
        type="url"
        required
        isCode
        placeholder="https://token.actions.githubusercontent.com"
        hint={adminText.workloads.urlHint}
      />
      <IssuerFields url={null} />
    </FormDialog>
  );
}

/** The issuer is as it was when the dialog opened: what others save meanwhile is not written over. */
export function EditIssuer({ issuer, onClose }: { issuer: Issuer; onClose: () => void }) {
  return (
    <FormDialog
      title={adminText.workloads.editIssuerTitle(issuer.name)}
      lead={issuer.url}
      action="save-issuer"
      submit={text.save}
      onClose={onClose}
      onSubmit={async (fields) => {
        await saveChanges(
          issuer,
          issuerOf(fields),
          (changes, options) => patchIssuersOfIssuer({ issuer: issuer.name, ...changes }, options),
          ["issuers"],
        );
        onClose();
        toast(text.saved);
      }}
    >
      <IssuerFields url={issuer.url} issuer={issuer} />
    </FormDialog>
  );
}

function IssuerFields({ url, issuer }: { url: string | null; issuer?: Issuer }) {
  return (
    <>
      <Field
        label={adminText.workloads.audiences}
        name="audiences"
        required
        isCode
        defaultValue={issuer?.audiences.join(" ") ?? location.origin}
        hint={adminText.workloads.audiencesHint}
      />
      <Check
        label={adminText.workloads.innerLabel}
        name="inner"
        isChecked={issuer?.inner ?? false}
      />
      <Area
        label={adminText.workloads.jwks}
        name="jwks"
        rows={3}
        defaultValue={issuer?.jwks == null ? "" : JSON.stringify(issuer.jwks)}
        hint={adminText.workloads.jwksHint}
      />
      <Field
        label={text.description}
        name="description"
        autoComplete="off"
        maxLength={1000}
        defaultValue={issuer?.description ?? ""}
      />
      <Try
        label={adminText.workloads.testIssuer}
        action="test-issuer"
        ask={async (fields) => {
          const { jwks, inner } = issuerOf(fields);
          const asked = { url: url ?? fieldOf(fields, "url"), jwks, inner };
          const { ok, problem, keys } = await postIssuersTest(asked);
          return ok ? (
            <Notice
              kind="ok"
              what={adminText.workloads.keys(keys.length)}
              more={keys
                .map(({ kid, alg, kty }) => `${kid ?? text.none} (${alg ?? kty})`)
                .join(", ")}
            />
          ) : (
            <Notice kind="bad" what={adminText.workloads.noKeys} more={problem} />
          );
        }}
      />
    </>
  );
}

function issuerOf(fields: FormData) {
  const keys = fieldOf(fields, "jwks");
  return {
    audiences: wordsOf(fieldOf(fields, "audiences")),
    inner: fields.has("inner"),
    jwks: keys === "" ? null : keysOf(keys),
    description: fieldOf(fields, "description"),
  };
}

function keysOf(json: string): Issuer["jwks"] {
  try {
    return JSON.parse(json);
  } catch {
    throw new Error(adminText.workloads.noJson);
  }
}

export function MakeTrust({
  issuers,
  onClose,
}: {
  issuers: readonly Issuer[];
  onClose: () => void;
}) {
  return (
    <FormDialog
      title={adminText.workloads.makeTrust}
      lead={adminText.workloads.makeTrustLead}
      action="make-trust"
      submit={adminText.workloads.makeTrust}
      onClose={onClose}
      onSubmit={async (fields) => {
        const robot = fieldOf(fields, "robot");
        await postTrusts({
          issuer: fieldOf(fields, "issuer"),
          robot,
          claims: claimsOf(fieldOf(fields, "claims")),
          description: fieldOf(fields, "description"),
        });
        onClose();
        toast(adminText.workloads.trustIsMade(robot));
        await changed("trusts");
      }}
    >
      <Select
        label={adminText.workloads.of}
        name="issuer"
        value={issuers[0]?.name ?? ""}
        choices={issuers.map(({ name }) => ({ value: name, label: name }))}
      />
      <Area
        label={adminText.workloads.claims}
        name="claims"
        required
        rows={3}
        placeholder={"repository=acme/app\nref=refs/heads/*"}
        hint={adminText.workloads.claimsHint}
      />
      <Field
        label={adminText.workloads.robot}
        name="robot"
        required
        isCode
        placeholder="robot.payments.ci"
        hint={adminText.workloads.robotHint}
      />
      <Field label={text.description} name="description" autoComplete="off" maxLength={1000} />
    </FormDialog>
  );
}

function claimsOf(lines: string): Record<string, string> {
  const claims = lines.split("\n").filter((line) => line.trim() !== "");
  return Object.fromEntries(
    claims.map((line) => {
      const [, name = "", value = ""] = /^\s*([^=]+?)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
      if (name === "") throw new Error(adminText.workloads.noClaim(line.trim()));
      return [name, value];
    }),
  );
}
