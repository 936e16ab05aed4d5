// Written by `npm run openapi` from the endpoints, as openapi.json is.
import { operation } from "./operation.ts";

/** Describes the management API: OpenAPI 3.1. */
export const getOpenapiJson = /* @__PURE__ */ operation<
  Record<never, never>,
  Readonly<Record<string, unknown>>
>("GET", "/api/v1/openapi.json");

/** Shows whether the registry is set up, and the address that sets it up. */
export const getSetup = /* @__PURE__ */ operation<
  Record<never, never>,
  { readonly done: boolean; readonly address: string | null }
>("GET", "/api/v1/setup");

/** Makes the first administrator, who proves with the setup token that it is theirs to do. */
export const postSetup = /* @__PURE__ */ operation<
  { readonly token?: string | undefined; readonly name: string; readonly password: string; readonly email?: string | null | undefined; readonly visibility?: "private" | "internal" | "public" | undefined },
  { readonly id: string; readonly name: string; readonly email: string | null; readonly description: string; readonly administrator: boolean; readonly disabled: boolean; readonly has_password: boolean; readonly second_factor: boolean; readonly cidrs: readonly (string)[]; readonly created_at: string; readonly last_used_at: string | null; readonly version: number }
>("POST", "/api/v1/setup");

/** Makes an account for whoever asks, as far as the setting signup lets them. */
export const postSignup = /* @__PURE__ */ operation<
  { readonly name: string; readonly password: string; readonly email?: string | null | undefined; readonly invitation?: string | undefined },
  { readonly id: string; readonly name: string; readonly email: string | null; readonly description: string; readonly administrator: boolean; readonly disabled: boolean; readonly has_password: boolean; readonly second_factor: boolean; readonly cidrs: readonly (string)[]; readonly created_at: string; readonly last_used_at: string | null; readonly version: number }
>("POST", "/api/v1/signup");

/** Begins the sign-in of a program whose user lets it in with a browser, at /device. */
export const postDevice = /* @__PURE__ */ operation<
  { readonly description: string },
  { readonly device_code: string; readonly user_code: string; readonly expires_at: string; readonly interval_seconds: number }
>("POST", "/api/v1/device");

/** Tells whether somebody let the program in, and gives it a token, once. */
export const postDeviceToken = /* @__PURE__ */ operation<
  { readonly device_code: string },
  { readonly user: string | null; readonly token: { readonly id: string; readonly description: string; readonly created_at: string; readonly expires_at: string | null; readonly last_used_at: string | null; readonly scopes: readonly ({ readonly pattern: string; readonly actions: readonly (string)[] })[] | null; readonly cidrs: readonly (string)[]; readonly token: string } | null }
>("POST", "/api/v1/device/token");

/** Shows one's own account. */
export const getAccount = /* @__PURE__ */ operation<
  Record<never, never>,
  { readonly id: string; readonly name: string; readonly email: string | null; readonly description: string; readonly administrator: boolean; readonly disabled: boolean; readonly has_password: boolean; readonly second_factor: boolean; readonly cidrs: readonly (string)[]; readonly created_at: string; readonly last_used_at: string | null; readonly version: number }
>("GET", "/api/v1/account");

/** Changes what is known of oneself. */
export const patchAccount = /* @__PURE__ */ operation<
  { readonly email?: string | null | undefined; readonly description?: string | undefined },
  { readonly id: string; readonly name: string; readonly email: string | null; readonly description: string; readonly administrator: boolean; readonly disabled: boolean; readonly has_password: boolean; readonly second_factor: boolean; readonly cidrs: readonly (string)[]; readonly created_at: string; readonly last_used_at: string | null; readonly version: number }
>("PATCH", "/api/v1/account");

/** Changes one's own password; all sessions end, tokens stay. */
export const putAccountPassword = /* @__PURE__ */ operation<
  { readonly current: string; readonly password: string },
  undefined
>("PUT", "/api/v1/account/password");

/** Lists one's own personal access tokens, expired ones too. */
export const getAccountTokens = /* @__PURE__ */ operation<
  { readonly limit?: number | undefined; readonly after?: string | undefined },
  { readonly items: readonly ({ readonly id: string; readonly description: string; readonly created_at: string; readonly expires_at: string | null; readonly last_used_at: string | null; readonly scopes: readonly ({ readonly pattern: string; readonly actions: readonly (string)[] })[] | null; readonly cidrs: readonly (string)[] })[]; readonly next: string | null }
>("GET", "/api/v1/account/tokens");

/** Makes a personal access token, which is shown once. */
export const postAccountTokens = /* @__PURE__ */ operation<
  { readonly description?: string | undefined; readonly scopes?: readonly ({ readonly pattern: string; readonly actions: readonly ("repository:pull" | "repository:push" | "repository:edit" | "repository:delete" | "repository:lock" | "project:read" | "project:manage" | "project:create" | "registry:list" | "system:manage")[] })[] | null | undefined; readonly expires_in_days?: number | null | undefined; readonly cidrs?: readonly (string)[] | undefined },
  { readonly id: string; readonly description: string; readonly created_at: string; readonly expires_at: string | null; readonly last_used_at: string | null; readonly scopes: readonly ({ readonly pattern: string; readonly actions: readonly (string)[] })[] | null; readonly cidrs: readonly (string)[]; readonly token: string }
>("POST", "/api/v1/account/tokens");

/** Ends one of one's own tokens at once. */
export const deleteAccountTokensOfId = /* @__PURE__ */ operation<
  { readonly id: string },
  undefined
>("DELETE", "/api/v1/account/tokens/{id}");

/** Lists where one is signed in with a browser. */
export const getAccountSessions = /* @__PURE__ */ operation<
  { readonly limit?: number | undefined; readonly after?: string | undefined },
  { readonly items: readonly ({ readonly id: string; readonly description: string; readonly created_at: string; readonly expires_at: string | null; readonly last_used_at: string | null; readonly current: boolean })[]; readonly next: string | null }
>("GET", "/api/v1/account/sessions");

/** Ends one of one's own sessions at once. */
export const deleteAccountSessionsOfId = /* @__PURE__ */ operation<
  { readonly id: string },
  undefined
>("DELETE", "/api/v1/account/sessions/{id}");

/** Lists one's own passkeys. */
export const getAccountPasskeys = /* @__PURE__ */ operation<
  Record<never, never>,
  { readonly items: readonly ({ readonly id: string; readonly name: string; readonly created_at: string; readonly last_used_at: string | null })[]; readonly recovery_codes_left: number; readonly unavailable: string | null }
>("GET", "/api/v1/account/passkeys");

/** Adds the passkey that the browser made; with the first come recovery codes, shown once. */
export const postAccountPasskeys = /* @__PURE__ */ operation<
  { readonly name: string; readonly credential: { readonly id: string; readonly rawId: string; readonly type: "public-key"; readonly response: { readonly clientDataJSON: string; readonly attestationObject: string; readonly transports?: readonly (string)[] | undefined } } },
  { readonly id: string; readonly name: string; readonly created_at: string; readonly last_used_at: string | null; readonly recovery_codes: readonly (string)[] | null }
>("POST", "/api/v1/account/passkeys");

/** Begins to add a passkey: what the browser is to be asked for. */
export const postAccountPasskeysOptions = /* @__PURE__ */ operation<
  { readonly password: string },
  { readonly options: Readonly<Record<string, unknown>> }
>("POST", "/api/v1/account/passkeys/options");

/** Removes one of one's own passkeys; with the last one the recovery codes go too. */
export const postAccountPasskeysRemoveOfId = /* @__PURE__ */ operation<
  { readonly id: string; readonly password: string },
  undefined
>("POST", "/api/v1/account/passkeys/{id}/remove");

/** Makes recovery codes anew, shown once; the earlier ones are good no more. */
export const postAccountRecoveryCodes = /* @__PURE__ */ operation<
  { readonly password: string },
  { readonly recovery_codes: readonly (string)[] }
>("POST", "/api/v1/account/recovery-codes");

/** Lists the passkeys of a user. */
export const getUsersPasskeysOfUser = /* @__PURE__ */ operation<
  { readonly user: string },
  { readonly items: readonly ({ readonly id: string; readonly name: string; readonly created_at: string; readonly last_used_at: string | null })[]; readonly recovery_codes_left: number }
>("GET", "/api/v1/users/{user}/passkeys");

/** Removes the passkeys and recovery codes of a user: the password alone will do again. */
export const deleteUsersSecondFactorOfUser = /* @__PURE__ */ operation<
  { readonly user: string },
  undefined
>("DELETE", "/api/v1/users/{user}/second-factor");

/** Lists the users. */
export const getUsers = /* @__PURE__ */ operation<
  { readonly limit?: number | undefined; readonly after?: string | undefined },
  { readonly items: readonly ({ readonly id: string; readonly name: string; readonly email: string | null; readonly description: string; readonly administrator: boolean; readonly disabled: boolean; readonly has_password: boolean; readonly second_factor: boolean; readonly cidrs: readonly (string)[]; readonly created_at: string; readonly last_used_at: string | null; readonly version: number })[]; readonly next: string | null }
>("GET", "/api/v1/users");

/** Makes a user, and the project of the same name, which they own. */
export const postUsers = /* @__PURE__ */ operation<
  { readonly name: string; readonly password?: string | null | undefined; readonly email?: string | null | undefined; readonly description?: string | undefined; readonly administrator?: boolean | undefined; readonly cidrs?: readonly (string)[] | undefined; readonly reuse_name?: boolean | undefined; readonly adopt_project?: boolean | undefined },
  { readonly id: string; readonly name: string; readonly email: string | null; readonly description: string; readonly administrator: boolean; readonly disabled: boolean; readonly has_password: boolean; readonly second_factor: boolean; readonly cidrs: readonly (string)[]; readonly created_at: string; readonly last_used_at: string | null; readonly version: number; readonly password: string | null }
>("POST", "/api/v1/users");

/** Shows a user. */
export const getUsersOfUser = /* @__PURE__ */ operation<
  { readonly user: string },
  { readonly id: string; readonly name: string; readonly email: string | null; readonly description: string; readonly administrator: boolean; readonly disabled: boolean; readonly has_password: boolean; readonly second_factor: boolean; readonly cidrs: readonly (string)[]; readonly created_at: string; readonly last_used_at: string | null; readonly version: number }
>("GET", "/api/v1/users/{user}");

/** Changes what is known of a user, makes them an administrator, or disables them. */
export const patchUsersOfUser = /* @__PURE__ */ operation<
  { readonly user: string; readonly email?: string | null | undefined; readonly description?: string | undefined; readonly administrator?: boolean | undefined; readonly disabled?: boolean | undefined; readonly cidrs?: readonly (string)[] | undefined },
  { readonly id: string; readonly name: string; readonly email: string | null; readonly description: string; readonly administrator: boolean; readonly disabled: boolean; readonly has_password: boolean; readonly second_factor: boolean; readonly cidrs: readonly (string)[]; readonly created_at: string; readonly last_used_at: string | null; readonly version: number }
>("PATCH", "/api/v1/users/{user}");

/** Deletes a user with their tokens, grants and memberships; their project stays. */
export const deleteUsersOfUser = /* @__PURE__ */ operation<
  { readonly user: string },
  undefined
>("DELETE", "/api/v1/users/{user}");

/** Gives a user another password; their sessions end, their tokens stay. */
export const putUsersPasswordOfUser = /* @__PURE__ */ operation<
  { readonly user: string; readonly password?: string | null | undefined; readonly enable?: boolean | undefined },
  { readonly password: string | null }
>("PUT", "/api/v1/users/{user}/password");

/** Lists the personal access tokens of a user, expired ones too. */
export const getUsersTokensOfUser = /* @__PURE__ */ operation<
  { readonly user: string; readonly limit?: number | undefined; readonly after?: string | undefined },
  { readonly items: readonly ({ readonly id: string; readonly description: string; readonly created_at: string; readonly expires_at: string | null; readonly last_used_at: string | null; readonly scopes: readonly ({ readonly pattern: string; readonly actions: readonly (string)[] })[] | null; readonly cidrs: readonly (string)[] })[]; readonly next: string | null }
>("GET", "/api/v1/users/{user}/tokens");

/** Ends one of a user's tokens at once. */
export const deleteUsersTokensOfUserId = /* @__PURE__ */ operation<
  { readonly user: string; readonly id: string },
  undefined
>("DELETE", "/api/v1/users/{user}/tokens/{id}");

/** Lists whom a user is at providers. */
export const getUsersIdentitiesOfUser = /* @__PURE__ */ operation<
  { readonly user: string; readonly limit?: number | undefined; readonly after?: string | undefined },
  { readonly items: readonly ({ readonly id: string; readonly issuer: string; readonly subject: string; readonly created_at: string })[]; readonly next: string | null }
>("GET", "/api/v1/users/{user}/identities");

/** Lets whom a provider calls so sign in as a user that is there already. */
export const postUsersIdentitiesOfUser = /* @__PURE__ */ operation<
  { readonly user: string; readonly provider: string; readonly subject: string },
  { readonly id: string; readonly issuer: string; readonly subject: string; readonly created_at: string }
>("POST", "/api/v1/users/{user}/identities");

/** No longer lets somebody of a provider sign in as a user, whose sessions end. */
export const deleteUsersIdentitiesOfUserId = /* @__PURE__ */ operation<
  { readonly user: string; readonly id: string },
  undefined
>("DELETE", "/api/v1/users/{user}/identities/{id}");

/** Lists the providers with which people sign in. */
export const getProviders = /* @__PURE__ */ operation<
  { readonly limit?: number | undefined; readonly after?: string | undefined },
  { readonly items: readonly ({ readonly name: string; readonly kind: "oidc" | "ldap"; readonly title: string; readonly url: string; readonly client_id: string | null; readonly has_secret: boolean; readonly scopes: readonly (string)[]; readonly name_claim: string; readonly groups_claim: string | null; readonly inner: boolean; readonly makes_accounts: boolean; readonly disabled: boolean; readonly base: string | null; readonly filter: string | null; readonly user_dn: string | null; readonly id_attribute: string | null; readonly bind_dn: string | null; readonly ca: string | null; readonly plaintext: boolean | null; readonly synced_at: string | null; readonly sync_trouble: string | null; readonly redirect_uri: string | null; readonly created_at: string; readonly version: number })[]; readonly next: string | null }
>("GET", "/api/v1/providers");

/** Lets people sign in with a provider of OpenID Connect, or with a directory. */
export const postProviders = /* @__PURE__ */ operation<
  { readonly name: string; readonly kind?: "oidc" | "ldap" | undefined; readonly url: string; readonly title: string; readonly name_claim?: string | undefined; readonly groups_claim?: string | null | undefined; readonly makes_accounts?: boolean | undefined; readonly client_id?: string | undefined; readonly client_secret?: string | null | undefined; readonly scopes?: readonly (string)[] | undefined; readonly inner?: boolean | undefined; readonly base?: string | undefined; readonly filter?: string | undefined; readonly user_dn?: string | null | undefined; readonly id_attribute?: string | undefined; readonly bind_dn?: string | null | undefined; readonly bind_password?: string | null | undefined; readonly ca?: string | null | undefined; readonly plaintext?: boolean | undefined },
  { readonly name: string; readonly kind: "oidc" | "ldap"; readonly title: string; readonly url: string; readonly client_id: string | null; readonly has_secret: boolean; readonly scopes: readonly (string)[]; readonly name_claim: string; readonly groups_claim: string | null; readonly inner: boolean; readonly makes_accounts: boolean; readonly disabled: boolean; readonly base: string | null; readonly filter: string | null; readonly user_dn: string | null; readonly id_attribute: string | null; readonly bind_dn: string | null; readonly ca: string | null; readonly plaintext: boolean | null; readonly synced_at: string | null; readonly sync_trouble: string | null; readonly redirect_uri: string | null; readonly created_at: string; readonly version: number }
>("POST", "/api/v1/providers");

/** Shows a provider with which people sign in. */
export const getProvidersOfProvider = /* @__PURE__ */ operation<
  { readonly provider: string },
  { readonly name: string; readonly kind: "oidc" | "ldap"; readonly title: string; readonly url: string; readonly client_id: string | null; readonly has_secret: boolean; readonly scopes: readonly (string)[]; readonly name_claim: string; readonly groups_claim: string | null; readonly inner: boolean; readonly makes_accounts: boolean; readonly disabled: boolean; readonly base: string | null; readonly filter: string | null; readonly user_dn: string | null; readonly id_attribute: string | null; readonly bind_dn: string | null; readonly ca: string | null; readonly plaintext: boolean | null; readonly synced_at: string | null; readonly sync_trouble: string | null; readonly redirect_uri: string | null; readonly created_at: string; readonly version: number }
>("GET", "/api/v1/providers/{provider}");

/** Changes how people sign in with a provider. */
export const patchProvidersOfProvider = /* @__PURE__ */ operation<
  { readonly provider: string; readonly url?: string | undefined; readonly title?: string | undefined; readonly name_claim?: string | undefined; readonly groups_claim?: string | null | undefined; readonly makes_accounts?: boolean | undefined; readonly client_id?: string | undefined; readonly client_secret?: string | null | undefined; readonly scopes?: readonly (string)[] | undefined; readonly inner?: boolean | undefined; readonly base?: string | undefined; readonly filter?: string | undefined; readonly user_dn?: string | null | undefined; readonly id_attribute?: string | undefined; readonly bind_dn?: string | null | undefined; readonly bind_password?: string | null | undefined; readonly ca?: string | null | undefined; readonly plaintext?: boolean | undefined; readonly disabled?: boolean | undefined },
  { readonly name: string; readonly kind: "oidc" | "ldap"; readonly title: string; readonly url: string; readonly client_id: string | null; readonly has_secret: boolean; readonly scopes: readonly (string)[]; readonly name_claim: string; readonly groups_claim: string | null; readonly inner: boolean; readonly makes_accounts: boolean; readonly disabled: boolean; readonly base: string | null; readonly filter: string | null; readonly user_dn: string | null; readonly id_attribute: string | null; readonly bind_dn: string | null; readonly ca: string | null; readonly plaintext: boolean | null; readonly synced_at: string | null; readonly sync_trouble: string | null; readonly redirect_uri: string | null; readonly created_at: string; readonly version: number }
>("PATCH", "/api/v1/providers/{provider}");

/** Lets nobody sign in with a provider any more; accounts stay. */
export const deleteProvidersOfProvider = /* @__PURE__ */ operation<
  { readonly provider: string },
  undefined
>("DELETE", "/api/v1/providers/{provider}");

/** Asks a provider whether people could sign in so, and keeps nothing. */
export const postProvidersTest = /* @__PURE__ */ operation<
  { readonly url: string; readonly kind?: "oidc" | "ldap" | undefined; readonly name_claim?: string | undefined; readonly groups_claim?: string | null | undefined; readonly client_id?: string | undefined; readonly client_secret?: string | null | undefined; readonly inner?: boolean | undefined; readonly base?: string | undefined; readonly filter?: string | undefined; readonly user_dn?: string | null | undefined; readonly id_attribute?: string | undefined; readonly bind_dn?: string | null | undefined; readonly bind_password?: string | null | undefined; readonly ca?: string | null | undefined; readonly plaintext?: boolean | undefined; readonly user?: string | undefined; readonly user_password?: string | undefined },
  { readonly ok: boolean; readonly problems: readonly (string)[]; readonly scopes: readonly (string)[]; readonly claims: readonly (string)[]; readonly person: { readonly dn: string; readonly subject: string; readonly name: string | null; readonly email: string | null; readonly groups: readonly (string)[] } | null }
>("POST", "/api/v1/providers/test");

/** Compares the accounts of a directory's people with it now: who left is disabled. */
export const postProvidersSyncOfProvider = /* @__PURE__ */ operation<
  { readonly provider: string; readonly preview?: boolean | undefined },
  { readonly people: number; readonly left: readonly (string)[]; readonly kept: readonly (string)[]; readonly returned: readonly (string)[]; readonly regrouped: readonly (string)[]; readonly unclear: readonly (string)[] }
>("POST", "/api/v1/providers/{provider}/sync");

/** Lists which groups follow from what a provider says of people. */
export const getProvidersGroupRulesOfProvider = /* @__PURE__ */ operation<
  { readonly provider: string; readonly limit?: number | undefined; readonly after?: string | undefined },
  { readonly items: readonly ({ readonly id: string; readonly value: string; readonly group: string; readonly created_at: string })[]; readonly next: string | null }
>("GET", "/api/v1/providers/{provider}/group-rules");

/** Puts people into a group whenever they sign in with this value among their groups. */
export const postProvidersGroupRulesOfProvider = /* @__PURE__ */ operation<
  { readonly provider: string; readonly value: string; readonly group: string },
  { readonly id: string; readonly value: string; readonly group: string; readonly created_at: string }
>("POST", "/api/v1/providers/{provider}/group-rules");

/** Takes a rule away; members of its group stay. */
export const deleteProvidersGroupRulesOfProviderId = /* @__PURE__ */ operation<
  { readonly provider: string; readonly id: string },
  undefined
>("DELETE", "/api/v1/providers/{provider}/group-rules/{id}");

/** Lists invitations, used and expired ones too. */
export const getInvitations = /* @__PURE__ */ operation<
  { readonly limit?: number | undefined; readonly after?: string | undefined },
  { readonly items: readonly ({ readonly id: string; readonly description: string; readonly created_at: string; readonly expires_at: string; readonly used_by: string | null })[]; readonly next: string | null }
>("GET", "/api/v1/invitations");

/** Invites somebody to make an account, where the setting `signup` is not off: its secret is shown once. */
export const postInvitations = /* @__PURE__ */ operation<
  { readonly description?: string | undefined; readonly expires_in_days?: number | undefined },
  { readonly id: string; readonly description: string; readonly created_at: string; readonly expires_at: string; readonly used_by: string | null; readonly invitation: string; readonly address: string | null }
>("POST", "/api/v1/invitations");

/** Takes an invitation back; an account that came of it stays. */
export const deleteInvitationsOfId = /* @__PURE__ */ operation<
  { readonly id: string },
  undefined
>("DELETE", "/api/v1/invitations/{id}");

/** Lists the robots of the registry and of every project. */
export const getRobots = /* @__PURE__ */ operation<
  { readonly limit?: number | undefined; readonly after?: string | undefined },
  { readonly items: readonly ({ readonly id: string; readonly name: string; readonly project: string | null; readonly description: string; readonly disabled: boolean; readonly cidrs: readonly (string)[]; readonly created_at: string; readonly expires_at: string | null; readonly last_used_at: string | null; readonly version: number })[]; readonly next: string | null }
>("GET", "/api/v1/robots");

/** Makes a robot of the registry; its secret is shown once. */
export const postRobots = /* @__PURE__ */ operation<
  { readonly name: string; readonly description?: string | undefined; readonly role?: string | undefined; readonly grants?: readonly ({ readonly pattern: string; readonly role?: string | undefined; readonly actions?: readonly ("repository:pull" | "repository:push" | "repository:edit" | "repository:delete" | "repository:lock" | "project:read" | "project:manage" | "project:create")[] | undefined; readonly tag_pattern?: string | null | undefined; readonly expires_in_days?: number | null | undefined; readonly cidrs?: readonly (string)[] | undefined })[] | undefined; readonly cidrs?: readonly (string)[] | undefined; readonly expires_in_days?: number | null | undefined; readonly reuse_name?: boolean | undefined },
  { readonly id: string; readonly name: string; readonly project: string | null; readonly description: string; readonly disabled: boolean; readonly cidrs: readonly (string)[]; readonly created_at: string; readonly expires_at: string | null; readonly last_used_at: string | null; readonly version: number; readonly secrets: readonly ({ readonly id: string; readonly description: string; readonly created_at: string; readonly expires_at: string | null; readonly last_used_at: string | null })[]; readonly grants: readonly ({ readonly id: string; readonly effect: "allow" | "deny"; readonly pattern: string; readonly tag_pattern: string | null; readonly role: string | null; readonly actions: readonly (string)[] | null; readonly cidrs: readonly (string)[]; readonly expires_at: string | null })[]; readonly secret: string }
>("POST", "/api/v1/robots");

/** Shows a robot of the registry, its secrets (not what they are) and what it may do. */
export const getRobotsOfRobot = /* @__PURE__ */ operation<
  { readonly robot: string },
  { readonly id: string; readonly name: string; readonly project: string | null; readonly description: string; readonly disabled: boolean; readonly cidrs: readonly (string)[]; readonly created_at: string; readonly expires_at: string | null; readonly last_used_at: string | null; readonly version: number; readonly secrets: readonly ({ readonly id: string; readonly description: string; readonly created_at: string; readonly expires_at: string | null; readonly last_used_at: string | null })[]; readonly grants: readonly ({ readonly id: string; readonly effect: "allow" | "deny"; readonly pattern: string; readonly tag_pattern: string | null; readonly role: string | null; readonly actions: readonly (string)[] | null; readonly cidrs: readonly (string)[]; readonly expires_at: string | null })[] }
>("GET", "/api/v1/robots/{robot}");

/** Changes, disables or prolongs a robot of the registry. */
export const patchRobotsOfRobot = /* @__PURE__ */ operation<
  { readonly robot: string; readonly description?: string | undefined; readonly disabled?: boolean | undefined; readonly cidrs?: readonly (string)[] | undefined; readonly expires_in_days?: number | null | undefined },
  { readonly id: string; readonly name: string; readonly project: string | null; readonly description: string; readonly disabled: boolean; readonly cidrs: readonly (string)[]; readonly created_at: string; readonly expires_at: string | null; readonly last_used_at: string | null; readonly version: number; readonly secrets: readonly ({ readonly id: string; readonly description: string; readonly created_at: string; readonly expires_at: string | null; readonly last_used_at: string | null })[]; readonly grants: readonly ({ readonly id: string; readonly effect: "allow" | "deny"; readonly pattern: string; readonly tag_pattern: string | null; readonly role: string | null; readonly actions: readonly (string)[] | null; readonly cidrs: readonly (string)[]; readonly expires_at: string | null })[] }
>("PATCH", "/api/v1/robots/{robot}");

/** Deletes a robot of the registry with its secrets and what it might do. */
export const deleteRobotsOfRobot = /* @__PURE__ */ operation<
  { readonly robot: string },
  undefined
>("DELETE", "/api/v1/robots/{robot}");

/** Gives a robot of the registry a second secret, shown once: revoke the first when nothing uses it. */
export const postRobotsSecretsOfRobot = /* @__PURE__ */ operation<
  { readonly robot: string; readonly expires_in_days?: number | null | undefined },
  { readonly name: string; readonly id: string; readonly secret: string }
>("POST", "/api/v1/robots/{robot}/secrets");

/** Ends a secret of a robot of the registry at once. */
export const deleteRobotsSecretsOfRobotId = /* @__PURE__ */ operation<
  { readonly robot: string; readonly id: string },
  undefined
>("DELETE", "/api/v1/robots/{robot}/secrets/{id}");

/** Lists the robots of a project. */
export const getProjectsRobotsOfProject = /* @__PURE__ */ operation<
  { readonly project: string; readonly limit?: number | undefined; readonly after?: string | undefined },
  { readonly items: readonly ({ readonly id: string; readonly name: string; readonly project: string | null; readonly description: string; readonly disabled: boolean; readonly cidrs: readonly (string)[]; readonly created_at: string; readonly expires_at: string | null; readonly last_used_at: string | null; readonly version: number })[]; readonly next: string | null }
>("GET", "/api/v1/projects/{project}/robots");

/** Makes a robot of a project; its secret is shown once. */
export const postProjectsRobotsOfProject = /* @__PURE__ */ operation<
  { readonly project: string; readonly name: string; readonly description?: string | undefined; readonly role?: string | undefined; readonly grants?: readonly ({ readonly pattern: string; readonly role?: string | undefined; readonly actions?: readonly ("repository:pull" | "repository:push" | "repository:edit" | "repository:delete" | "repository:lock" | "project:read" | "project:manage" | "project:create")[] | undefined; readonly tag_pattern?: string | null | undefined; readonly expires_in_days?: number | null | undefined; readonly cidrs?: readonly (string)[] | undefined })[] | undefined; readonly cidrs?: readonly (string)[] | undefined; readonly expires_in_days?: number | null | undefined; readonly reuse_name?: boolean | undefined },
  { readonly id: string; readonly name: string; readonly project: string | null; readonly description: string; readonly disabled: boolean; readonly cidrs: readonly (string)[]; readonly created_at: string; readonly expires_at: string | null; readonly last_used_at: string | null; readonly version: number; readonly secrets: readonly ({ readonly id: string; readonly description: string; readonly created_at: string; readonly expires_at: string | null; readonly last_used_at: string | null })[]; readonly grants: readonly ({ readonly id: string; readonly effect: "allow" | "deny"; readonly pattern: string; readonly tag_pattern: string | null; readonly role: string | null; readonly actions: readonly (string)[] | null; readonly cidrs: readonly (string)[]; readonly expires_at: string | null })[]; readonly secret: string }
>("POST", "/api/v1/projects/{project}/robots");

/** Shows a robot of a project, its secrets (not what they are) and what it may do. */
export const getProjectsRobotsOfProjectRobot = /* @__PURE__ */ operation<
  { readonly project: string; readonly robot: string },
  { readonly id: string; readonly name: string; readonly project: string | null; readonly description: string; readonly disabled: boolean; readonly cidrs: readonly (string)[]; readonly created_at: string; readonly expires_at: string | null; readonly last_used_at: string | null; readonly version: number; readonly secrets: readonly ({ readonly id: string; readonly description: string; readonly created_at: string; readonly expires_at: string | null; readonly last_used_at: string | null })[]; readonly grants: readonly ({ readonly id: string; readonly effect: "allow" | "deny"; readonly pattern: string; readonly tag_pattern: string | null; readonly role: string | null; readonly actions: readonly (string)[] | null; readonly cidrs: readonly (string)[]; readonly expires_at: string | null })[] }
>("GET", "/api/v1/projects/{project}/robots/{robot}");

/** Changes, disables or prolongs a robot of a project. */
export const patchProjectsRobotsOfProjectRobot = /* @__PURE__ */ operation<
  { readonly project: string; readonly robot: string; readonly description?: string | undefined; readonly disabled?: boolean | undefined; readonly cidrs?: readonly (string)[] | undefined; readonly expires_in_days?: number | null | undefined },
  { readonly id: string; readonly name: string; readonly project: string | null; readonly description: string; readonly disabled: boolean; readonly cidrs: readonly (string)[]; readonly created_at: string; readonly expires_at: string | null; readonly last_used_at: string | null; readonly version: number; readonly secrets: readonly ({ readonly id: string; readonly description: string; readonly created_at: string; readonly expires_at: string | null; readonly last_used_at: string | null })[]; readonly grants: readonly ({ readonly id: string; readonly effect: "allow" | "deny"; readonly pattern: string; readonly tag_pattern: string | null; readonly role: string | null; readonly actions: readonly (string)[] | null; readonly cidrs: readonly (string)[]; readonly expires_at: string | null })[] }
>("PATCH", "/api/v1/projects/{project}/robots/{robot}");

/** Deletes a robot of a project with its secrets and what it might do. */
export const deleteProjectsRobotsOfProjectRobot = /* @__PURE__ */ operation<
  { readonly project: string; readonly robot: string },
  undefined
>("DELETE", "/api/v1/projects/{project}/robots/{robot}");

/** Gives a robot of a project a second secret, shown once: revoke the first when nothing uses it. */
export const postProjectsRobotsSecretsOfProjectRobot = /* @__PURE__ */ operation<
  { readonly project: string; readonly robot: string; readonly expires_in_days?: number | null | undefined },
  { readonly name: string; readonly id: string; readonly secret: string }
>("POST", "/api/v1/projects/{project}/robots/{robot}/secrets");

/** Ends a secret of a robot of a project at once. */
export const deleteProjectsRobotsSecretsOfProjectRobotId = /* @__PURE__ */ operation<
  { readonly project: string; readonly robot: string; readonly id: string },
  undefined
>("DELETE", "/api/v1/projects/{project}/robots/{robot}/secrets/{id}");

/** Puts a new key in place of the one that stored secrets are sealed with. */
export const postSecretsRotate = /* @__PURE__ */ operation<
  Record<never, never>,
  { readonly key_id: string; readonly resealed: number }
>("POST", "/api/v1/secrets/rotate");

/** Lists whose identity tokens are believed. */
export const getIssuers = /* @__PURE__ */ operation<
  { readonly limit?: number | undefined; readonly after?: string | undefined },
  { readonly items: readonly ({ readonly name: string; readonly url: string; readonly audiences: readonly (string)[]; readonly jwks: { readonly keys: readonly ({ readonly kty: string })[] } | null; readonly inner: boolean; readonly description: string; readonly created_at: string; readonly version: number })[]; readonly next: string | null }
>("GET", "/api/v1/issuers");

/** Believes the identity tokens of an issuer, such as a CI: what they let in, trusts say. */
export const postIssuers = /* @__PURE__ */ operation<
  { readonly name: string; readonly url: string; readonly audiences: readonly (string)[]; readonly jwks?: { readonly keys: readonly ({ readonly kty: string })[] } | null | undefined; readonly inner?: boolean | undefined; readonly description?: string | undefined },
  { readonly name: string; readonly url: string; readonly audiences: readonly (string)[]; readonly jwks: { readonly keys: readonly ({ readonly kty: string })[] } | null; readonly inner: boolean; readonly description: string; readonly created_at: string; readonly version: number }
>("POST", "/api/v1/issuers");

/** Shows an issuer. */
export const getIssuersOfIssuer = /* @__PURE__ */ operation<
  { readonly issuer: string },
  { readonly name: string; readonly url: string; readonly audiences: readonly (string)[]; readonly jwks: { readonly keys: readonly ({ readonly kty: string })[] } | null; readonly inner: boolean; readonly description: string; readonly created_at: string; readonly version: number }
>("GET", "/api/v1/issuers/{issuer}");

/** Changes which tokens of an issuer are believed. */
export const patchIssuersOfIssuer = /* @__PURE__ */ operation<
  { readonly issuer: string; readonly audiences?: readonly (string)[] | undefined; readonly jwks?: { readonly keys: readonly ({ readonly kty: string })[] } | null | undefined; readonly inner?: boolean | undefined; readonly description?: string | undefined },
  { readonly name: string; readonly url: string; readonly audiences: readonly (string)[]; readonly jwks: { readonly keys: readonly ({ readonly kty: string })[] } | null; readonly inner: boolean; readonly description: string; readonly created_at: string; readonly version: number }
>("PATCH", "/api/v1/issuers/{issuer}");

/** Believes no token of an issuer any more, and ends what came of them. */
export const deleteIssuersOfIssuer = /* @__PURE__ */ operation<
  { readonly issuer: string },
  undefined
>("DELETE", "/api/v1/issuers/{issuer}");

/** Asks an issuer for its keys as it would be asked, and keeps nothing. */
export const postIssuersTest = /* @__PURE__ */ operation<
  { readonly url: string; readonly jwks?: { readonly keys: readonly ({ readonly kty: string })[] } | null | undefined; readonly inner?: boolean | undefined },
  { readonly ok: boolean; readonly problem: string | null; readonly keys: readonly ({ readonly kid: string | null; readonly kty: string; readonly alg: string | null })[] }
>("POST", "/api/v1/issuers/test");

/** Lists which identity tokens sign in as which robots. */
export const getTrusts = /* @__PURE__ */ operation<
  { readonly limit?: number | undefined; readonly after?: string | undefined },
  { readonly items: readonly ({ readonly id: string; readonly issuer: string; readonly robot: string; readonly claims: Readonly<Record<string, string>>; readonly description: string; readonly created_at: string })[]; readonly next: string | null }
>("GET", "/api/v1/trusts");

/** Lets identity tokens with such claims sign in as a robot. */
export const postTrusts = /* @__PURE__ */ operation<
  { readonly issuer: string; readonly robot: string; readonly claims: Readonly<Record<string, string>>; readonly description?: string | undefined },
  { readonly id: string; readonly issuer: string; readonly robot: string; readonly claims: Readonly<Record<string, string>>; readonly description: string; readonly created_at: string }
>("POST", "/api/v1/trusts");

/** Takes a rule away, and ends what tokens of its issuer opened as its robot. */
export const deleteTrustsOfId = /* @__PURE__ */ operation<
  { readonly id: string },
  undefined
>("DELETE", "/api/v1/trusts/{id}");

/** Says who an identity token would be here, and what it may do. The token is not kept. */
export const postTrustsExplain = /* @__PURE__ */ operation<
  { readonly identity_token: string; readonly as?: string | undefined },
  { readonly signs_in: boolean; readonly robot: string | null; readonly issuer: string | null; readonly subject: string | null; readonly expires_at: string | null; readonly wrong_claim: string | null; readonly reason: string; readonly rules: readonly ({ readonly id: string; readonly robot: string; readonly misfits: readonly ({ readonly claim: string; readonly wanted: string; readonly found: string | null })[] })[]; readonly grants: readonly ({ readonly effect: string; readonly pattern: string; readonly tag_pattern: string | null; readonly actions: readonly (string)[]; readonly group: string | null; readonly expires_at: string | null })[] }
>("POST", "/api/v1/trusts/explain");

/** Lists the projects that one may see, by name. */
export const getProjects = /* @__PURE__ */ operation<
  { readonly limit?: number | undefined; readonly after?: string | undefined },
  { readonly items: readonly ({ readonly name: string; readonly visibility: "private" | "internal" | "public"; readonly description: string; readonly cidrs: readonly (string)[] | null; readonly trash_days: number; readonly untagged_days: number | null; readonly created_at: string; readonly created_by: string | null; readonly version: number })[]; readonly next: string | null }
>("GET", "/api/v1/projects");

/** Makes a project, which whoever makes it owns. */
export const postProjects = /* @__PURE__ */ operation<
  { readonly name: string; readonly visibility?: "private" | "internal" | "public" | undefined; readonly description?: string | undefined; readonly cidrs?: readonly (string)[] | undefined; readonly owner?: string | undefined },
  { readonly name: string; readonly visibility: "private" | "internal" | "public"; readonly description: string; readonly cidrs: readonly (string)[] | null; readonly trash_days: number; readonly untagged_days: number | null; readonly created_at: string; readonly created_by: string | null; readonly version: number }
>("POST", "/api/v1/projects");

/** Shows a project. */
export const getProjectsOfProject = /* @__PURE__ */ operation<
  { readonly project: string },
  { readonly name: string; readonly visibility: "private" | "internal" | "public"; readonly description: string; readonly cidrs: readonly (string)[] | null; readonly trash_days: number; readonly untagged_days: number | null; readonly created_at: string; readonly created_by: string | null; readonly version: number; readonly allowed: readonly (string)[]; readonly push_place: string | null }
>("GET", "/api/v1/projects/{project}");

/** Changes visibility, description, addresses or times of a project. */
export const patchProjectsOfProject = /* @__PURE__ */ operation<
  { readonly project: string; readonly visibility?: "private" | "internal" | "public" | undefined; readonly description?: string | undefined; readonly cidrs?: readonly (string)[] | undefined; readonly trash_days?: number | undefined; readonly untagged_days?: number | null | undefined },
  { readonly name: string; readonly visibility: "private" | "internal" | "public"; readonly description: string; readonly cidrs: readonly (string)[] | null; readonly trash_days: number; readonly untagged_days: number | null; readonly created_at: string; readonly created_by: string | null; readonly version: number }
>("PATCH", "/api/v1/projects/{project}");

/** Moves a project with all that is in it to the trash; its robots end until it comes back. */
export const deleteProjectsOfProject = /* @__PURE__ */ operation<
  { readonly project: string },
  undefined
>("DELETE", "/api/v1/projects/{project}");

/** Lists the members of a project, in the order in which they got their roles. */
export const getProjectsMembersOfProject = /* @__PURE__ */ operation<
  { readonly project: string; readonly limit?: number | undefined; readonly after?: string | undefined },
  { readonly items: readonly ({ readonly member: string; readonly role: string; readonly since: string })[]; readonly next: string | null }
>("GET", "/api/v1/projects/{project}/members");

/** Gives a user, robot or group a role in a project, instead of an earlier one. */
export const putProjectsMembersOfProjectMember = /* @__PURE__ */ operation<
  { readonly project: string; readonly member: string; readonly role: string },
  { readonly member: string; readonly role: string; readonly since: string }
>("PUT", "/api/v1/projects/{project}/members/{member}");

/** Ends the role of a user, robot or group in a project; other grants of theirs stay. */
export const deleteProjectsMembersOfProjectMember = /* @__PURE__ */ operation<
  { readonly project: string; readonly member: string },
  undefined
>("DELETE", "/api/v1/projects/{project}/members/{member}");

/** Lists the repositories of a project that one may see. */
export const getProjectsRepositoriesOfProject = /* @__PURE__ */ operation<
  { readonly project: string; readonly filter?: string | undefined; readonly sort?: "name" | "-name" | "pushed" | "-pushed" | "size" | "-size" | undefined; readonly limit?: number | undefined; readonly after?: string | undefined },
  { readonly items: readonly ({ readonly name: string; readonly visibility: "private" | "internal" | "public" | null; readonly effective_visibility: "private" | "internal" | "public"; readonly description: string; readonly labels: Readonly<Record<string, string>>; readonly created_at: string; readonly created_by: string | null; readonly version: number; readonly tags: number; readonly size: number; readonly pushed_at: string | null })[]; readonly next: string | null }
>("GET", "/api/v1/projects/{project}/repositories");

/** Shows a repository. */
export const getRepositoriesOfRepository = /* @__PURE__ */ operation<
  { readonly repository: string },
  { readonly name: string; readonly visibility: "private" | "internal" | "public" | null; readonly effective_visibility: "private" | "internal" | "public"; readonly description: string; readonly labels: Readonly<Record<string, string>>; readonly created_at: string; readonly created_by: string | null; readonly version: number; readonly allowed: readonly (string)[] }
>("GET", "/api/v1/repositories/{repository}");

/** Changes description and labels of a repository, or (who manages its project) visibility. */
export const patchRepositoriesOfRepository = /* @__PURE__ */ operation<
  { readonly repository: string; readonly visibility?: "private" | "internal" | "public" | null | undefined; readonly description?: string | undefined; readonly labels?: Readonly<Record<string, string>> | undefined },
  { readonly name: string; readonly visibility: "private" | "internal" | "public" | null; readonly effective_visibility: "private" | "internal" | "public"; readonly description: string; readonly labels: Readonly<Record<string, string>>; readonly created_at: string; readonly created_by: string | null; readonly version: number }
>("PATCH", "/api/v1/repositories/{repository}");

/** Moves a repository with all that is in it to the trash. */
export const deleteRepositoriesOfRepository = /* @__PURE__ */ operation<
  { readonly repository: string },
  undefined
>("DELETE", "/api/v1/repositories/{repository}");

/** Lists the tags of a repository, with what they point to and what keeps them there. */
export const getRepositoriesTagsOfRepository = /* @__PURE__ */ operation<
  { readonly repository: string; readonly show?: "images" | "attached" | undefined; readonly filter?: string | undefined; readonly sort?: "name" | "-name" | "pushed" | "-pushed" | "size" | "-size" | undefined; readonly limit?: number | undefined; readonly after?: string | undefined },
  { readonly items: readonly ({ readonly name: string; readonly digest: string; readonly kind: "image" | "index" | "artifact"; readonly media_type: string; readonly size: number; readonly platforms: readonly (string)[]; readonly attached: readonly ({ readonly kind: "signature" | "attestation" | "sbom" | "other"; readonly count: number })[]; readonly moved_at: string; readonly moved_by: string | null; readonly pulled_at: string | null; readonly locked_at: string | null; readonly locked_by: string | null; readonly immutable_by: string | null })[]; readonly next: string | null }
>("GET", "/api/v1/repositories/{repository}/tags");

/** Lists what no tag names, no index lists, and is attached to nothing that is there. */
export const getRepositoriesUntaggedOfRepository = /* @__PURE__ */ operation<
  { readonly repository: string; readonly sort?: "pushed" | "-pushed" | "size" | "-size" | undefined; readonly limit?: number | undefined; readonly after?: string | undefined },
  { readonly items: readonly ({ readonly digest: string; readonly kind: "image" | "index" | "artifact"; readonly media_type: string; readonly size: number; readonly platforms: readonly (string)[]; readonly attached: readonly ({ readonly kind: "signature" | "attestation" | "sbom" | "other"; readonly count: number })[]; readonly pushed_at: string; readonly pushed_by: string | null; readonly pulled_at: string | null; readonly last_tag: string | null; readonly untagged_at: string | null; readonly trash_at: string | null })[]; readonly next: string | null }
>("GET", "/api/v1/repositories/{repository}/untagged");

/** Shows an image: platforms, what is attached, configuration, layers, who shares them. */
export const getRepositoriesImagesOfRepositoryReference = /* @__PURE__ */ operation<
  { readonly repository: string; readonly reference: string; readonly platform?: string | undefined },
  { readonly repository: string; readonly digest: string; readonly kind: "image" | "index" | "artifact"; readonly media_type: string; readonly artifact_type: string | null; readonly size: number; readonly tags: readonly (string)[]; readonly pushed_at: string; readonly pushed_by: string | null; readonly pulled_at: string | null; readonly annotations: Readonly<Record<string, string>>; readonly platforms: readonly ({ readonly platform: string | null; readonly digest: string; readonly size: number | null })[]; readonly attached: readonly ({ readonly kind: "signature" | "attestation" | "sbom" | "other"; readonly digest: string; readonly of: string; readonly platform: string | null; readonly by: "subject" | "tag" | "index"; readonly artifact_type: string | null; readonly predicates: readonly (string)[]; readonly size: number; readonly pushed_at: string; readonly pushed_by: string | null })[]; readonly shown: string | null; readonly config: { readonly platform: string | null; readonly created: string | null; readonly author: string | null; readonly user: string | null; readonly working_dir: string | null; readonly entrypoint: readonly (string)[]; readonly cmd: readonly (string)[]; readonly env: readonly (string)[]; readonly ports: readonly (string)[]; readonly volumes: readonly (string)[]; readonly stop_signal: string | null; readonly healthcheck: readonly (string)[]; readonly labels: Readonly<Record<string, string>> } | null; readonly layers: readonly ({ readonly digest: string | null; readonly media_type: string | null; readonly size: number; readonly created_by: string | null; readonly created: string | null; readonly comment: string | null })[]; readonly shared_with: readonly ({ readonly repository: string; readonly layers: number; readonly size: number })[] }
>("GET", "/api/v1/repositories/{repository}/images/{reference}");

/** Lists a directory of a layer. */
export const getRepositoriesLayersFilesOfRepositoryDigest = /* @__PURE__ */ operation<
  { readonly repository: string; readonly digest: string; readonly path?: string | undefined; readonly limit?: number | undefined; readonly after?: string | undefined },
  { readonly items: readonly ({ readonly name: string; readonly kind: "file" | "directory" | "symlink" | "hardlink" | "character device" | "block device" | "fifo" | "whiteout" | "opaque"; readonly size: number; readonly mode: string | null; readonly uid: number; readonly gid: number; readonly mtime: string; readonly link: string | null })[]; readonly next: string | null }
>("GET", "/api/v1/repositories/{repository}/layers/{digest}/files");

/** Shows a file of a layer, of at most 256 KiB. */
export const getRepositoriesLayersFileOfRepositoryDigest = /* @__PURE__ */ operation<
  { readonly repository: string; readonly digest: string; readonly path: string },
  { readonly path: string; readonly size: number; readonly encoding: "utf-8" | "base64"; readonly content: string }
>("GET", "/api/v1/repositories/{repository}/layers/{digest}/file");

/** Compares two images, or two platforms: layers, configuration, environment, labels, size. */
export const getRepositoriesImagesCompareOfRepositoryReference = /* @__PURE__ */ operation<
  { readonly repository: string; readonly reference: string; readonly with: string; readonly with_repository?: string | undefined; readonly platform?: string | undefined; readonly with_platform?: string | undefined },
  { readonly from: { readonly digest: string; readonly platform: string | null; readonly size: number; readonly layers: number }; readonly to: { readonly digest: string; readonly platform: string | null; readonly size: number; readonly layers: number }; readonly same_layers: number; readonly removed_layers: readonly ({ readonly digest: string; readonly size: number })[]; readonly added_layers: readonly ({ readonly digest: string; readonly size: number })[]; readonly config: readonly ({ readonly name: string; readonly from: string | null; readonly to: string | null })[]; readonly env: readonly ({ readonly name: string; readonly from: string | null; readonly to: string | null })[]; readonly labels: readonly ({ readonly name: string; readonly from: string | null; readonly to: string | null })[] }
>("GET", "/api/v1/repositories/{repository}/images/{reference}/compare");

/** Lists the files that differ between two images, as diff -r does of both unpacked. */
export const getRepositoriesImagesCompareFilesOfRepositoryReference = /* @__PURE__ */ operation<
  { readonly repository: string; readonly reference: string; readonly with: string; readonly with_repository?: string | undefined; readonly platform?: string | undefined; readonly with_platform?: string | undefined; readonly limit?: number | undefined; readonly after?: string | undefined },
  { readonly items: readonly ({ readonly path: string; readonly change: "added" | "removed" | "changed"; readonly from: { readonly kind: "file" | "directory" | "symlink" | "hardlink" | "character device" | "block device" | "fifo" | "whiteout" | "opaque"; readonly size: number; readonly link: string | null } | null; readonly to: { readonly kind: "file" | "directory" | "symlink" | "hardlink" | "character device" | "block device" | "fifo" | "whiteout" | "opaque"; readonly size: number; readonly link: string | null } | null })[]; readonly next: string | null }
>("GET", "/api/v1/repositories/{repository}/images/{reference}/compare/files");

/** Keeps a tag from moving and from being deleted. */
export const putRepositoriesTagsLockOfRepositoryTag = /* @__PURE__ */ operation<
  { readonly repository: string; readonly tag: string },
  { readonly name: string; readonly digest: string; readonly locked_at: string | null }
>("PUT", "/api/v1/repositories/{repository}/tags/{tag}/lock");

/** Lets a locked tag move again. */
export const deleteRepositoriesTagsLockOfRepositoryTag = /* @__PURE__ */ operation<
  { readonly repository: string; readonly tag: string },
  { readonly name: string; readonly digest: string; readonly locked_at: string | null }
>("DELETE", "/api/v1/repositories/{repository}/tags/{tag}/lock");

/** Lists the moves of a tag, newest first: also of one that was deleted. */
export const getRepositoriesTagsHistoryOfRepositoryTag = /* @__PURE__ */ operation<
  { readonly repository: string; readonly tag: string; readonly limit?: number | undefined; readonly after?: string | undefined },
  { readonly items: readonly ({ readonly version: number; readonly moved_at: string; readonly moved_by: string | null; readonly cause: string; readonly from: string | null; readonly to: string | null; readonly trash_id: string | null })[]; readonly next: string | null }
>("GET", "/api/v1/repositories/{repository}/tags/{tag}/history");

/** Points a tag to what it pointed to before, out of the trash where it lies there. */
export const postRepositoriesTagsRestoreOfRepositoryTag = /* @__PURE__ */ operation<
  { readonly repository: string; readonly tag: string; readonly to?: string | undefined; readonly version?: number | undefined; readonly at?: string | undefined },
  { readonly name: string; readonly from: string | null; readonly to: string }
>("POST", "/api/v1/repositories/{repository}/tags/{tag}/restore");

/** Lists the tags of a repository as they were at a time, also of one that was deleted since. */
export const getRepositoriesPastOfRepository = /* @__PURE__ */ operation<
  { readonly repository: string; readonly at: string; readonly limit?: number | undefined; readonly after?: string | undefined },
  { readonly items: readonly ({ readonly name: string; readonly digest: string; readonly media_type: string; readonly moved_at: string; readonly moved_by: string | null; readonly pull: string })[]; readonly next: string | null }
>("GET", "/api/v1/repositories/{repository}/past");

/** Lists the rules that keep tags of a project as they are. */
export const getProjectsTagRulesOfProject = /* @__PURE__ */ operation<
  { readonly project: string; readonly limit?: number | undefined; readonly after?: string | undefined },
  { readonly items: readonly ({ readonly id: string; readonly pattern: string; readonly tags: readonly (string)[]; readonly except_tags: readonly (string)[]; readonly retention_may_expire: boolean; readonly created_at: string; readonly version: number })[]; readonly next: string | null }
>("GET", "/api/v1/projects/{project}/tag-rules");

/** Keeps tags from moving and from being deleted, by patterns. */
export const postProjectsTagRulesOfProject = /* @__PURE__ */ operation<
  { readonly project: string; readonly pattern?: string | undefined; readonly tags: readonly (string)[]; readonly except_tags?: readonly (string)[] | undefined; readonly retention_may_expire?: boolean | undefined },
  { readonly id: string; readonly pattern: string; readonly tags: readonly (string)[]; readonly except_tags: readonly (string)[]; readonly retention_may_expire: boolean; readonly created_at: string; readonly version: number }
>("POST", "/api/v1/projects/{project}/tag-rules");

/** Changes a rule that keeps tags as they are. */
export const patchProjectsTagRulesOfProjectId = /* @__PURE__ */ operation<
  { readonly project: string; readonly id: string; readonly pattern?: string | undefined; readonly tags?: readonly (string)[] | undefined; readonly except_tags?: readonly (string)[] | undefined; readonly retention_may_expire?: boolean | undefined },
  { readonly id: string; readonly pattern: string; readonly tags: readonly (string)[]; readonly except_tags: readonly (string)[]; readonly retention_may_expire: boolean; readonly created_at: string; readonly version: number }
>("PATCH", "/api/v1/projects/{project}/tag-rules/{id}");

/** Deletes a rule: its tags may move again. */
export const deleteProjectsTagRulesOfProjectId = /* @__PURE__ */ operation<
  { readonly project: string; readonly id: string },
  undefined
>("DELETE", "/api/v1/projects/{project}/tag-rules/{id}");

/** Lists the groups by name. */
export const getGroups = /* @__PURE__ */ operation<
  { readonly limit?: number | undefined; readonly after?: string | undefined },
  { readonly items: readonly ({ readonly name: string; readonly description: string; readonly created_at: string; readonly version: number })[]; readonly next: string | null }
>("GET", "/api/v1/groups");

/** Makes a group, which can be given roles and grants like a user. */
export const postGroups = /* @__PURE__ */ operation<
  { readonly name: string; readonly description?: string | undefined },
  { readonly name: string; readonly description: string; readonly created_at: string; readonly version: number }
>("POST", "/api/v1/groups");

/** Shows a group. */
export const getGroupsOfGroup = /* @__PURE__ */ operation<
  { readonly group: string },
  { readonly name: string; readonly description: string; readonly created_at: string; readonly version: number }
>("GET", "/api/v1/groups/{group}");

/** Changes the description of a group. */
export const patchGroupsOfGroup = /* @__PURE__ */ operation<
  { readonly group: string; readonly description: string },
  { readonly name: string; readonly description: string; readonly created_at: string; readonly version: number }
>("PATCH", "/api/v1/groups/{group}");

/** Deletes a group, and with it what was granted to it. */
export const deleteGroupsOfGroup = /* @__PURE__ */ operation<
  { readonly group: string },
  undefined
>("DELETE", "/api/v1/groups/{group}");

/** Lists the users and robots in a group. */
export const getGroupsMembersOfGroup = /* @__PURE__ */ operation<
  { readonly group: string; readonly limit?: number | undefined; readonly after?: string | undefined },
  { readonly items: readonly ({ readonly member: string; readonly kind: "user" | "robot" })[]; readonly next: string | null }
>("GET", "/api/v1/groups/{group}/members");

/** Puts a user or robot into a group. */
export const putGroupsMembersOfGroupMember = /* @__PURE__ */ operation<
  { readonly group: string; readonly member: string },
  { readonly group: string; readonly member: string }
>("PUT", "/api/v1/groups/{group}/members/{member}");

/** Takes a user or robot out of a group. */
export const deleteGroupsMembersOfGroupMember = /* @__PURE__ */ operation<
  { readonly group: string; readonly member: string },
  undefined
>("DELETE", "/api/v1/groups/{group}/members/{member}");

/** Lists the roles: those built in, then the others by name. */
export const getRoles = /* @__PURE__ */ operation<
  { readonly limit?: number | undefined; readonly after?: string | undefined },
  { readonly items: readonly ({ readonly name: string; readonly description: string; readonly actions: readonly (string)[]; readonly built_in: boolean; readonly version: number })[]; readonly next: string | null }
>("GET", "/api/v1/roles");

/** Makes a role beside those built in. */
export const postRoles = /* @__PURE__ */ operation<
  { readonly name: string; readonly description?: string | undefined; readonly actions: readonly ("repository:pull" | "repository:push" | "repository:edit" | "repository:delete" | "repository:lock" | "project:read" | "project:manage" | "project:create")[] },
  { readonly name: string; readonly description: string; readonly actions: readonly (string)[]; readonly built_in: boolean; readonly version: number }
>("POST", "/api/v1/roles");

/** Shows a role. */
export const getRolesOfRole = /* @__PURE__ */ operation<
  { readonly role: string },
  { readonly name: string; readonly description: string; readonly actions: readonly (string)[]; readonly built_in: boolean; readonly version: number }
>("GET", "/api/v1/roles/{role}");

/** Changes a role for everybody who has it. */
export const patchRolesOfRole = /* @__PURE__ */ operation<
  { readonly role: string; readonly description?: string | undefined; readonly actions?: readonly ("repository:pull" | "repository:push" | "repository:edit" | "repository:delete" | "repository:lock" | "project:read" | "project:manage" | "project:create")[] | undefined },
  { readonly name: string; readonly description: string; readonly actions: readonly (string)[]; readonly built_in: boolean; readonly version: number }
>("PATCH", "/api/v1/roles/{role}");

/** Deletes a role that nobody has. */
export const deleteRolesOfRole = /* @__PURE__ */ operation<
  { readonly role: string },
  undefined
>("DELETE", "/api/v1/roles/{role}");

/** Lists the grants that hold in every project, in the order in which they were made. */
export const getGrants = /* @__PURE__ */ operation<
  { readonly limit?: number | undefined; readonly after?: string | undefined },
  { readonly items: readonly ({ readonly id: string; readonly subject: string; readonly effect: "allow" | "deny"; readonly pattern: string; readonly tag_pattern: string | null; readonly role: string | null; readonly actions: readonly (string)[] | null; readonly cidrs: readonly (string)[]; readonly expires_at: string | null; readonly created_at: string })[]; readonly next: string | null }
>("GET", "/api/v1/grants");

/** Grants or denies something in every project. */
export const postGrants = /* @__PURE__ */ operation<
  { readonly subject: string; readonly effect?: "allow" | "deny" | undefined; readonly pattern?: string | undefined; readonly tag_pattern?: string | null | undefined; readonly role?: string | undefined; readonly actions?: readonly ("repository:pull" | "repository:push" | "repository:edit" | "repository:delete" | "repository:lock" | "project:read" | "project:manage" | "project:create")[] | undefined; readonly cidrs?: readonly (string)[] | undefined; readonly expires_at?: string | null | undefined },
  { readonly id: string; readonly subject: string; readonly effect: "allow" | "deny"; readonly pattern: string; readonly tag_pattern: string | null; readonly role: string | null; readonly actions: readonly (string)[] | null; readonly cidrs: readonly (string)[]; readonly expires_at: string | null; readonly created_at: string }
>("POST", "/api/v1/grants");

/** Lists the grants of a project, members' roles among them. */
export const getProjectsGrantsOfProject = /* @__PURE__ */ operation<
  { readonly project: string; readonly limit?: number | undefined; readonly after?: string | undefined },
  { readonly items: readonly ({ readonly id: string; readonly subject: string; readonly effect: "allow" | "deny"; readonly pattern: string; readonly tag_pattern: string | null; readonly role: string | null; readonly actions: readonly (string)[] | null; readonly cidrs: readonly (string)[]; readonly expires_at: string | null; readonly created_at: string })[]; readonly next: string | null }
>("GET", "/api/v1/projects/{project}/grants");

/** Grants or denies something within a project. */
export const postProjectsGrantsOfProject = /* @__PURE__ */ operation<
  { readonly project: string; readonly subject: string; readonly effect?: "allow" | "deny" | undefined; readonly pattern?: string | undefined; readonly tag_pattern?: string | null | undefined; readonly role?: string | undefined; readonly actions?: readonly ("repository:pull" | "repository:push" | "repository:edit" | "repository:delete" | "repository:lock" | "project:read" | "project:manage" | "project:create")[] | undefined; readonly cidrs?: readonly (string)[] | undefined; readonly expires_at?: string | null | undefined },
  { readonly id: string; readonly subject: string; readonly effect: "allow" | "deny"; readonly pattern: string; readonly tag_pattern: string | null; readonly role: string | null; readonly actions: readonly (string)[] | null; readonly cidrs: readonly (string)[]; readonly expires_at: string | null; readonly created_at: string }
>("POST", "/api/v1/projects/{project}/grants");

/** Deletes a grant that holds in every project. */
export const deleteGrantsOfId = /* @__PURE__ */ operation<
  { readonly id: string },
  undefined
>("DELETE", "/api/v1/grants/{id}");

/** Deletes a grant of a project. */
export const deleteProjectsGrantsOfProjectId = /* @__PURE__ */ operation<
  { readonly project: string; readonly id: string },
  undefined
>("DELETE", "/api/v1/projects/{project}/grants/{id}");

/** Lists the rate limits. */
export const getRateLimits = /* @__PURE__ */ operation<
  { readonly limit?: number | undefined; readonly after?: string | undefined },
  { readonly items: readonly ({ readonly id: string; readonly applies_to: "anonymous" | "user" | "robot" | "principal"; readonly name: string | null; readonly counts: "pulls" | "requests"; readonly amount: number; readonly window_seconds: number; readonly created_at: string; readonly version: number })[]; readonly next: string | null }
>("GET", "/api/v1/rate-limits");

/** Limits pulls or requests of one user or robot, of each of them, or of each network. */
export const postRateLimits = /* @__PURE__ */ operation<
  { readonly applies_to: "anonymous" | "user" | "robot" | "principal"; readonly name?: string | undefined; readonly counts: "pulls" | "requests"; readonly amount: number; readonly window_seconds: number },
  { readonly id: string; readonly applies_to: "anonymous" | "user" | "robot" | "principal"; readonly name: string | null; readonly counts: "pulls" | "requests"; readonly amount: number; readonly window_seconds: number; readonly created_at: string; readonly version: number }
>("POST", "/api/v1/rate-limits");

/** Changes a rate limit. */
export const patchRateLimitsOfId = /* @__PURE__ */ operation<
  { readonly id: string; readonly amount?: number | undefined; readonly window_seconds?: number | undefined },
  { readonly id: string; readonly applies_to: "anonymous" | "user" | "robot" | "principal"; readonly name: string | null; readonly counts: "pulls" | "requests"; readonly amount: number; readonly window_seconds: number; readonly created_at: string; readonly version: number }
>("PATCH", "/api/v1/rate-limits/{id}");

/** Deletes a rate limit. */
export const deleteRateLimitsOfId = /* @__PURE__ */ operation<
  { readonly id: string },
  undefined
>("DELETE", "/api/v1/rate-limits/{id}");

/** Says what decides whether somebody may do something: the grant or rule, or what is missing. */
export const getAccessWhy = /* @__PURE__ */ operation<
  { readonly user: string; readonly action: string; readonly ref?: string | undefined; readonly address?: string | undefined },
  { readonly allowed: boolean; readonly user: string; readonly action: string; readonly resource: string; readonly reason: string; readonly exists: boolean; readonly rule: string; readonly grant: { readonly id: string; readonly effect: "allow" | "deny"; readonly pattern: string; readonly tag_pattern: string | null; readonly role: string | null; readonly group: string | null; readonly everywhere: boolean; readonly expires_at: string | null } | null; readonly others: readonly ({ readonly id: string; readonly effect: "allow" | "deny"; readonly pattern: string; readonly tag_pattern: string | null; readonly role: string | null; readonly group: string | null; readonly everywhere: boolean; readonly expires_at: string | null; readonly because: string })[] }
>("GET", "/api/v1/access/why");

/** Finds projects, repositories, tags and images among those that one may see. */
export const getSearch = /* @__PURE__ */ operation<
  { readonly q: string; readonly kind?: "project" | "repository" | "tag" | "image" | undefined; readonly limit?: number | undefined; readonly after?: string | undefined },
  { readonly items: readonly ({ readonly kind: "project" | "repository" | "tag" | "image"; readonly name: string; readonly description: string; readonly digest: string | null })[]; readonly next: string | null }
>("GET", "/api/v1/search");

/** Lists the tags that were pushed or moved last, among those that one may see. */
export const getRecentPushes = /* @__PURE__ */ operation<
  { readonly mine?: string | undefined; readonly limit?: number | undefined },
  { readonly items: readonly ({ readonly repository: string; readonly tag: string; readonly digest: string; readonly pushed_at: string; readonly pushed_by: string | null })[]; readonly complete: boolean }
>("GET", "/api/v1/recent/pushes");

/** Counts what was pulled lately, among what one may see, the most first. */
export const getRecentPulls = /* @__PURE__ */ operation<
  { readonly mine?: string | undefined; readonly limit?: number | undefined },
  { readonly items: readonly ({ readonly repository: string; readonly tag: string | null; readonly digest: string; readonly pulls: number; readonly last_at: string })[] }
>("GET", "/api/v1/recent/pulls");

/** Tells what somebody should look at, as far as one may mend it: failing work and webhooks, robots and trash that end soon. */
export const getAttention = /* @__PURE__ */ operation<
  Record<never, never>,
  { readonly chores: readonly ({ readonly name: string; readonly outcome: string; readonly at: string | null })[]; readonly webhooks: readonly ({ readonly id: string; readonly project: string | null; readonly url: string; readonly state: "active" | "paused" | "disabled"; readonly failures: number; readonly failing_since: string | null })[]; readonly robots: readonly ({ readonly name: string; readonly project: string | null; readonly expires_at: string })[]; readonly trash: { readonly items: number; readonly first_at: string } | null }
>("GET", "/api/v1/attention");

/** Lists the projects and repositories that one starred and may still see, by name. */
export const getStars = /* @__PURE__ */ operation<
  { readonly limit?: number | undefined; readonly after?: string | undefined },
  { readonly items: readonly ({ readonly kind: "project" | "repository"; readonly name: string; readonly description: string; readonly starred_at: string })[]; readonly next: string | null }
>("GET", "/api/v1/stars");

/** Stars a project for oneself. */
export const putProjectsStarOfProject = /* @__PURE__ */ operation<
  { readonly project: string },
  undefined
>("PUT", "/api/v1/projects/{project}/star");

/** Takes one's star of a project away. */
export const deleteProjectsStarOfProject = /* @__PURE__ */ operation<
  { readonly project: string },
  undefined
>("DELETE", "/api/v1/projects/{project}/star");

/** Stars a repository for oneself. */
export const putRepositoriesStarOfRepository = /* @__PURE__ */ operation<
  { readonly repository: string },
  undefined
>("PUT", "/api/v1/repositories/{repository}/star");

/** Takes one's star of a repository away. */
export const deleteRepositoriesStarOfRepository = /* @__PURE__ */ operation<
  { readonly repository: string },
  undefined
>("DELETE", "/api/v1/repositories/{repository}/star");

/** Lists what was changed and by whom, newest first. */
export const getAudit = /* @__PURE__ */ operation<
  { readonly actor?: string | undefined; readonly action?: string | undefined; readonly resource?: string | undefined; readonly address?: string | undefined; readonly credential?: string | undefined; readonly result?: "done" | "refused" | undefined; readonly since?: string | undefined; readonly until?: string | undefined; readonly limit?: number | undefined; readonly after?: string | undefined; readonly project?: string | undefined },
  { readonly items: readonly ({ readonly seq: number; readonly at: string; readonly actor: string; readonly actor_id: string | null; readonly credential_id: string | null; readonly address: string; readonly action: string; readonly resource: string; readonly project_id: string | null; readonly result: "done" | "refused"; readonly detail: Readonly<Record<string, unknown>>; readonly hash: string })[]; readonly next: string | null }
>("GET", "/api/v1/audit");

/** Lists what was changed in a project and by whom, newest first. */
export const getProjectsAuditOfProject = /* @__PURE__ */ operation<
  { readonly project: string; readonly actor?: string | undefined; readonly action?: string | undefined; readonly resource?: string | undefined; readonly address?: string | undefined; readonly credential?: string | undefined; readonly result?: "done" | "refused" | undefined; readonly since?: string | undefined; readonly until?: string | undefined; readonly limit?: number | undefined; readonly after?: string | undefined },
  { readonly items: readonly ({ readonly seq: number; readonly at: string; readonly actor: string; readonly actor_id: string | null; readonly credential_id: string | null; readonly address: string; readonly action: string; readonly resource: string; readonly project_id: string | null; readonly result: "done" | "refused"; readonly detail: Readonly<Record<string, unknown>>; readonly hash: string })[]; readonly next: string | null }
>("GET", "/api/v1/projects/{project}/audit");

/** Checks that no line of the audit was edited, removed, reordered, inserted or cut off. */
export const postAuditVerify = /* @__PURE__ */ operation<
  { readonly head?: string | undefined },
  { readonly ok: boolean; readonly lines: number; readonly first_seq: number; readonly head: string | null; readonly compared: boolean | null; readonly problem: { readonly kind: "edited" | "removed" | "reordered" | "inserted" | "beginning" | "end" | "rewritten" | "seal"; readonly seq: number; readonly message: string } | null }
>("POST", "/api/v1/audit/verify");

/** Shows number and hash of the last line, to be kept elsewhere. */
export const getAuditHead = /* @__PURE__ */ operation<
  Record<never, never>,
  { readonly head: string | null }
>("GET", "/api/v1/audit/head");

/** Lists the webhooks of a project. */
export const getProjectsWebhooksOfProject = /* @__PURE__ */ operation<
  { readonly project: string; readonly limit?: number | undefined; readonly after?: string | undefined },
  { readonly items: readonly ({ readonly id: string; readonly project: string | null; readonly url: string; readonly format: "cloudevents" | "harbor" | "dockerhub" | "quay" | "distribution" | "text"; readonly template: string | null; readonly events: readonly ("image.pushed" | "image.deleted" | "image.restored" | "image.pulled" | "tag.moved" | "tag.deleted" | "tag.restored" | "repository.created" | "repository.changed" | "repository.deleted" | "repository.restored" | "project.created" | "project.changed" | "project.deleted" | "project.restored" | "member.changed" | "member.removed" | "robot.expiring" | "chore.failed" | "webhook.disabled")[]; readonly pattern: string; readonly description: string; readonly state: "active" | "paused" | "disabled"; readonly failures: number; readonly failing_since: string | null; readonly next_attempt_at: string | null; readonly created_at: string; readonly version: number })[]; readonly next: string | null }
>("GET", "/api/v1/projects/{project}/webhooks");

/** Makes a webhook of a project: an address that is told of what happens. The secret that messages are signed with is shown once. */
export const postProjectsWebhooksOfProject = /* @__PURE__ */ operation<
  { readonly project: string; readonly url: string; readonly format?: "cloudevents" | "harbor" | "dockerhub" | "quay" | "distribution" | "text" | undefined; readonly template?: string | undefined; readonly events?: readonly ("image.pushed" | "image.deleted" | "image.restored" | "image.pulled" | "tag.moved" | "tag.deleted" | "tag.restored" | "repository.created" | "repository.changed" | "repository.deleted" | "repository.restored" | "project.created" | "project.changed" | "project.deleted" | "project.restored" | "member.changed" | "member.removed" | "robot.expiring" | "chore.failed" | "webhook.disabled")[] | undefined; readonly pattern?: string | undefined; readonly description?: string | undefined },
  { readonly id: string; readonly project: string | null; readonly url: string; readonly format: "cloudevents" | "harbor" | "dockerhub" | "quay" | "distribution" | "text"; readonly template: string | null; readonly events: readonly ("image.pushed" | "image.deleted" | "image.restored" | "image.pulled" | "tag.moved" | "tag.deleted" | "tag.restored" | "repository.created" | "repository.changed" | "repository.deleted" | "repository.restored" | "project.created" | "project.changed" | "project.deleted" | "project.restored" | "member.changed" | "member.removed" | "robot.expiring" | "chore.failed" | "webhook.disabled")[]; readonly pattern: string; readonly description: string; readonly state: "active" | "paused" | "disabled"; readonly failures: number; readonly failing_since: string | null; readonly next_attempt_at: string | null; readonly created_at: string; readonly version: number; readonly secret: string }
>("POST", "/api/v1/projects/{project}/webhooks");

/** Shows a webhook of a project. */
export const getProjectsWebhooksOfProjectWebhook = /* @__PURE__ */ operation<
  { readonly project: string; readonly webhook: string },
  { readonly id: string; readonly project: string | null; readonly url: string; readonly format: "cloudevents" | "harbor" | "dockerhub" | "quay" | "distribution" | "text"; readonly template: string | null; readonly events: readonly ("image.pushed" | "image.deleted" | "image.restored" | "image.pulled" | "tag.moved" | "tag.deleted" | "tag.restored" | "repository.created" | "repository.changed" | "repository.deleted" | "repository.restored" | "project.created" | "project.changed" | "project.deleted" | "project.restored" | "member.changed" | "member.removed" | "robot.expiring" | "chore.failed" | "webhook.disabled")[]; readonly pattern: string; readonly description: string; readonly state: "active" | "paused" | "disabled"; readonly failures: number; readonly failing_since: string | null; readonly next_attempt_at: string | null; readonly created_at: string; readonly version: number }
>("GET", "/api/v1/projects/{project}/webhooks/{webhook}");

/** Changes a webhook of a project, or lets one begin again that was disabled. */
export const patchProjectsWebhooksOfProjectWebhook = /* @__PURE__ */ operation<
  { readonly project: string; readonly webhook: string; readonly url?: string | undefined; readonly template?: string | undefined; readonly events?: readonly ("image.pushed" | "image.deleted" | "image.restored" | "image.pulled" | "tag.moved" | "tag.deleted" | "tag.restored" | "repository.created" | "repository.changed" | "repository.deleted" | "repository.restored" | "project.created" | "project.changed" | "project.deleted" | "project.restored" | "member.changed" | "member.removed" | "robot.expiring" | "chore.failed" | "webhook.disabled")[] | undefined; readonly pattern?: string | undefined; readonly description?: string | undefined; readonly enabled?: boolean | undefined },
  { readonly id: string; readonly project: string | null; readonly url: string; readonly format: "cloudevents" | "harbor" | "dockerhub" | "quay" | "distribution" | "text"; readonly template: string | null; readonly events: readonly ("image.pushed" | "image.deleted" | "image.restored" | "image.pulled" | "tag.moved" | "tag.deleted" | "tag.restored" | "repository.created" | "repository.changed" | "repository.deleted" | "repository.restored" | "project.created" | "project.changed" | "project.deleted" | "project.restored" | "member.changed" | "member.removed" | "robot.expiring" | "chore.failed" | "webhook.disabled")[]; readonly pattern: string; readonly description: string; readonly state: "active" | "paused" | "disabled"; readonly failures: number; readonly failing_since: string | null; readonly next_attempt_at: string | null; readonly created_at: string; readonly version: number }
>("PATCH", "/api/v1/projects/{project}/webhooks/{webhook}");

/** Deletes a webhook of a project, and what waits for it. */
export const deleteProjectsWebhooksOfProjectWebhook = /* @__PURE__ */ operation<
  { readonly project: string; readonly webhook: string },
  undefined
>("DELETE", "/api/v1/projects/{project}/webhooks/{webhook}");

/** Lists what was sent to a webhook of a project, and what waits; the last first. */
export const getProjectsWebhooksDeliveriesOfProjectWebhook = /* @__PURE__ */ operation<
  { readonly project: string; readonly webhook: string; readonly limit?: number | undefined; readonly after?: string | undefined },
  { readonly items: readonly ({ readonly id: string; readonly event_id: string; readonly type: string; readonly state: "pending" | "delivered" | "failed"; readonly created_at: string; readonly attempts: number; readonly attempted_at: string | null; readonly duration_ms: number | null; readonly status: number | null; readonly error: string | null })[]; readonly next: string | null }
>("GET", "/api/v1/projects/{project}/webhooks/{webhook}/deliveries");

/** Shows a message to a webhook of a project: what was sent, and what was answered. */
export const getProjectsWebhooksDeliveriesOfProjectWebhookDelivery = /* @__PURE__ */ operation<
  { readonly project: string; readonly webhook: string; readonly delivery: string },
  { readonly id: string; readonly event_id: string; readonly type: string; readonly state: "pending" | "delivered" | "failed"; readonly created_at: string; readonly attempts: number; readonly attempted_at: string | null; readonly duration_ms: number | null; readonly status: number | null; readonly error: string | null; readonly request: { readonly url: string; readonly headers: Readonly<Record<string, string>>; readonly body: string }; readonly answer: { readonly headers: Readonly<Record<string, string>>; readonly body: string } | null }
>("GET", "/api/v1/projects/{project}/webhooks/{webhook}/deliveries/{delivery}");

/** Sends a message to a webhook of a project once more, behind those that wait. */
export const postProjectsWebhooksDeliveriesRedeliverOfProjectWebhookDelivery = /* @__PURE__ */ operation<
  { readonly project: string; readonly webhook: string; readonly delivery: string },
  { readonly id: string; readonly event_id: string; readonly type: string; readonly state: "pending" | "delivered" | "failed"; readonly created_at: string; readonly attempts: number; readonly attempted_at: string | null; readonly duration_ms: number | null; readonly status: number | null; readonly error: string | null }
>("POST", "/api/v1/projects/{project}/webhooks/{webhook}/deliveries/{delivery}/redeliver");

/** Tells a webhook of a project once more what happened since a time, behind what waits. */
export const postProjectsWebhooksReplayOfProjectWebhook = /* @__PURE__ */ operation<
  { readonly project: string; readonly webhook: string; readonly since: string; readonly until?: string | undefined },
  { readonly messages: number; readonly next: string | null }
>("POST", "/api/v1/projects/{project}/webhooks/{webhook}/replay");

/** Sends a message to a webhook of a project now that tells of nothing, and shows what was answered. */
export const postProjectsWebhooksTestOfProjectWebhook = /* @__PURE__ */ operation<
  { readonly project: string; readonly webhook: string },
  { readonly id: string; readonly event_id: string; readonly type: string; readonly state: "pending" | "delivered" | "failed"; readonly created_at: string; readonly attempts: number; readonly attempted_at: string | null; readonly duration_ms: number | null; readonly status: number | null; readonly error: string | null; readonly request: { readonly url: string; readonly headers: Readonly<Record<string, string>>; readonly body: string }; readonly answer: { readonly headers: Readonly<Record<string, string>>; readonly body: string } | null }
>("POST", "/api/v1/projects/{project}/webhooks/{webhook}/test");

/** Lists the webhooks of the registry. */
export const getWebhooks = /* @__PURE__ */ operation<
  { readonly limit?: number | undefined; readonly after?: string | undefined },
  { readonly items: readonly ({ readonly id: string; readonly project: string | null; readonly url: string; readonly format: "cloudevents" | "harbor" | "dockerhub" | "quay" | "distribution" | "text"; readonly template: string | null; readonly events: readonly ("image.pushed" | "image.deleted" | "image.restored" | "image.pulled" | "tag.moved" | "tag.deleted" | "tag.restored" | "repository.created" | "repository.changed" | "repository.deleted" | "repository.restored" | "project.created" | "project.changed" | "project.deleted" | "project.restored" | "member.changed" | "member.removed" | "robot.expiring" | "chore.failed" | "webhook.disabled")[]; readonly pattern: string; readonly description: string; readonly state: "active" | "paused" | "disabled"; readonly failures: number; readonly failing_since: string | null; readonly next_attempt_at: string | null; readonly created_at: string; readonly version: number })[]; readonly next: string | null }
>("GET", "/api/v1/webhooks");

/** Makes a webhook of the registry: an address that is told of what happens. The secret that messages are signed with is shown once. */
export const postWebhooks = /* @__PURE__ */ operation<
  { readonly url: string; readonly format?: "cloudevents" | "harbor" | "dockerhub" | "quay" | "distribution" | "text" | undefined; readonly template?: string | undefined; readonly events?: readonly ("image.pushed" | "image.deleted" | "image.restored" | "image.pulled" | "tag.moved" | "tag.deleted" | "tag.restored" | "repository.created" | "repository.changed" | "repository.deleted" | "repository.restored" | "project.created" | "project.changed" | "project.deleted" | "project.restored" | "member.changed" | "member.removed" | "robot.expiring" | "chore.failed" | "webhook.disabled")[] | undefined; readonly pattern?: string | undefined; readonly description?: string | undefined },
  { readonly id: string; readonly project: string | null; readonly url: string; readonly format: "cloudevents" | "harbor" | "dockerhub" | "quay" | "distribution" | "text"; readonly template: string | null; readonly events: readonly ("image.pushed" | "image.deleted" | "image.restored" | "image.pulled" | "tag.moved" | "tag.deleted" | "tag.restored" | "repository.created" | "repository.changed" | "repository.deleted" | "repository.restored" | "project.created" | "project.changed" | "project.deleted" | "project.restored" | "member.changed" | "member.removed" | "robot.expiring" | "chore.failed" | "webhook.disabled")[]; readonly pattern: string; readonly description: string; readonly state: "active" | "paused" | "disabled"; readonly failures: number; readonly failing_since: string | null; readonly next_attempt_at: string | null; readonly created_at: string; readonly version: number; readonly secret: string }
>("POST", "/api/v1/webhooks");

/** Shows a webhook of the registry. */
export const getWebhooksOfWebhook = /* @__PURE__ */ operation<
  { readonly webhook: string },
  { readonly id: string; readonly project: string | null; readonly url: string; readonly format: "cloudevents" | "harbor" | "dockerhub" | "quay" | "distribution" | "text"; readonly template: string | null; readonly events: readonly ("image.pushed" | "image.deleted" | "image.restored" | "image.pulled" | "tag.moved" | "tag.deleted" | "tag.restored" | "repository.created" | "repository.changed" | "repository.deleted" | "repository.restored" | "project.created" | "project.changed" | "project.deleted" | "project.restored" | "member.changed" | "member.removed" | "robot.expiring" | "chore.failed" | "webhook.disabled")[]; readonly pattern: string; readonly description: string; readonly state: "active" | "paused" | "disabled"; readonly failures: number; readonly failing_since: string | null; readonly next_attempt_at: string | null; readonly created_at: string; readonly version: number }
>("GET", "/api/v1/webhooks/{webhook}");

/** Changes a webhook of the registry, or lets one begin again that was disabled. */
export const patchWebhooksOfWebhook = /* @__PURE__ */ operation<
  { readonly webhook: string; readonly url?: string | undefined; readonly template?: string | undefined; readonly events?: readonly ("image.pushed" | "image.deleted" | "image.restored" | "image.pulled" | "tag.moved" | "tag.deleted" | "tag.restored" | "repository.created" | "repository.changed" | "repository.deleted" | "repository.restored" | "project.created" | "project.changed" | "project.deleted" | "project.restored" | "member.changed" | "member.removed" | "robot.expiring" | "chore.failed" | "webhook.disabled")[] | undefined; readonly pattern?: string | undefined; readonly description?: string | undefined; readonly enabled?: boolean | undefined },
  { readonly id: string; readonly project: string | null; readonly url: string; readonly format: "cloudevents" | "harbor" | "dockerhub" | "quay" | "distribution" | "text"; readonly template: string | null; readonly events: readonly ("image.pushed" | "image.deleted" | "image.restored" | "image.pulled" | "tag.moved" | "tag.deleted" | "tag.restored" | "repository.created" | "repository.changed" | "repository.deleted" | "repository.restored" | "project.created" | "project.changed" | "project.deleted" | "project.restored" | "member.changed" | "member.removed" | "robot.expiring" | "chore.failed" | "webhook.disabled")[]; readonly pattern: string; readonly description: string; readonly state: "active" | "paused" | "disabled"; readonly failures: number; readonly failing_since: string | null; readonly next_attempt_at: string | null; readonly created_at: string; readonly version: number }
>("PATCH", "/api/v1/webhooks/{webhook}");

/** Deletes a webhook of the registry, and what waits for it. */
export const deleteWebhooksOfWebhook = /* @__PURE__ */ operation<
  { readonly webhook: string },
  undefined
>("DELETE", "/api/v1/webhooks/{webhook}");

/** Lists what was sent to a webhook of the registry, and what waits; the last first. */
export const getWebhooksDeliveriesOfWebhook = /* @__PURE__ */ operation<
  { readonly webhook: string; readonly limit?: number | undefined; readonly after?: string | undefined },
  { readonly items: readonly ({ readonly id: string; readonly event_id: string; readonly type: string; readonly state: "pending" | "delivered" | "failed"; readonly created_at: string; readonly attempts: number; readonly attempted_at: string | null; readonly duration_ms: number | null; readonly status: number | null; readonly error: string | null })[]; readonly next: string | null }
>("GET", "/api/v1/webhooks/{webhook}/deliveries");

/** Shows a message to a webhook of the registry: what was sent, and what was answered. */
export const getWebhooksDeliveriesOfWebhookDelivery = /* @__PURE__ */ operation<
  { readonly webhook: string; readonly delivery: string },
  { readonly id: string; readonly event_id: string; readonly type: string; readonly state: "pending" | "delivered" | "failed"; readonly created_at: string; readonly attempts: number; readonly attempted_at: string | null; readonly duration_ms: number | null; readonly status: number | null; readonly error: string | null; readonly request: { readonly url: string; readonly headers: Readonly<Record<string, string>>; readonly body: string }; readonly answer: { readonly headers: Readonly<Record<string, string>>; readonly body: string } | null }
>("GET", "/api/v1/webhooks/{webhook}/deliveries/{delivery}");

/** Sends a message to a webhook of the registry once more, behind those that wait. */
export const postWebhooksDeliveriesRedeliverOfWebhookDelivery = /* @__PURE__ */ operation<
  { readonly webhook: string; readonly delivery: string },
  { readonly id: string; readonly event_id: string; readonly type: string; readonly state: "pending" | "delivered" | "failed"; readonly created_at: string; readonly attempts: number; readonly attempted_at: string | null; readonly duration_ms: number | null; readonly status: number | null; readonly error: string | null }
>("POST", "/api/v1/webhooks/{webhook}/deliveries/{delivery}/redeliver");

/** Tells a webhook of the registry once more what happened since a time, behind what waits. */
export const postWebhooksReplayOfWebhook = /* @__PURE__ */ operation<
  { readonly webhook: string; readonly since: string; readonly until?: string | undefined },
  { readonly messages: number; readonly next: string | null }
>("POST", "/api/v1/webhooks/{webhook}/replay");

/** Sends a message to a webhook of the registry now that tells of nothing, and shows what was answered. */
export const postWebhooksTestOfWebhook = /* @__PURE__ */ operation<
  { readonly webhook: string },
  { readonly id: string; readonly event_id: string; readonly type: string; readonly state: "pending" | "delivered" | "failed"; readonly created_at: string; readonly attempts: number; readonly attempted_at: string | null; readonly duration_ms: number | null; readonly status: number | null; readonly error: string | null; readonly request: { readonly url: string; readonly headers: Readonly<Record<string, string>>; readonly body: string }; readonly answer: { readonly headers: Readonly<Record<string, string>>; readonly body: string } | null }
>("POST", "/api/v1/webhooks/{webhook}/test");

/** Lists who pulled what from a repository, newest first. */
export const getRepositoriesPullsOfRepository = /* @__PURE__ */ operation<
  { readonly repository: string; readonly digest?: string | undefined; readonly limit?: number | undefined; readonly after?: string | undefined },
  { readonly items: readonly ({ readonly at: string; readonly digest: string; readonly tag: string | null; readonly platform: string | null; readonly principal: string | null; readonly workload: string | null; readonly credential_id: string | null; readonly address: string; readonly user_agent: string })[]; readonly next: string | null }
>("GET", "/api/v1/repositories/{repository}/pulls");

/** Counts the pulls of each manifest of a repository, of the last 30 days and in all. */
export const getRepositoriesPullsSummaryOfRepository = /* @__PURE__ */ operation<
  { readonly repository: string; readonly digest?: string | undefined; readonly limit?: number | undefined; readonly after?: string | undefined },
  { readonly items: readonly ({ readonly digest: string; readonly recent: number; readonly total: number; readonly last_day: string })[]; readonly next: string | null }
>("GET", "/api/v1/repositories/{repository}/pulls/summary");

/** Lists who pulled what from the whole registry, newest first. */
export const getPulls = /* @__PURE__ */ operation<
  { readonly principal?: string | undefined; readonly repository?: string | undefined; readonly address?: string | undefined; readonly since?: string | undefined; readonly until?: string | undefined; readonly limit?: number | undefined; readonly after?: string | undefined },
  { readonly items: readonly ({ readonly at: string; readonly digest: string; readonly tag: string | null; readonly platform: string | null; readonly principal: string | null; readonly workload: string | null; readonly credential_id: string | null; readonly address: string; readonly user_agent: string; readonly repository: string | null })[]; readonly next: string | null; readonly looked_back_to: string | null }
>("GET", "/api/v1/pulls");

/** Tells how many bytes everything takes, and what holds them. */
export const getUsage = /* @__PURE__ */ operation<
  Record<never, never>,
  { readonly logical_bytes: number; readonly unique_bytes: number; readonly shared_bytes: number; readonly leased_bytes: number; readonly trash_bytes: number; readonly trash_until: string | null; readonly reclaimable_bytes: number; readonly stored_bytes: number; readonly blobs: number }
>("GET", "/api/v1/usage");

/** Lists how many bytes everything took, the latest day first; a year is kept. */
export const getUsageHistory = /* @__PURE__ */ operation<
  { readonly limit?: number | undefined; readonly after?: string | undefined },
  { readonly items: readonly ({ readonly day: string; readonly stored_bytes: number; readonly logical_bytes: number; readonly trash_bytes: number; readonly blobs: number; readonly measured_at: string })[]; readonly next: string | null }
>("GET", "/api/v1/usage/history");

/** Tells how many bytes a project takes, and what holds them. */
export const getProjectsUsageOfProject = /* @__PURE__ */ operation<
  { readonly project: string },
  { readonly logical_bytes: number; readonly unique_bytes: number; readonly shared_bytes: number; readonly leased_bytes: number; readonly trash_bytes: number; readonly trash_until: string | null; readonly reclaimable_bytes: number }
>("GET", "/api/v1/projects/{project}/usage");

/** Tells how many bytes a repository takes, and what it shares within its project. */
export const getRepositoriesUsageOfRepository = /* @__PURE__ */ operation<
  { readonly repository: string },
  { readonly logical_bytes: number; readonly unique_bytes: number; readonly shared_bytes: number; readonly leased_bytes: number; readonly trash_bytes: number; readonly trash_until: string | null; readonly reclaimable_bytes: number }
>("GET", "/api/v1/repositories/{repository}/usage");

/** Lists what is in the trash and one may restore, the newest first. */
export const getTrash = /* @__PURE__ */ operation<
  { readonly project?: string | undefined; readonly repository?: string | undefined; readonly limit?: number | undefined; readonly after?: string | undefined },
  { readonly items: readonly ({ readonly id: string; readonly kind: "tag" | "manifest" | "blob" | "repository" | "project"; readonly name: string; readonly digest: string | null; readonly manifests: number; readonly tags: readonly (string)[]; readonly tag_count: number; readonly deleted_at: string; readonly deleted_by: string | null; readonly reason: string | null; readonly until: string })[]; readonly next: string | null }
>("GET", "/api/v1/trash");

/** Ends the time of all in the trash of the whole registry: garbage collection removes it when it runs next. */
export const deleteTrash = /* @__PURE__ */ operation<
  Record<never, never>,
  { readonly units: number }
>("DELETE", "/api/v1/trash");

/** Brings things back from the trash, each by itself: one that cannot be keeps no other. */
export const postTrashRestore = /* @__PURE__ */ operation<
  { readonly units: readonly (string)[] },
  { readonly units: readonly ({ readonly unit: string; readonly name: string | null; readonly restored: boolean; readonly problem: string | null; readonly manifests: number; readonly tags: readonly (string)[]; readonly taken: readonly ({ readonly tag: string; readonly digest: string })[] })[] }
>("POST", "/api/v1/trash/restore");

/** Removes things in the trash for good, and their bytes within seconds. */
export const postTrashErase = /* @__PURE__ */ operation<
  { readonly units: readonly (string)[] },
  { readonly units: readonly ({ readonly unit: string; readonly name: string | null; readonly erased: boolean; readonly problem: string | null; readonly manifests: number; readonly blobs: number; readonly bytes: number })[] }
>("POST", "/api/v1/trash/erase");

/** Ends the time of all in the trash of a repository, earlier ones of its name included: garbage collection removes it when it runs next. */
export const deleteRepositoriesTrashOfRepository = /* @__PURE__ */ operation<
  { readonly repository: string },
  { readonly units: number }
>("DELETE", "/api/v1/repositories/{repository}/trash");

/** Ends the time of all in the trash of a project: garbage collection removes it when it runs next. */
export const deleteProjectsTrashOfProject = /* @__PURE__ */ operation<
  { readonly project: string },
  { readonly units: number }
>("DELETE", "/api/v1/projects/{project}/trash");

/** Moves tags, manifests or all of a repository to the trash. */
export const postRepositoriesRemovalsOfRepository = /* @__PURE__ */ operation<
  { readonly repository: string; readonly tags?: readonly (string)[] | undefined; readonly digests?: readonly (string)[] | undefined; readonly pushed_before?: string | undefined; readonly untagged_older_than?: string | undefined; readonly everything?: boolean | undefined; readonly preview?: boolean | undefined },
  { readonly preview: boolean; readonly units: number; readonly manifests: number; readonly tags: number; readonly bytes: number; readonly shared_bytes: number; readonly removed: readonly ({ readonly name: string; readonly tags: readonly (string)[] })[]; readonly kept: readonly ({ readonly name: string; readonly why: string })[]; readonly complete: boolean }
>("POST", "/api/v1/repositories/{repository}/removals");

/** Checks every stored byte and every reference; repairs what is damaged where asked to. */
export const postVerify = /* @__PURE__ */ operation<
  { readonly repair?: boolean | undefined },
  { readonly checked: { readonly files: number; readonly blobs: number; readonly blobBytes: number; readonly manifests: number; readonly tags: number; readonly links: number; readonly uploads: number }; readonly findings: readonly ({ readonly kind: "rotten-byte" | "missing-file" | "stray-file" | "truncated-upload" | "row-without-blob" | "tag-to-nothing" | "wrong-size" | "two-generations"; readonly message: string; readonly digest: string | null; readonly path: string | null; readonly repository: string | null; readonly repaired: string | null })[]; readonly complete: boolean; readonly gaps: { readonly count: number; readonly named: readonly ({ readonly repository: string | null; readonly manifest: string; readonly missing: string })[] }; readonly exitCode: number }
>("POST", "/api/v1/verify");

/** Says how far the slow reading of all stored blobs is, and what it found. */
export const getVerify = /* @__PURE__ */ operation<
  Record<never, never>,
  { readonly state: "running" | "waiting" | "stopped"; readonly started_at: string | null; readonly blobs: number; readonly bytes: number; readonly of_blobs: number; readonly of_bytes: number; readonly findings: number; readonly last_finding: string | null; readonly stopped: string | null; readonly finished_at: string | null; readonly due_at: string | null }
>("GET", "/api/v1/verify");

/** Lists every setting of the server that answers, its value, and where the value comes from. Secrets are not told. */
export const getSettings = /* @__PURE__ */ operation<
  { readonly limit?: number | undefined; readonly after?: string | undefined },
  { readonly items: readonly ({ readonly name: string; readonly variable: string; readonly value: string | null; readonly secret: boolean; readonly set: boolean; readonly from: "default" | "flag" | "environment" | "file"; readonly source: string | null; readonly purpose: string })[]; readonly next: string | null; readonly node: { readonly id: string; readonly name: string; readonly version: string }; readonly program: string }
>("GET", "/api/v1/settings");

/** Tells what is well and what is not: the server that answers, its storage, and the work in the background. */
export const getHealth = /* @__PURE__ */ operation<
  Record<never, never>,
  { readonly node: { readonly id: string; readonly name: string; readonly version: string }; readonly state: "ok" | "warn" | "bad"; readonly checks: readonly ({ readonly name: "server" | "database" | "blobs" | "disk" | "clock" | "nodes" | "certificate" | "settings" | "backup" | "garbage" | "stored" | "chores" | "webhooks"; readonly state: "ok" | "warn" | "bad"; readonly message: string; readonly advice: string | null; readonly at: string | null })[] }
>("GET", "/api/v1/health");

/** Lists the servers that share the database; those that were killed for an hour. */
export const getNodes = /* @__PURE__ */ operation<
  { readonly limit?: number | undefined; readonly after?: string | undefined },
  { readonly items: readonly ({ readonly id: string; readonly name: string; readonly address: string; readonly state: "live" | "gone"; readonly version: string; readonly processes: number; readonly clock_ahead_ms: number; readonly started_at: string; readonly seen_at: string })[]; readonly next: string | null }
>("GET", "/api/v1/nodes");

/** Lists the work in the background, who did it last, how that ended, and when it is due. */
export const getChores = /* @__PURE__ */ operation<
  { readonly limit?: number | undefined; readonly after?: string | undefined },
  { readonly items: readonly ({ readonly name: string; readonly state: "running" | "waiting"; readonly node: string | null; readonly started_at: string | null; readonly finished_at: string | null; readonly outcome: string | null; readonly due_at: string | null })[]; readonly next: string | null }
>("GET", "/api/v1/chores");

/** Tells how garbage collection stands: what waits, what it removed, why it has stopped. */
export const getGc = /* @__PURE__ */ operation<
  Record<never, never>,
  { readonly stopped: string | null; readonly last_cycle_at: string | null; readonly last_outcome: string | null; readonly condemned: { readonly blobs: number; readonly bytes: number; readonly first_may_go_at: string | null }; readonly to_remove: { readonly blobs: number; readonly bytes: number; readonly failing: number }; readonly failures: readonly ({ readonly key: string; readonly digest: string | null; readonly attempts: number; readonly error: string | null; readonly tried_again_at: string | null })[]; readonly removed: { readonly blobs: number; readonly bytes: number } }
>("GET", "/api/v1/gc");

/** Tells what the next cycle would do, by doing it for two seconds and taking it back. Pushes wait meanwhile. */
export const getGcPreview = /* @__PURE__ */ operation<
  { readonly untagged_older_than?: string | undefined },
  { readonly stopped: string | null; readonly untagged: { readonly manifests: number; readonly bytes: number } | null; readonly units: number; readonly manifests: number; readonly links: number; readonly condemned: { readonly blobs: number; readonly bytes: number }; readonly collected: { readonly blobs: number; readonly bytes: number }; readonly complete: boolean }
>("GET", "/api/v1/gc/preview");

/** Has garbage collection begin within seconds; also where it has stopped, with --accept. */
export const postGcRun = /* @__PURE__ */ operation<
  { readonly accept?: "clock" | "amount" | undefined },
  { readonly message: string }
>("POST", "/api/v1/gc/run");

/** Says how much a move would copy, and whether the target can take it. Changes nothing. */
export const postMovePlan = /* @__PURE__ */ operation<
  { readonly settings?: Readonly<Record<string, string>> | undefined; readonly keys?: { readonly accessKeyId: string; readonly secretAccessKey: string; readonly sessionToken?: string | undefined } | null | undefined },
  { readonly tables: readonly ({ readonly name: string; readonly rows: number })[]; readonly blobs: number; readonly bytes: number; readonly goes_on: boolean }
>("POST", "/api/v1/move/plan");

/** Ends a move, or undoes one at its source, which takes changes again. */
export const postMoveCancel = /* @__PURE__ */ operation<
  Record<never, never>,
  { readonly peer: string | null }
>("POST", "/api/v1/move/cancel");

/** Lists the backups that berth backup create made of this registry, newest first, as far back as the audit goes. */
export const getBackups = /* @__PURE__ */ operation<
  { readonly limit?: number | undefined; readonly after?: string | undefined },
  { readonly items: readonly ({ readonly name: string; readonly made_at: string; readonly to: string; readonly whole: boolean; readonly blobs: number; readonly bytes: number; readonly copied_bytes: number; readonly broken: number; readonly seconds: number })[]; readonly next: string | null; readonly unfinished_since: string | null }
>("GET", "/api/v1/backups");
