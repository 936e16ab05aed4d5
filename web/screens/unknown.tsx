import { Link } from "../app/link.tsx";
import { Place } from "../parts/place.tsx";
import { paths } from "../state/location.ts";
import { text } from "../text/text.ts";

export function UnknownScreen() {
  return (
    <main className="page" id="main">
      <Place
        name={text.unknown.title}
        crumbs={[{ label: location.host }]}
        title={<h1 tabIndex={-1}>{text.unknown.title}</h1>}
      />
      <p className="lead">{text.unknown.what(location.pathname)}</p>
      <p>
        <Link href={paths.projects}>{text.unknown.projects}</Link>
      </p>
    </main>
  );
}
