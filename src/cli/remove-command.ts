import { parseRegistryPlace, type RegistryPlace } from "../client/image-place.ts";
import { repositoryAt } from "../client/open-store.ts";
import { type Command, type Flags, type OwnFlags, UsageError } from "./command.ts";
import { confirmed } from "./confirm.ts";
import { EXIT_CODES } from "./exit-codes.ts";
import { run } from "./image-commands.ts";

/**
 * `berth rm`: of the Berth that is meant by its management API, with all that it can do; an image that
 * names another host by the distribution specification.
 */
export function removeCommand(ofApi: Command): Command {
  return {
    ...ofApi,
    get own() {
      return ofApi.own ?? [];
    },
    get words() {
      return `${ofApi.words} | HOST/REPOSITORY:TAG | HOST/REPOSITORY@DIGEST`;
    },
    get wordsHelp() {
      return ofApi.wordsHelp ?? [];
    },
    get details() {
      return ofApi.details ?? "";
    },
    examples: [
      "berth rm team/app:v1",
      "berth rm team/app --untagged-older-than 30d --dry-run",
      "berth rm other.example/team/app:v1 --yes",
    ],
    async run(flags, words, deps) {
      const [word = ""] = words;
      const isImage = /[@:]/.test(word);
      if (!isImage) return await ofApi.run(flags, words, deps);
      const elsewhere = placeElsewhere(word);
      if (elsewhere !== null) return await removeElsewhere(elsewhere, flags, words);
      const [, repository = "", tag, digest] =
        /^([^:@]*)(?::([^@]*))?(?:@(.*))?$/s.exec(word) ?? [];
      const named = digest === undefined ? { tags: [tag ?? ""] } : { digests: [digest] };
      return await ofApi.run({ ...flags, ...named }, [repository, ...words.slice(1)], deps);
    },
  };
}

/** Null for what names no host. */
function placeElsewhere(word: string): RegistryPlace | null {
  try {
    return parseRegistryPlace(word, null);
  } catch {
    return null;
  }
}

async function removeElsewhere(
  place: RegistryPlace,
  flags: Flags & OwnFlags,
  words: readonly string[],
): Promise<number> {
  return await run(flags, words, async ({ connections }) => {
    const { address, tag, digest } = place;
    if (words.length > 1 || (tag ?? digest) === null) {
      throw new UsageError("Name one image, with its tag or digest: berth rm HOST/REPOSITORY:TAG.");
    }
    const repository = await repositoryAt(place, connections, "pull,delete");
    const reference = digest ?? tag ?? "";
    const found = await repository.manifest(reference);
    const name = `${address.host}/${place.repository}${digest === null ? `:${tag}` : ""}`;
    const what = `${name}${found === null ? "" : `@${found.digest}`}`;
    if (flags["dry-run"] === true) {
      console.log(found === null ? `There is no ${name}.` : `Would delete ${what}.`);
      return found === null ? EXIT_CODES.notFound.code : EXIT_CODES.ok.code;
    }
    if (!(await confirmed(`Delete ${what}?`, "rm", flags))) {
      console.error("Nothing was done.");
      return EXIT_CODES.failed.code;
    }
    await repository.deleteManifest(reference);
    console.log(`Deleted ${what}.`);
    return EXIT_CODES.ok.code;
  });
}
