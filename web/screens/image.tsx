import { lazy, type ReactNode, Suspense, useState } from "react";
import {
  getRepositoriesImagesOfRepositoryReference,
  getRepositoriesOfRepository,
  getRepositoriesPullsSummaryOfRepository,
} from "../../client/operations.ts";
import { Link } from "../app/link.tsx";
import { CopyIcon } from "../parts/copy.tsx";
import { sizeText } from "../parts/format.ts";
import { Icon } from "../parts/icon.tsx";
import { Trouble } from "../parts/notice.tsx";
import { Place, Tabs } from "../parts/place.tsx";
import { ReferenceLabel } from "../parts/reference.tsx";
import { Digest, ReferenceTitle, Size, When, WhenOrNever } from "../parts/signs.tsx";
import { go, paths, setSearch, usePlace } from "../state/location.ts";
import { useResource } from "../state/resource.ts";
import { imagesText } from "../text/images.ts";
import { text } from "../text/text.ts";
import { Attachments } from "./image-attachments.tsx";
import { ImageHistory } from "./image-history.tsx";
import { ImageLayers } from "./image-layers.tsx";
import { ImageOverview } from "./image-overview.tsx";
import { Attached, type AttachedKind } from "./image-signs.tsx";
import { Pulls } from "./pulls.tsx";
import { noteTags } from "./tags.ts";

const DeleteImage = lazy(() => import("./image-delete.tsx"));
const ImageFiles = lazy(() => import("./image-files.tsx"));

export type Image = Awaited<ReturnType<typeof getRepositoriesImagesOfRepositoryReference>>;

/** An image by a tag or by its digest. */
export default function ImageScreen({
  repository,
  tag,
  digest,
  tab,
}: {
  repository: string;
  tag: string | null;
  digest: string | null;
  tab: string;
}) {
  const { search } = usePlace();
  const reference = tag ?? digest ?? "";
  const platform = search.get("platform") ?? "";
  const shown = useResource(`image ${repository} ${reference} ${platform}`, () =>
    getRepositoriesImagesOfRepositoryReference({
      ...{ repository, reference },
      ...(platform === "" ? {} : { platform }),
    }),
  );
  const about = useResource(`repository ${repository}`, () =>
    getRepositoriesOfRepository({ repository }),
  );
  const image = shown.value;
  const pulls = usePullCount(repository, image?.digest);
  const mayDelete = about.value?.allowed.includes("repository:delete") === true;
  /** As it was shown when somebody wished it gone: the page itself follows what is pushed. */
  const [deleted, setDeleted] = useState<Image | null>(null);
  if (image !== undefined && image.tags.length > 0) noteTags(repository);
  const [project = "", ...rest] = repository.split("/");
  const to = (part: string) =>
    (tag === null
      ? paths.digest(repository, digest ?? "", part)
      : paths.tag(repository, tag, part)) + (platform === "" ? "" : `?platform=${platform}`);
  const tabs = [
    { label: imagesText.image.overview, tab: "", count: undefined },
    {
      label: imagesText.image.layers,
      tab: "layers",
      count: image?.layers.filter((layer) => layer.digest !== null).length,
    },
    { label: imagesText.image.files, tab: "files", count: undefined },
    { label: imagesText.image.attachments, tab: "attachments", count: image?.attached.length },
    ...(tag === null
      ? []
      : [{ label: imagesText.image.history, tab: "history", count: undefined }]),
    { label: imagesText.image.activity, tab: "activity", count: undefined },
  ];
  return (
    <main className="page" id="main">
      <Place
        name={`${repository}${tag === null ? "@" : ":"}${reference}`}
        crumbs={[
          { label: text.nav.projects, href: paths.projects },
          { label: project, href: paths.project(project) },
          { label: rest.join("/"), href: paths.repository(repository) },
          { label: tag ?? reference.slice(0, 19) },
        ]}
        title={
          <ReferenceTitle
            quiet={`${repository}${tag === null ? "@" : ":"}`}
            strong={tag ?? <Digest digest={reference} groups={4} />}
          />
        }
        beside={
          <span className="row">
            <Link
              className="btn quiet"
              href={paths.compare(
                `${repository}${tag === null ? "@" : ":"}${reference}`,
                "",
                platform,
              )}
              data-action="open-compare"
            >
              <Icon name="swap" small />
              {text.compare.title}
            </Link>
            {image !== undefined && (
              <button
                type="button"
                className="btn quiet"
                data-action="delete-image"
                disabled={!mayDelete}
                title={
                  mayDelete
                    ? undefined
                    : tag === null
                      ? imagesText.untagged.mayNot
                      : text.mayNot.remove
                }
                onClick={() => setDeleted(image)}
              >
                <Icon name="trash" small />
                {tag === null ? imagesText.untagged.remove(1) : text.tags.remove(1)}
              </button>
            )}
          </span>
        }
        end={<ReferenceLabel repository={repository} tag={tag} digest={image?.digest ?? digest} />}
      />
      {image !== undefined && (
        <ImageFacts repository={repository} tag={tag} image={image} pulls={pulls} />
      )}
      {image !== undefined && image.platforms.length > 1 && <PlatformBar image={image} />}
      <Tabs
        tabs={tabs.map(({ label, tab: of, count }) => ({
          ...{ label, count, href: to(of), isCurrent: of === tab },
        }))}
      />
      {shown.error !== null && tab !== "history" && (
        <div className="apart">
          <Trouble error={shown.error} onRetry={shown.reload} />
        </div>
      )}
      {tab === "history" && tag !== null && (
        <ImageHistory repository={repository} tag={tag} mayRestore={mayDelete} />
      )}
      {tab === "activity" && image !== undefined && (
        <Pulls repository={repository} digest={image.digest} />
      )}
      {image === undefined && shown.error === null && tab !== "history" && <Waiting />}
      {tab === "" && image !== undefined && <ImageOverview image={image} />}
      {tab === "layers" && image !== undefined && <ImageLayers image={image} />}
      {tab === "files" && image !== undefined && (
        <Suspense fallback={<Waiting />}>
          <ImageFiles repository={repository} image={image} />
        </Suspense>
      )}
      {tab === "attachments" && image !== undefined && (
        <Attachments repository={repository} image={image} />
      )}
      {deleted !== null && (
        <Suspense>
          <DeleteImage
            image={deleted}
            tag={tag}
            onClose={() => setDeleted(null)}
            onDone={() => go(paths.repository(repository))}
          />
        </Suspense>
      )}
    </main>
  );
}

function Waiting() {
  return (
    <div className="apart" aria-busy="true">
      <span className="skel w-3" />
    </div>
  );
}

function usePullCount(repository: string, digest: string | undefined): number | undefined {
  const summary = useResource(
    digest === undefined ? null : `pulls ${repository} ${digest} summary`,
    () => getRepositoriesPullsSummaryOfRepository({ repository, digest: digest ?? "" }),
  );
  if (summary.value === undefined) return undefined;
  return summary.value.items[0]?.recent ?? 0;
}

function ImageFacts({
  repository,
  tag,
  image,
  pulls,
}: {
  repository: string;
  tag: string | null;
  image: Image;
  pulls: number | undefined;
}) {
  const others = image.tags.filter((name) => name !== tag);
  return (
    <dl className="facts">
      <Fact name={text.digest}>
        <Digest digest={image.digest} groups={4} />
        <CopyIcon value={image.digest} label={imagesText.image.copyDigest} />
      </Fact>
      <Fact name={text.tags.pushed}>
        <When time={image.pushed_at} by={image.pushed_by} place={repository} />
      </Fact>
      <Fact name={text.tags.pulled}>
        <WhenOrNever time={image.pulled_at} />
      </Fact>
      {pulls !== undefined && <Fact name={imagesText.image.pulls}>{text.number(pulls)}</Fact>}
      <Fact name={text.size}>
        <Size bytes={image.size} />
      </Fact>
      {others.length > 0 && (
        <Fact name={imagesText.image.alsoTagged}>
          {others.slice(0, 5).map((name) => (
            <Link key={name} href={paths.tag(repository, name)}>
              <code>{name}</code>
            </Link>
          ))}
          {others.length > 5 && <span className="q3">{text.andMore(others.length - 5)}</span>}
        </Fact>
      )}
      {image.attached.length > 0 && (
        <Fact name={text.tags.attached}>
          <Attached attached={countsOf(image.attached)} />
        </Fact>
      )}
    </dl>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function countsOf(attached: Image["attached"]): { kind: AttachedKind; count: number }[] {
  const counts = new Map<AttachedKind, number>();
  for (const { kind } of attached) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return [...counts].map(([kind, count]) => ({ kind, count }));
}

/** Everything below it is about the chosen one. */
function PlatformBar({ image }: { image: Image }) {
  return (
    <div className="platbar">
      {/* biome-ignore lint/a11y/useSemanticElements: buttons that belong together, of no form */}
      <div className="seg" role="group" aria-label={imagesText.image.platform}>
        {image.platforms.map(({ platform, digest, size }) => (
          <button
            key={digest}
            type="button"
            aria-pressed={digest === image.shown}
            data-action="choose-platform"
            disabled={size === null}
            title={size === null ? imagesText.image.notHere : digest}
            onClick={() =>
              setSearch({
                platform: platform ?? digest,
                // They are about a layer of the one before.
                ...{ layer: null, path: null, file: null, q: null },
              })
            }
          >
            {platform ?? digest.slice(7, 19)}
            {size !== null && <span className="n"> {sizeText(size)}</span>}
          </button>
        ))}
      </div>
      {image.shown !== null && (
        <span className="q3 no-phone">
          {imagesText.image.below} <Digest digest={image.shown} />
        </span>
      )}
    </div>
  );
}
