import { counted, shownOf, whole } from "./en.ts";

/** What the screens say that are for images, for what is in them and beside them, and for the trash. */
export const en = {
  files: {
    layer: "Layer",
    layerName: (number: number, size: string, line: string) => `${number} · ${size} · ${line}`,
    filter: "passwd kind:file size:>1MB",
    count: (shown: number, all: number) => shownOf(shown, all, "entry", "entries"),
    name: "Name",
    mode: "Mode",
    changed: "Changed",
    owner: (user: number, group: number) => `owner ${user}, group ${group}`,
    kinds: {
      whiteout: "deleted from the layers below",
      opaque: "hides what the layers below have here",
      "character device": "character device",
      "block device": "block device",
      fifo: "pipe",
    } as Readonly<Record<string, string>>,
    none: "This layer holds nothing.",
    cut: (count: number) => `The first ${whole.format(count)} of a directory are shown.`,
    reading: "The server reads this layer for the first time. Its files appear in a moment.",
    unread: "It cannot be shown.",
    copy: "Copy what is in it",
    close: "Close the file",
    noText: "It is no text.",
    empty: "It is empty.",
  },
  compare: {
    copyLink: "Copy link",
    swap: "Swap A and B",
    show: "Show",
    example: "project/app:tag",
    platformOf: (which: string) => `Platform of ${which}`,
    firstPlatform: "first platform",
    wrong: (typed: string) =>
      `“${typed}” names no image. Write project/app:tag or project/app@sha256:…`,
    choose: "Write two images above, such as project/app:1.0 and project/app:1.1.",
    pushed: "pushed",
    configuration: "Configuration",
    settings: { env: "env", label: "label" },
    changes: (count: number) => counted(count, "change", "changes"),
    sameConfiguration: "Both are configured the same.",
    sameLayers: (count: number) =>
      count === 0
        ? "they begin with different layers"
        : `${counted(count, "layer is", "layers are")} the same`,
    noLayers: "All layers are the same.",
    download: "Download, from A to B",
    downloadOf: (size: string) => `of ${size}`,
    sameSize: "the same",
    same: (count: number) => `${whole.format(count)} same`,
    layerChanges: (removed: number, added: number) =>
      `${whole.format(removed)} removed, ${whole.format(added)} added`,
    change: "Change",
    signs: { added: "added", removed: "removed", changed: "changed" },
    what: "What",
    path: "Path",
    filter: "etc/* change:added size:>1MB",
    filesAside: "as both would be unpacked",
    noFiles: "No file differs.",
    fileCount: (shown: number, all: number, isComplete: boolean) =>
      `${shownOf(shown, all, "difference", "differences")}${isComplete ? "" : " so far"}`,
  },
  guide: {
    first: "Push your first image",
    what: (host: string, name: string) =>
      `To ${host}, as ${name}. Any image will do; these lines use a small one.`,
    mayNot:
      "Nothing was pushed here yet, and you may not push here. An owner of the project can give you the role for it.",
    steps: {
      signIn: "Sign in from your terminal",
      name: "Give an image a name at this registry",
      make: "Make something to push",
      push: "Push it",
      copy: "Copy an image here",
    },
    password: "It asks for your password, or",
    typed: "It waits for your password, which is not shown, or",
    token: "a token",
    waits: "Waiting for your push",
    waitsFirst: "Waiting for the first push",
    waitsAnywhere: "Whatever is pushed next that you may see is shown here.",
    waitsFor: "To",
    nothing: "Nothing after a minute?",
    troubles: {
      http: (host: string, client: string) =>
        [
          "server gave HTTP response to HTTPS client",
          client === "docker"
            ? `This registry speaks plain HTTP, which docker takes from localhost alone. Add ${host} to insecure-registries in docker's daemon.json and restart docker, or give the registry a certificate.`
            : "This registry speaks plain HTTP. Use the lines as they stand here, with their flag, or give the registry a certificate.",
        ] as const,
      denied: (repository: string) =>
        [
          "denied: requested access to the resource is denied",
          `The first part of ${repository} is a project that you must be allowed to push to. Sign in again; Check access in the project says what is missing.`,
        ] as const,
      host: (address: string) =>
        [
          "no such host, connection refused",
          `These lines name the registry as your browser's address does. The machine where you type may not know that name: open this page by the address that others use, which an administrator sets as BERTH_URL. There, try: curl ${address}`,
        ] as const,
    },
    arrived: "Your push is in",
    arrivedFirst: "The first image is in",
    flags: "Berth, spelt in signal flags",
    image: "Image",
    next: "Next",
    look: "Look at the image",
    pull: "Pull it on another machine:",
    copyPull: "Copy the line that pulls it",
    robot: "Let CI push without your password",
    invite: "Invite the others",
    done: "Go on",
  },
  untagged: {
    label: (repository: string) => `Images of ${repository} without a tag`,
    filter: "platform:arm64 pushed:>30d pulled:never",
    count: (shown: number, all: number, isRead: boolean) =>
      `${shownOf(shown, all, "image", "images")}${isRead ? "" : " so far"}`,
    was: (tag: string) => `was ${tag}`,
    wasUntil: (tag: string, time: string) => `${tag} named it until ${time}`,
    toTrash: "To the trash",
    withinTheHour: "within the hour",
    copyName: "Copy without the client",
    two: "Select two images to compare them",
    mayNot: "Maintainers and owners delete images",
    remove: (count: number) =>
      count === 1 ? "Delete the image" : `Delete ${counted(count, "image", "images")}`,
    removeTitle: (count: number, repository: string) =>
      `Delete ${counted(count, "untagged image", "untagged images")} of ${repository}?`,
    areGone: (count: number, repository: string) =>
      `${counted(count, "image", "images")} of ${repository} moved to the trash`,
    areErased: (count: number, repository: string) =>
      `${counted(count, "image", "images")} of ${repository} ${count === 1 ? "is" : "are"} deleted`,
    along: (tag: string | null, hasMore: boolean) =>
      [tag === null ? "" : `was ${tag}`, hasMore ? "with what is attached" : ""]
        .filter((part) => part !== "")
        .join(", "),
    none: "Every image has a tag",
    noneLead:
      "When a push moves a tag, or somebody deletes one, the image it named stays and is listed here, by its digest. It can still be pulled by that.",
    rule: (days: number | null) =>
      days === null
        ? "Images without a tag stay until somebody deletes them."
        : `Images without a tag go to the trash after ${counted(days, "day", "days")}.`,
    settings: "Change that in the settings of the project",
  },
  repository: {
    labels: "Labels",
    labelsHint: "Words to find it by, one to a line, such as team=ledger",
    noLabel: (line: string) => `“${line}” is no label: write name=value`,
    deleteTitle: "Delete the repository",
    deleteLead: "The repository moves to the trash with all of its tags and images.",
    remove: "Delete the repository",
    removeTitle: (name: string) => `Delete ${name}?`,
    isGone: (name: string) => `${name} moved to the trash`,
    isErased: (name: string) => `${name} is deleted`,
    goes: (tags: number, manifests: number) =>
      `${counted(tags, "tag", "tags")} and ${counted(manifests, "manifest", "manifests")}`,
  },
  tags: {
    removeTitle: (count: number, repository: string) =>
      `Delete ${counted(count, "tag", "tags")} of ${repository}?`,
    areGone: (count: number, repository: string) =>
      `${counted(count, "tag", "tags")} of ${repository} moved to the trash`,
    areErased: (count: number, repository: string) =>
      `${counted(count, "tag", "tags")} of ${repository} ${count === 1 ? "is" : "are"} deleted`,
    withImage: (hasMore: boolean) =>
      hasMore ? "and its image, with what is attached" : "and its image",
    alone: "the tag alone",
    goesAlong: "goes with its image",
    moreAlong: (count: number) => `${counted(count, "more tag", "more tags")} of these images`,
    wouldGoToo: "What would go is not what was shown",
    nameNoMore: (names: readonly string[]) =>
      names.length === 1
        ? `The tag ${names[0]} no longer names what is shown`
        : `The tags ${names.join(", ")} no longer name what is shown`,
    staysWith: (names: readonly string[]) => `keeps the image of ${names.join(", ")}`,
    others: (count: number, isComplete: boolean) =>
      isComplete ? counted(count, "other tag", "other tags") : "all other tags",
    othersStay: (count: number, isComplete: boolean) =>
      isComplete && count === 1 ? "it does not change" : "none of them changes",
    wasPulled: "was pulled",
  },
  image: {
    overview: "Overview",
    layers: "Layers",
    files: "Files",
    attachments: "Attachments",
    history: "History",
    activity: "Activity",
    platform: "Platform",
    below: "Everything below is about",
    notHere: "It is listed, and was not pushed here",
    copyDigest: "Copy the digest",
    removeTitle: (repository: string) => `Delete this image of ${repository}?`,
    pulls: "Pulls, 30 days",
    alsoTagged: "Also tagged",
    runs: "Runs",
    entrypoint: "Entrypoint",
    command: "Command",
    user: "User",
    root: "root",
    folder: "Working folder",
    ports: "Ports",
    volumes: "Volumes",
    stopSignal: "Stop signal",
    health: "Health check",
    environment: "Environment",
    origin: "Origin",
    source: "Source",
    revision: "Revision",
    built: "Built",
    base: "Base",
    licence: "Licence",
    unknown: "not stated",
    labels: "Labels and annotations",
    content: "Content",
    mediaType: "Media type",
    artifactType: "Type",
    buildLine: "Build line, first to last",
    share: "Share of the image",
    compressed: "Compressed",
    noData: "no data",
    noLine: "no build line",
    noLayers: "It has no layers.",
    plan: (size: string, layers: number) => `${size} in ${counted(layers, "layer", "layers")}`,
    layerCount: (layers: number) => counted(layers, "layer", "layers"),
    sharedWith: "Layers shared with",
    noneAttached:
      "Nothing is attached: no signature, no SBOM, no attestation. cosign, notation and oras attach such.",
    of: "Of",
    whole: "all platforms",
  },
  history: {
    rail: "Then and now",
    to: "Pointed to",
    what: "What happened",
    by: "By",
    at: "At, UTC",
    held: "For",
    now: "now",
    nothing: "nothing",
    moveBack: "Move back",
    isBack: (tag: string) => `${tag} is moved back`,
    asOf: "The repository as of a date",
    since: (count: number, tag: string, day: string) =>
      `${counted(count, "move", "moves")} of ${tag} since ${day}. Each can be restored while its image is kept.`,
    causes: (cause: string, isFirst: boolean, isGone: boolean) => {
      if (isGone) return "deleted";
      if (cause === "restore") return isFirst ? "put back" : "put back; before:";
      if (cause === "repair") return "repaired";
      return isFirst ? "pushed" : "moved from";
    },
  },
  asof: {
    label: "As of",
    was: (time: string) => `As it was on ${time} UTC.`,
    what: "You can pull and restore from here; nothing can be pushed to the past.",
    now: "Back to now",
    notATime: (asked: string) => `“${asked}” is no time. Write 2026-11-02 or 2026-11-02 09:00.`,
    show: "Show",
    count: (count: number) => counted(count, "tag", "tags"),
    nothing: "There was no tag then, or what was then is not kept any more.",
    thenHead: "Then",
    nowHead: "Now",
    gone: "deleted since",
    same: "the same",
    copy: (name: string) => `Copy the reference to ${name} of then`,
  },
  pulls: {
    none: "Nobody pulled it lately. Pulls are shown a few seconds after they were made.",
    mayNot: "You may not see who pulled it.",
    mayNotWhy: "Owners of the project do.",
    who: "Who",
    as: "As",
    from: "From",
    client: "Client",
  },
  trash: {
    what: "What is deleted stays here for the days that its project says, and can be put back as it was.",
    empty: "Empty the trash",
    emptyTitle: (count: number) =>
      `Empty the trash of ${counted(count, "thing", "things")} or more?`,
    emptyLead:
      "All that is in the trash of the whole registry goes for good with the next collection. Nothing brings it back.",
    isEmpty: (count: number) => `${counted(count, "thing", "things")} can no longer be put back`,
    none: "The trash is empty",
    noneLead: "What you delete comes here first. From here it can be put back, with its tags.",
    filter: "payments/ by:anna kind:tag erases:<2d",
    count: (shown: number, all: number, isComplete: boolean) =>
      `${shownOf(shown, all, "item", "items")}${isComplete ? "" : " so far"}`,
    whatHead: "What",
    by: "Deleted by",
    until: "Gone for good",
    along: (tags: number, manifests: number, reason: string | null) =>
      [
        reason === null ? "" : `rule ${reason}`,
        tags > 0 ? `with ${counted(tags, "tag", "tags")}` : "",
        manifests > 1 ? `${counted(manifests, "manifest", "manifests")} in all` : "",
      ]
        .filter((part) => part !== "")
        .join(", "),
    restore: "Restore",
    areBack: (count: number) => `${counted(count, "thing is", "things are")} back`,
    erase: "Erase",
    eraseOne: (name: string) => `Erase ${name}`,
    eraseMany: (count: number) => `Erase ${counted(count, "item", "items")}`,
    eraseTitle: (count: number) => `Erase ${counted(count, "item", "items")} for good?`,
    eraseLead: "The bytes that nothing else holds go within seconds. Nothing brings them back.",
    areErased: (count: number) => `${counted(count, "item is", "items are")} erased`,
    type: "Type erase to go on",
    word: "erase",
    moves: "It moves to the trash and can be put back from there.",
    movesUntil: (count: number, day: string) =>
      count === 1
        ? `It moves to the trash. You can put it back until ${day}.`
        : `They move to the trash. You can put them back until ${day}.`,
    movesDays: (days: number) =>
      days === 0
        ? "This project keeps no trash: nothing brings it back."
        : `It moves to the trash. You can put it back for ${counted(days, "day", "days")}.`,
    /** "": nothing. */
    freed: (size: string, isKept: boolean) =>
      size === ""
        ? "nothing"
        : `${size} ${isKept ? "when the trash empties" : "once it is collected"}`,
    shared: (size: string) => `${size} is shared, and stays while others hold it`,
  },
} as const;
