import { openAccess } from "../../src/access/open-access.ts";
import { createAudit } from "../../src/audit/audit.ts";
import { anonymous } from "../../src/auth/principal.ts";
import { createSecretBox } from "../../src/auth/secret-box.ts";
import type { Clock } from "../../src/lib/clock.ts";
import type { Caller } from "../../src/registry/caller.ts";
import type { Gate } from "../../src/registry/gate.ts";

/** Whoever asks in open mode. */
export const openCaller: Caller = {
  principal: anonymous,
  projectId: undefined,
  actor: { id: null, name: "(anonymous)", credentialId: null, address: "192.0.2.1" },
  mayPull: async () => true,
  async assertTokenReaches() {},
  mayPullGone: async () => true,
  mayList: async () => true,
  async assertMayWriteTag() {},
};

/** Lets everybody in, and counts nothing. */
export const openGate: Gate = {
  identify: () => anonymous,
  publicOrigin: () => null,
  limit: () => null,
  pullsLeft: () => null,
};

/** What a registry needs beside its storage, where everybody may do everything. */
export function openRules(clock: Clock) {
  return {
    access: openAccess,
    audit: createAudit({ clock, secrets: createSecretBox([Buffer.alloc(32, 7)]) }),
    recordPull() {},
  };
}
