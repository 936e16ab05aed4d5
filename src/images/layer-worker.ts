import { standBack } from "../platform/stand-back.ts";
import { createByteReader } from "./byte-reader.ts";
import { decompress } from "./decompress.ts";
import { createLayerIndex, type LayerFacts } from "./layer-index-store.ts";
import { layerLimits, readLayer } from "./read-layer.ts";

// Unpacks layers away from the event loop, behind everything else that wants the processor. It asks for the
// packed bytes piece by piece, so that it needs no credentials of a store.

declare const self: Worker;

export type LayerRequest =
  | { readonly kind: "index"; readonly file: string }
  /** The bytes of one file, whose place in the archive an index told. */
  | { readonly kind: "extract"; readonly offset: number; readonly size: number }
  /** What was asked for; null at the end. */
  | { readonly kind: "bytes"; readonly bytes: Uint8Array<ArrayBuffer> | null };

export type LayerReply =
  | { readonly kind: "more" }
  | { readonly kind: "indexed"; readonly facts: LayerFacts }
  | { readonly kind: "extracted"; readonly bytes: Uint8Array<ArrayBuffer> | null }
  | { readonly kind: "failed"; readonly message: string; readonly code: string };

/** For bytes: the limit is about what it does itself. */
let waitedMs = 0;
let give: ((bytes: Uint8Array<ArrayBuffer> | null) => void) | null = null;

self.onmessage = ({ data }: MessageEvent<LayerRequest>) => {
  switch (data.kind) {
    case "bytes":
      give?.(data.bytes);
      break;
    case "index":
      void answer(async () => {
        const index = createLayerIndex(data.file);
        const facts = await readLayer(asked(), index, {
          limits: layerLimits,
          now: () => performance.now() - waitedMs,
        });
        index.finish(facts);
        return { kind: "indexed", facts };
      });
      break;
    case "extract":
      void answer(async () => {
        const reader = createByteReader(decompress(asked()));
        const isThere = await reader.pass(data.offset, null);
        const bytes = isThere ? await reader.take(data.size) : null;
        return { kind: "extracted", bytes: bytes === null ? null : new Uint8Array(bytes) };
      });
      break;
  }
};

async function answer(work: () => Promise<LayerReply>): Promise<void> {
  standBack();
  try {
    self.postMessage(await work());
  } catch (error) {
    const { message, code } = error as Error & { code?: string };
    self.postMessage({ kind: "failed", message, code: String(code ?? "") } satisfies LayerReply);
  }
}

async function* asked(): AsyncGenerator<Uint8Array> {
  for (;;) {
    const next = new Promise<Uint8Array<ArrayBuffer> | null>((resolve) => {
      give = resolve;
    });
    self.postMessage({ kind: "more" } satisfies LayerReply);
    const begun = performance.now();
    const bytes = await next;
    waitedMs += performance.now() - begun;
    if (bytes === null) return;
    yield bytes;
  }
}
