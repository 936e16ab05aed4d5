import type { ApiCall, Management } from "../access/endpoint.ts";

/**
 * The answer to what several transactions did, kept for whoever repeats the request. It is kept after
 * them: a repetition of one that was cut off before does what is left of it.
 */
export async function remembered<Answer>(
  { db }: Management,
  { remember }: ApiCall,
  answer: Answer,
): Promise<Answer> {
  if (remember !== null) await db.transaction((tx) => remember(tx, answer));
  return answer;
}
