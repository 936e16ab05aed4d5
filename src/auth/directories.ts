import type { PrincipalRow } from "../db/tables.ts";
import type { RegistryError } from "../oci/registry-error.ts";

/** Directories (LDAP), which know passwords that are not kept here. */
export interface Directories {
  /** Which may be asked, as administrators have them now; empty where there is none. */
  state(): Promise<string>;
  /**
   * Whose password it is, in the directories that may know: of `known`, who has that name here, those that
   * they are linked to; of a name that nobody has, all. Throws DENIED for who has no account here and gets none.
   */
  check(attempt: {
    readonly name: string;
    readonly known: PrincipalRow | null;
    readonly password: string;
    readonly address: string;
  }): Promise<DirectoriesAnswer>;
}

export type DirectoriesAnswer =
  | { readonly kind: "right"; readonly row: PrincipalRow }
  | { readonly kind: "wrong" }
  /** One that may know cannot be asked now. `isWrong`: another one said no. */
  | { readonly kind: "away"; readonly isWrong: boolean; readonly error: RegistryError };

export const noDirectories: Directories = {
  state: async () => "",
  check: async () => ({ kind: "wrong" }),
};
