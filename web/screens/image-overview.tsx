import { Facts, Section } from "../parts/place.tsx";
import { When } from "../parts/signs.tsx";
import { text } from "../text/text.ts";
import type { Image } from "./image.tsx";

/** What runs, and where it comes from. What people wrote into an image is text, whatever it looks like. */
export function ImageOverview({ image }: { image: Image }) {
  const { config, annotations } = image;
  const labels = Object.entries({ ...annotations, ...config?.labels });
  return (
    <div className="cols two">
      <div>
        {config === null ? (
          <Section title={text.image.content}>
            <Facts
              rows={[
                [text.image.mediaType, <code key="type">{image.media_type}</code>],
                [
                  text.image.artifactType,
                  image.artifact_type === null ? (
                    text.none
                  ) : (
                    <code key="art">{image.artifact_type}</code>
                  ),
                ],
              ]}
            />
          </Section>
        ) : (
          <>
            <Section title={text.image.runs}>
              <Facts
                rows={[
                  [text.image.entrypoint, <Command key="e" words={config.entrypoint} />],
                  [text.image.command, <Command key="c" words={config.cmd} />],
                  [text.image.user, config.user ?? text.image.root],
                  [text.image.folder, <code key="w">{config.working_dir ?? "/"}</code>],
                  [text.image.ports, <Command key="p" words={config.ports} />],
                  ...(config.volumes.length > 0
                    ? [[text.image.volumes, <Command key="v" words={config.volumes} />] as const]
                    : []),
                  ...(config.stop_signal === null
                    ? []
                    : [[text.image.stopSignal, config.stop_signal] as const]),
                  ...(config.healthcheck.length > 0
                    ? [[text.image.health, <Command key="h" words={config.healthcheck} />] as const]
                    : []),
                ]}
              />
            </Section>
            <Section title={text.image.environment} aside={text.number(config.env.length)}>
              <div className="wide-kv">
                <Facts
                  rows={config.env.map((line) => {
                    const at = line.indexOf("=");
                    return [
                      <code key="n">{at === -1 ? line : line.slice(0, at)}</code>,
                      <code key="v">{at === -1 ? "" : line.slice(at + 1)}</code>,
                    ];
                  })}
                />
              </div>
            </Section>
          </>
        )}
      </div>
      <div>
        <Section title={text.image.origin}>
          <Facts
            rows={[
              [text.image.source, annotated(labels, "source") ?? text.none],
              [text.image.revision, annotated(labels, "revision") ?? text.none],
              [
                text.image.built,
                config?.created == null ? (
                  text.image.unknown
                ) : (
                  <When key="b" time={config.created} />
                ),
              ],
              [text.image.base, annotated(labels, "base.name") ?? text.image.unknown],
              [text.image.licence, annotated(labels, "licenses") ?? text.none],
            ]}
          />
        </Section>
        <Section title={text.image.labels} aside={text.number(labels.length)}>
          <div className="wide-kv">
            <Facts
              rows={labels.map(([name, value]) => [
                <code key="n" title={name}>
                  {name.replace("org.opencontainers.", "")}
                </code>,
                value,
              ])}
            />
          </div>
        </Section>
      </div>
    </div>
  );
}

function Command({ words }: { words: readonly string[] }) {
  if (words.length === 0) return <span className="q3">{text.none}</span>;
  return <code>{words.join(" ")}</code>;
}

function annotated(labels: readonly (readonly [string, string])[], name: string): string | null {
  return labels.find(([key]) => key === `org.opencontainers.image.${name}`)?.[1] ?? null;
}
