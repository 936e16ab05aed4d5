import { createContext, useContext } from "react";
import type { getAccount } from "../../client/operations.ts";

export type Account = Awaited<ReturnType<typeof getAccount>>;

export const SessionContext = createContext<Account | null>(null);

/** Who is signed in: no screen is shown to anybody else. */
export function useAccount(): Account {
  const account = useContext(SessionContext);
  if (account === null) throw new Error("nobody is signed in");
  return account;
}

/** What stands in front of the names of images. */
export const host = location.host;
