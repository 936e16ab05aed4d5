import { useSyncExternalStore } from "react";

/** Where the person is: the URL is the state of a screen. */
export interface Place {
  readonly path: string;
  readonly search: URLSearchParams;
}

const changed = "berth:place";
let place = read();

function read(): Place {
  return { path: location.pathname, search: new URLSearchParams(location.search) };
}

function update(): void {
  place = read();
  dispatchEvent(new Event(changed));
}

addEventListener("popstate", update);

export function usePlace(): Place {
  return useSyncExternalStore(subscribe, () => place);
}

function subscribe(listener: () => void): () => void {
  addEventListener(changed, listener);
  return () => removeEventListener(changed, listener);
}

export function go(to: string): void {
  history.pushState(null, "", to);
  update();
  scrollTo(0, 0);
}

/** Changes the query and leaves no entry in the history; null or "" takes a key away. */
export function setSearch(values: Readonly<Record<string, string | null>>): void {
  const search = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(values)) {
    if (value === null || value === "") search.delete(name);
    else search.set(name, value);
  }
  const query = search.size === 0 ? "" : `?${search}`;
  history.replaceState(null, "", location.pathname + query);
  update();
}

/** Paths of the screens. A name holds no character that a path would have to escape. */
export const paths = {
  home: "/home",
  push: "/push",
  projects: "/projects",
  project: (name: string, tab = "") => `/projects/${name}${tab === "" ? "" : `/${tab}`}`,
  repository: (name: string, tab = "") => `/r/${name}${tab === "" ? "" : `/-/${tab}`}`,
  tag: (repository: string, tag: string, tab = "") =>
    `/r/${repository}:${tag}${tab === "" ? "" : `/${tab}`}`,
  digest: (repository: string, digest: string, tab = "") =>
    `/r/${repository}@${digest}${tab === "" ? "" : `/${tab}`}`,
  /** Of references, as `project/app:tag`. */
  compare: (a: string, b = "", platform = "") =>
    `/compare?${new URLSearchParams({
      a,
      ...(platform === "" ? {} : { "a-platform": platform }),
      ...(b === "" ? {} : { b }),
    })}`,
  trash: "/trash",
  profile: (tab = "") => `/profile${tab === "" ? "" : `/${tab}`}`,
  admin: (tab = "") => `/admin${tab === "" ? "" : `/${tab}`}`,
} as const;

export type Screen =
  | { readonly kind: "home" }
  | { readonly kind: "push" }
  | { readonly kind: "compare" }
  | { readonly kind: "projects" }
  | { readonly kind: "project"; readonly project: string; readonly tab: string }
  | { readonly kind: "repository"; readonly repository: string; readonly tab: string }
  | {
      readonly kind: "image";
      readonly repository: string;
      /** One of the two. */
      readonly tag: string | null;
      readonly digest: string | null;
      readonly tab: string;
    }
  | { readonly kind: "trash" }
  | { readonly kind: "profile"; readonly tab: string }
  | { readonly kind: "admin"; readonly tab: string }
  | { readonly kind: "unknown" };

export function screenOf(path: string): Screen {
  const clean = path.length > 1 ? path.replace(/\/+$/, "") : path;
  if (clean === paths.home) return { kind: "home" };
  if (clean === paths.push) return { kind: "push" };
  if (clean === "/compare") return { kind: "compare" };
  if (clean === paths.projects) return { kind: "projects" };
  if (clean === paths.trash) return { kind: "trash" };
  const [, top, tab = ""] = /^\/(profile|admin)(?:\/([a-z-]+))?$/.exec(clean) ?? [];
  if (top === "profile" || top === "admin") return { kind: top, tab };
  const project = /^\/projects\/([^/:@]+)(?:\/([a-z-]+))?$/.exec(clean);
  if (project !== null)
    return { kind: "project", project: project[1] ?? "", tab: project[2] ?? "" };
  const image = /^\/r\/([^:@]+)(?::([^/:@]+)|@([^/@]+))(?:\/([a-z-]+))?$/.exec(clean);
  if (image !== null) {
    const [, repository = "", tag = null, digest = null, part = ""] = image;
    return { kind: "image", repository, tag, digest, tab: part };
  }
  const repository = /^\/r\/([^:@]+?)(?:\/-\/([a-z-]+))?$/.exec(clean);
  if (repository !== null) {
    return { kind: "repository", repository: repository[1] ?? "", tab: repository[2] ?? "" };
  }
  return { kind: "unknown" };
}
