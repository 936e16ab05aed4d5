import { type Directory, showsPeople } from "./directory.ts";
import { bindAsBerth, DirectoryError, withDirectory } from "./ldap-connection.ts";
import { lookUp, type PersonInDirectory, showsAnybody, signInAt } from "./ldap-people.ts";

const limits = { msMax: 15_000, bytesMax: 1024 * 1024 };

interface Tried {
  readonly ok: boolean;
  readonly problems: string[];
  readonly person: (Omit<PersonInDirectory, "groups"> & { readonly groups: string[] }) | null;
}

/** Asks a directory for what a sign-in needs, and for one of its people where one is named. */
export async function tryDirectory(
  directory: Directory,
  { user, password }: { readonly user: string | null; readonly password: string | null },
): Promise<Tried> {
  const problems: string[] = [];
  let person: PersonInDirectory | null = null;
  try {
    await withDirectory(directory, limits, async (client) => {
      await bindAsBerth(client, directory);
      // Who signs in as themselves looks up themselves: nobody else may be shown anybody.
      if (!showsPeople(directory)) return;
      if (await showsAnybody(client, directory)) return;
      problems.push(
        `nobody below ${directory.base} fits ${directory.filter}, as far as it is shown`,
      );
    });
    if (user !== null) {
      person =
        password === null
          ? await lookUp(directory, user)
          : await signInAt(directory, { name: user }, password);
      if (person === null) {
        const what = password === null ? "" : ", or that is not the password";
        problems.push(`nobody is ${JSON.stringify(user)} in the directory${what}`);
      }
    }
  } catch (error) {
    if (!(error instanceof DirectoryError)) throw error;
    problems.push(error.message);
  }
  return {
    ok: problems.length === 0,
    problems,
    person: person === null ? null : { ...person, groups: [...(person.groups ?? [])] },
  };
}
