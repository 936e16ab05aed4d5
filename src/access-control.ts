import type { Access } from "./access/authorize.ts";
import { createAccess } from "./access/create-access.ts";
import type { Management } from "./access/endpoint.ts";
import { openAccess } from "./access/open-access.ts";
import { createRateLimits } from "./access/rate-limits.ts";
import { createTokenService } from "./access/token-service.ts";
import { createDirectories, directoryChore } from "./accounts/directories.ts";
import { setUpUnattended } from "./accounts/setup.ts";
import type { Api, ApiGate } from "./api/router.ts";
import { createTokenEndpoint, keysResponse } from "./api/token-endpoint.ts";
import { type Audit, createAudit, isChainOf, resealAuditChain } from "./audit/audit.ts";
import { type Authenticator, createAuthenticator } from "./auth/authenticator.ts";
import { removeExpiredCredentials } from "./auth/expired-credentials.ts";
import { tellOfExpiringRobots } from "./auth/expiring-robots.ts";
import { KeyFileError, loadKeys } from "./auth/key-file.ts";
import { anonymous } from "./auth/principal.ts";
import { createRefreshTokens } from "./auth/refresh-token.ts";
import { createTokenIssuer, type TokenIssuer } from "./auth/registry-token.ts";
import { finishRotation } from "./auth/rotate-keys.ts";
import { createSecretBox, keysOf, type SecretBox } from "./auth/secret-box.ts";
import { createWorkloads, type Workloads } from "./auth/workloads.ts";
import type { Database, Tx } from "./db/database.ts";
import type { Handler } from "./door.ts";
import type { Chore } from "./jobs/chore.ts";
import { isAnyNodeLive } from "./jobs/heartbeat.ts";
import type { Clock } from "./lib/clock.ts";
import { cookieName, readCookie } from "./pages/cookies.ts";
import type { Config } from "./platform/config.ts";
import type { OwnChore } from "./platform/housekeeping.ts";
import { createPublicOrigin } from "./platform/http/public-origin.ts";
import type { Log } from "./platform/log.ts";

const minuteMs = 60 * 1000;

export interface AccessControl {
  /** Everybody may do everything: there are no accounts to manage, but for the operator's commands. */
  readonly isOpen: boolean;
  readonly access: Access;
  readonly audit: Audit;
  readonly secrets: SecretBox;
  readonly authenticator: Authenticator;
  readonly tokens: TokenIssuer;
  readonly workloads: Workloads;
  readonly gate: ApiGate;
  readonly chores: readonly Chore[];
  readonly ownChores: readonly OwnChore[];
}

/** Who somebody is, what they may do, and the record of what they did. */
export async function openAccessControl(deps: {
  config: Config;
  db: Database;
  clock: Clock;
  log: Log;
  isChild: boolean;
  isReadOnly: () => boolean;
}): Promise<AccessControl> {
  const { config, db, clock, log, isReadOnly } = deps;
  const fromSetting = config.secretKeys.length > 0;
  const secrets = createSecretBox(loadKeys({ setting: config.secretKeys, folder: config.data }));
  const rotation = {
    db,
    box: secrets,
    folder: fromSetting ? null : config.data,
    async rederive(tx: Tx, earlier: readonly SecretBox[], current: SecretBox) {
      await resealAuditChain(tx, current, earlier);
    },
  };
  // The parent of several processes did, before it started them.
  if (!deps.isChild) {
    await assertNobodyHasEarlierKey(db, clock, secrets);
    await finishRotation(rotation);
  }
  const audit = createAudit({ clock, secrets });
  const tokens = createTokenIssuer({ db, clock, secrets, issuer: () => config.url });
  const workloads = createWorkloads({ db, clock, isReadOnly });
  const joining = { db, clock, log, audit, secrets, access: { changed: () => access.changed() } };
  const directories = createDirectories(joining);
  const authenticator = createAuthenticator({
    ...{ db, clock, log, audit, tokens, workloads, directories, isReadOnly },
  });
  const limits = createRateLimits({ db, clock });
  const isOpen = config.open !== "";
  const { projectCreation } = config;
  const rights = isOpen ? openAccess : createAccess({ db, clock, projectCreation });
  const access: Access = {
    decide: rights.decide,
    changed() {
      rights.changed();
      authenticator.changed();
      limits.changed();
    },
  };
  const gate: ApiGate = {
    identify: isOpen ? () => anonymous : authenticator.identify,
    identifySession(context) {
      const cookie = readCookie(context.request, cookieName("berth", context.scheme));
      return cookie === null ? null : authenticator.identifySession(cookie, context.from);
    },
    publicOrigin: createPublicOrigin(config),
    limit: limits.take,
    pullsLeft: (principal, address) => limits.look("pulls", principal, address),
  };
  // Each process must know the keys; of two that make the next one at once, the database takes one.
  const ownChores: OwnChore[] = [
    { name: "renew the keys of tokens", everyMs: 60 * minuteMs, run: () => tokens.rotateIfDue() },
  ];
  const chores: Chore[] = [
    {
      name: "tell of robots that expire",
      everyMs: 60 * minuteMs,
      deletes: false,
      async run(work) {
        await tellOfExpiringRobots({ db: work.db, clock, audit });
      },
    },
    {
      name: "remove credentials that expired",
      everyMs: 60 * minuteMs,
      deletes: true,
      async run(work) {
        await removeExpiredCredentials({ db: work.db, clock });
      },
    },
    directoryChore(joining),
  ];
  return {
    ...{ isOpen, access, audit, secrets, authenticator, tokens, workloads },
    ...{ gate, chores, ownChores },
  };
}

/** Others would go on with the key that is about to be replaced, and write what nobody else takes for true. */
async function assertNobodyHasEarlierKey(
  db: Database,
  clock: Clock,
  secrets: SecretBox,
): Promise<void> {
  if (db.facts.oneServer) return;
  const [, ...earlier] = keysOf(secrets);
  for (const one of earlier) {
    const isReplaced = await isChainOf(db.reads, createSecretBox([one]));
    if (!isReplaced || !(await isAnyNodeLive(db, clock))) continue;
    throw new KeyFileError(
      "Nodes that run have the secret key that is to be replaced: stop all of them first",
    );
  }
}

/** What must be there before the first request. */
export async function prepareAccounts(
  control: AccessControl,
  management: Management,
  isChild: boolean,
): Promise<void> {
  if (control.isOpen) return;
  await control.tokens.rotateIfDue();
  if (!isChild) await setUpUnattended(management);
}

/** `/api/`, the token service, and the keys with which others check its tokens. */
export function openManagement(control: AccessControl, management: Management, api: Api): Handler {
  const { db, clock, log, access, audit, config } = management;
  const { tokens, gate, authenticator } = control;
  const refresh = createRefreshTokens({ db, clock, audit, changed: access.changed });
  const service = createTokenService({
    db,
    access,
    identify: gate.identify,
    async admit(principal, address) {
      await gate.limit("requests", principal, address);
    },
    issue: tokens.issue,
    refresh,
    exchange: authenticator.exchange,
    service: () => (config.url === null ? null : new URL(config.url).host),
  });
  const answerToken = createTokenEndpoint({ service, log });
  return (context) => {
    if (context.path === "/token") return answerToken(context);
    if (context.path === "/.well-known/jwks.json") {
      return keysResponse(context.request.method, tokens.jwks());
    }
    return api.serve(context);
  };
}
