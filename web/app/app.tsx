import { Component, lazy, type ReactNode, Suspense, useEffect } from "react";
import { getAccount } from "../../client/operations.ts";
import { Announcer } from "../parts/announce.tsx";
import { Trouble } from "../parts/notice.tsx";
import { Toasts } from "../parts/toast.tsx";
import { HomeScreen, useRecent } from "../screens/home.tsx";
import { ProjectScreen } from "../screens/project.tsx";
import { ProjectsScreen } from "../screens/projects.tsx";
import { PushGuideScreen } from "../screens/push-guide-later.tsx";
import { RepositoryScreen, useRepository } from "../screens/repository.tsx";
import { UnknownScreen } from "../screens/unknown.tsx";
import { type Screen, screenOf, usePlace } from "../state/location.ts";
import { asError, statusOf, useResource } from "../state/resource.ts";
import { SessionContext } from "../state/session.ts";
import { Shell } from "./shell.tsx";

// What few people open comes when they do.
const CompareScreen = lazy(() => import("../screens/compare.tsx"));
const AdminScreen = lazy(() => import("../screens/admin.tsx"));
const ImageScreen = lazy(() => import("../screens/image.tsx"));
const TrashScreen = lazy(() => import("../screens/trash.tsx"));
const ProfileScreen = lazy(() => import("../screens/profile.tsx"));

export function App() {
  const { path } = usePlace();
  const account = useResource("account", () => getAccount({}));
  const screen = screenOf(path);
  const screenKey = keyOf(screen);
  if (account.value === undefined) {
    if (account.error === null) return <FirstReads screen={screen} />;
    return statusOf(account.error) === 401 ? null : (
      <main className="page first" id="main">
        <Trouble error={account.error} onRetry={account.reload} />
      </main>
    );
  }
  return (
    <SessionContext.Provider value={account.value}>
      <Shell screen={screen}>
        <Guard key={screenKey}>
          <Suspense fallback={null}>
            <FromTitle />
            {shown(screen)}
          </Suspense>
        </Guard>
      </Shell>
      <Toasts />
      <Announcer />
    </SessionContext.Provider>
  );
}

/** What the screens that people open most ask for does not wait for who asks: rows come with their title. */
function FirstReads({ screen }: { screen: Screen }) {
  if (screen.kind === "home") return <FirstReadsOfHome />;
  if (screen.kind !== "repository" || screen.tab !== "") return null;
  return <FirstReadsOfRepository repository={screen.repository} />;
}

function FirstReadsOfHome() {
  useRecent();
  return null;
}

function FirstReadsOfRepository({ repository }: { repository: string }) {
  useRepository(repository);
  return null;
}

/** A new screen is read from its title on, once it is there. */
function FromTitle() {
  useEffect(() => {
    const title = document.querySelector<HTMLElement>("h1");
    if (title === null || document.activeElement !== document.body) return;
    title.focus({ preventScroll: true });
  }, []);
  return null;
}

function shown(screen: Screen): ReactNode {
  switch (screen.kind) {
    case "home":
      return <HomeScreen />;
    case "push":
      return <PushGuideScreen />;
    case "compare":
      return <CompareScreen />;
    case "projects":
      return <ProjectsScreen />;
    case "project":
      return <ProjectScreen project={screen.project} tab={screen.tab} />;
    case "repository":
      return <RepositoryScreen repository={screen.repository} tab={screen.tab} />;
    case "image":
      return <ImageScreen {...screen} />;
    case "trash":
      return <TrashScreen />;
    case "profile":
      return <ProfileScreen tab={screen.tab} />;
    case "admin":
      return <AdminScreen tab={screen.tab} />;
    case "unknown":
      return <UnknownScreen />;
  }
}

/** A tab of the same thing is the same screen. */
function keyOf(screen: Screen): string {
  return JSON.stringify({ ...screen, tab: "" });
}

/**
 * A failed part never blanks the page. It is tried again with the whole page, for it may have asked for a file
 * of a version that the server is no more.
 */
class Guard extends Component<{ children: ReactNode }, { error: unknown }> {
  override state: { error: unknown } = { error: null };

  static getDerivedStateFromError(error: unknown) {
    return { error };
  }

  override render() {
    if (this.state.error === null) return this.props.children;
    return (
      <main className="page first" id="main">
        <Trouble error={asError(this.state.error)} onRetry={() => location.reload()} />
      </main>
    );
  }
}
