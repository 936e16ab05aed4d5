import type { ReactNode } from "react";

/** Where there is nothing yet: what makes the first one. */
export function Empty({
  title,
  lead,
  children,
}: {
  title: string;
  lead: ReactNode;
  children?: ReactNode;
}) {
  return (
    <div className="emp">
      <div>
        <h2>{title}</h2>
        <p className="lead">{lead}</p>
        {children}
      </div>
    </div>
  );
}
