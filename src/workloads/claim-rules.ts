import { type ClaimPatterns, stepsOf } from "../auth/claims.ts";

/** Claims that hold for every token, whoever made it: they say nothing of whom. */
const claimsOfEveryToken: ReadonlySet<string> = new Set([
  ...["iss", "aud", "exp", "iat", "nbf", "jti"],
]);

/**
 * Issuers that give everybody in the world a token. A rule for them must name whose it is, by one of these
 * claims, and up to where the owner's name ends: what a stranger chooses, such as a branch, is no proof.
 * GitHub: docs "About security hardening with OpenID Connect"; GitLab: docs "ID token payload".
 */
const owners: Readonly<Record<string, Readonly<Record<string, RegExp>>>> = {
  "https://token.actions.githubusercontent.com": {
    sub: /^repo:[^*/:]+\//,
    repository: /^[^*/]+\//,
    repository_owner: /^[^*]+$/,
    repository_id: /^[^*]+$/,
    repository_owner_id: /^[^*]+$/,
  },
  "https://gitlab.com": {
    sub: /^project_path:[^*/:]+\//,
    project_path: /^[^*/]+\//,
    namespace_path: /^[^*/]+(\/|$)/,
    project_id: /^[^*]+$/,
    namespace_id: /^[^*]+$/,
  },
};

/** Why a rule would let in whoever likes; null where it does not. */
export function ruleBrokenBy(issuerUrl: string, claims: ClaimPatterns): string | null {
  const names = Object.keys(claims);
  const general = names.find((name) => claimsOfEveryToken.has(stepsOf(name)[0] ?? ""));
  if (general !== undefined)
    return `${general} is not asked for in a rule: the issuer's are for it`;
  const theirs = Object.hasOwn(owners, issuerUrl) ? owners[issuerUrl] : undefined;
  if (theirs === undefined) {
    const isTold = names.some((name) => /^[^*]/.test(claims[name] ?? ""));
    return isTold ? null : "one claim at least must be told, at least how it begins";
  }
  const isOwned = names.some(
    (name) => Object.hasOwn(theirs, name) && theirs[name]?.test(claims[name] ?? "") === true,
  );
  if (isOwned) return null;
  return `everybody gets tokens of ${issuerUrl}: a rule must say whose, with one of ${Object.keys(theirs).join(", ")}, up to the end of the owner's name`;
}
