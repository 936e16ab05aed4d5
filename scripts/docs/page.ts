import type { Html } from "../../src/pages/html.ts";
import type { Heading, Section } from "./markdown.ts";

/** A page of the site. */
export interface Page {
  /** As it is served, such as `/docs/docker`. */
  readonly path: string;
  readonly title: string;
  readonly body: Html;
  /** Besides the title. */
  readonly headings: readonly Heading[];
  readonly sections: readonly Section[];
}

/** What stands together in the list of pages. */
export interface PageGroup {
  readonly title: string;
  readonly pages: readonly Page[];
}
