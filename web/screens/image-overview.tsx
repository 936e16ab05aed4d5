import { Facts, Section } from "../parts/place.tsx";
import { When } from "../parts/signs.tsx";
import { imagesText } from "../text/images.ts";
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
          <Section title={imagesText.image.content}>
            <Facts
              rows={[
                [imagesText.image.mediaType, <code key="type">{image.media_type}</code>],
                [
                  imagesText.image.artifactType,
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
            <Section title={imagesText.image.runs}>
              <Facts
                rows={[
                  [imagesText.image.entrypoint, <Command key="e" words={config.entrypoint} />],
                  [imagesText.image.command, <Command key="c" words={config.cmd} />],
                  [imagesText.image.user, config.user ?? imagesText.image.root],
                  [imagesText.image.folder, <code key="w">{config.working_dir ?? "/"}</code>],
                  [imagesText.image.ports, <Command key="p" words={config.ports} />],
                  ...(config.volumes.length > 0
                    ? [
                        [
                          imagesText.image.volumes,
                          <Command key="v" words={config.volumes} />,
                        ] as const,
                      ]
                    : []),
                  ...(config.stop_signal === null
                    ? []
                    : [[imagesText.image.stopSignal, config.stop_signal] as const]),
                  ...(config.healthcheck.length > 0
                    ? [
                        [
                          imagesText.image.health,
                          <Command key="h" words={config.healthcheck} />,
                        ] as const,
                      ]
                    : []),
                ]}
              />
            </Section>
            <Section title={imagesText.image.environment} aside={text.number(config.env.length)}>
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
        <Section title={imagesText.image.origin}>
          <Facts
            rows={[
              [imagesText.image.source, annotated(labels, "source") ?? text.none],
              [imagesText.image.revision, annotated(labels, "revision") ?? text.none],
              [
                imagesText.image.built,
                config?.created == null ? (
                  imagesText.image.unknown
                ) : (
                  <When key="b" time={config.created} />
                ),
              ],
              [imagesText.image.base, annotated(labels, "base.name") ?? imagesText.image.unknown],
              [imagesText.image.licence, annotated(labels, "licenses") ?? text.none],
            ]}
          />
        </Section>
        <Section title={imagesText.image.labels} aside={text.number(labels.length)}>
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
