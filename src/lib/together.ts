/**
 * Waits for all of them, also where one fails, and then throws what failed first: in a transaction none
 * of them may go on after its end. What is asked so goes to a database server in one message.
 */
export async function together<const Values extends readonly unknown[]>(
  values: Values,
): Promise<{ -readonly [Index in keyof Values]: Awaited<Values[Index]> }> {
  const failures: unknown[] = [];
  const results = await Promise.all(
    values.map((value) => Promise.resolve(value).catch((error) => void failures.push(error))),
  );
  if (failures.length > 0) throw failures[0];
  return results as { -readonly [Index in keyof Values]: Awaited<Values[Index]> };
}
