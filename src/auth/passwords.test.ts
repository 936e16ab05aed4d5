import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { hashPassword, isOutdated, verifyPassword } from "./passwords.ts";

describe("passwords", () => {
  test("are kept as argon2id with 19 MiB and two passes", async () => {
    const hash = await hashPassword("correct horse");
    expect(hash).toStartWith("$argon2id$v=19$m=19456,t=2,p=1$");
    expect(isOutdated(hash)).toBe(false);
    expect(isOutdated(hash.replace("t=2", "t=1"))).toBe(true);
    expect(await verifyPassword("correct horse", hash)).toBe(true);
    expect(await verifyPassword("correct horsE", hash)).toBe(false);
  });

  test("have 8 to 1,024 bytes, each of which counts", async () => {
    for (const wrong of ["", "1234567", "x".repeat(1025), "ä".repeat(513)]) {
      await expect(hashPassword(wrong)).rejects.toMatchObject({ status: 400 });
    }
    const long = "x".repeat(1024);
    const hash = await hashPassword(long);
    expect(await verifyPassword(long, hash)).toBe(true);
    for (const bytes of [72, 73, 1023]) {
      expect(await verifyPassword("x".repeat(bytes), hash)).toBe(false);
    }
    expect(await verifyPassword(`${"x".repeat(1023)}y`, hash)).toBe(false);
  });

  test("do not look like tokens", async () => {
    await expect(hashPassword("berth_pat_something")).rejects.toMatchObject({ status: 400 });
  });

  test("take as long to check for somebody without one", async () => {
    const hash = await hashPassword("correct horse");
    const timeOf = async (stored: string | null) => {
      const times: number[] = [];
      for (let count = 0; count < 7; count++) {
        const start = performance.now();
        expect(await verifyPassword("wrong horse", stored)).toBe(false);
        times.push(performance.now() - start);
      }
      return times.sort((a, b) => a - b)[1] ?? 0;
    };
    const known = await timeOf(hash);
    const unknown = await timeOf(null);
    expect(unknown).toBeGreaterThan(known / 3);
    expect(unknown).toBeLessThan(known * 3);
  });

  test.skipIf(process.platform !== "linux")(
    "are compared behind all other threads when others wait",
    async () => {
      const checks = Array.from({ length: 4 }, () => verifyPassword("wrong horse", null));
      expect(await Promise.all(checks)).toEqual([false, false, false, false]);
      // The niceness is the 17th value behind the name, which may have spaces (proc(5)).
      const nicenesses = readdirSync("/proc/self/task").map((thread) =>
        Number(
          readFileSync(`/proc/self/task/${thread}/stat`, "utf8").split(") ")[1]?.split(" ")[16],
        ),
      );
      expect(nicenesses).toContain(19);
      expect(nicenesses[0]).toBe(0);
    },
  );

  test("that are not checked at once wait, and too many are refused", async () => {
    const checks = Array.from({ length: 60 }, () => verifyPassword("wrong horse", null));
    const results = await Promise.allSettled(checks);
    const refused = results.filter((result) => result.status === "rejected");
    expect(refused.length).toBeGreaterThanOrEqual(20);
    expect(refused.length).toBeLessThan(30);
    for (const { reason } of refused as PromiseRejectedResult[]) {
      expect(reason).toMatchObject({ status: 429, headers: { "retry-after": "5" } });
    }
    // Everybody has had their turn: there is room again.
    expect(await verifyPassword("wrong horse", null)).toBe(false);
  });
});
