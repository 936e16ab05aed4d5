import { type ComponentProps, lazy, Suspense } from "react";

// Few ever see the guide again: it comes when it is needed.

const Screen = lazy(async () => ({ default: (await import("./push-guide.tsx")).PushGuideScreen }));
const Guide = lazy(async () => ({ default: (await import("./push-guide.tsx")).PushGuide }));

export function PushGuideScreen(props: ComponentProps<typeof Screen>) {
  return (
    <Suspense>
      <Screen {...props} />
    </Suspense>
  );
}

export function PushGuide(props: ComponentProps<typeof Guide>) {
  return (
    <Suspense>
      <Guide {...props} />
    </Suspense>
  );
}
