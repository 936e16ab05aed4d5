import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Clock } from "../lib/clock.ts";
import { RegistryError } from "../oci/registry-error.ts";
import { ballastBytes, createDiskReserve, type DiskReserve } from "./disk-reserve.ts";

const mebibyte = 1024 * 1024;

describe("the disk reserve", () => {
  let folder: string;
  let free: { bytes: number; inodes: number; inodesTotal: number };
  let now: number;
  let asked: number;
  let reserve: DiskReserve;
  const clock: Clock = { now: () => now, monotonic: () => now };

  beforeEach(() => {
    folder = fs.mkdtempSync(join(tmpdir(), "berth-reserve-"));
    free = { bytes: 1000 * mebibyte, inodes: 1000, inodesTotal: 5000 };
    now = 0;
    asked = 0;
    reserve = open();
  });

  afterEach(async () => {
    await reserve.close();
    fs.rmSync(folder, { recursive: true });
  });

  function open(): DiskReserve {
    const statfs = () => {
      asked += 1;
      const { bytes: bavail, inodes: ffree, inodesTotal: files } = free;
      return { bsize: 1, blocks: 2000 * mebibyte, bavail, files, ffree };
    };
    return createDiskReserve({ folder, clock, statfs });
  }

  function leave(bytes: number, inodes = 1000): void {
    free = { ...free, bytes, inodes };
    now += 200;
  }

  function refusal(bytes = 0): RegistryError | null {
    try {
      reserve.admitWrite(bytes);
      return null;
    } catch (error) {
      expect(error).toBeInstanceOf(RegistryError);
      return error as RegistryError;
    }
  }

  const ballast = () => fs.statSync(join(folder, "ballast"), { throwIfNoEntry: false });

  test("the ballast is really allocated, and found again by the next start", async () => {
    await reserve.refill();
    expect(ballast()?.size).toBe(ballastBytes);
    expect((ballast()?.blocks ?? 0) * 512).toBeGreaterThanOrEqual(ballastBytes);
    const made = ballast()?.ino;
    await reserve.close();
    reserve = open();
    await reserve.refill();
    expect(ballast()?.ino).toBe(made as number);
  });

  test("a ballast that is only a hole is made anew", async () => {
    await reserve.refill();
    await reserve.close();
    fs.writeFileSync(join(folder, "ballast"), "");
    fs.truncateSync(join(folder, "ballast"), ballastBytes);
    reserve = open();
    await reserve.refill();
    expect((ballast()?.blocks ?? 0) * 512).toBeGreaterThanOrEqual(ballastBytes);
  });

  test("writes are refused with 507 while less than 4 MiB or 16 inodes are free", async () => {
    await reserve.refill();
    leave(4 * mebibyte, 17);
    expect(refusal()).toBeNull();
    leave(4 * mebibyte - 1);
    expect(refusal()).toMatchObject({ code: "STORAGE_FULL", status: 507 });
    expect(refusal()?.headers["Retry-After"]).toBe("60");
    leave(1000 * mebibyte, 16);
    expect(refusal()?.message).toContain("inodes");
    leave(1000 * mebibyte, 1000);
    expect(refusal()).toBeNull();
  });

  test("what was admitted counts at once, and a refusal only after another look", async () => {
    await reserve.refill();
    leave(10 * mebibyte);
    reserve.admitWrite(3 * mebibyte);
    reserve.admitWrite(3 * mebibyte);
    free.bytes = 4 * mebibyte;
    expect(refusal(mebibyte)?.status).toBe(507);
    free.bytes = 10 * mebibyte;
    expect(refusal(mebibyte)).toBeNull();
  });

  test("a file system without a limit on inodes has enough of them", async () => {
    free.inodesTotal = 0;
    leave(1000 * mebibyte, 0);
    expect(refusal()).toBeNull();
  });

  test("what there is can be looked at, with what pushes leave to deletes", async () => {
    const all = { allBytes: 2000 * mebibyte, freeInodes: 1000 };
    const without = (4 + 16) * mebibyte;
    const open = { freeBytes: 1000 * mebibyte, keptBytes: without, isFull: false };
    expect(reserve.look()).toEqual({ ...all, ...open });
    await reserve.refill();
    leave(4 * mebibyte);
    expect(reserve.look()).toMatchObject({ keptBytes: 4 * mebibyte, isFull: false });
    leave(4 * mebibyte - 1);
    expect(reserve.look()?.isFull).toBe(true);
    leave(1000 * mebibyte, 16);
    expect(reserve.look()).toMatchObject({ freeInodes: 16, isFull: true });
  });

  test("the disk is asked five times a second at most", async () => {
    await reserve.refill();
    leave(1000 * mebibyte);
    const before = asked;
    for (let i = 0; i < 1000; i++) {
      now += 0.3;
      reserve.admitWrite();
    }
    expect(asked - before).toBeLessThanOrEqual(2);
  });

  test("room that a released ballast left is not for uploads, and is taken back when there is more", async () => {
    await reserve.refill();
    leave(0);
    reserve.release();
    reserve.release();
    expect(ballast()).toBeUndefined();
    leave(ballastBytes);
    expect(refusal()?.status).toBe(507);
    await reserve.refill();
    expect(ballast()).toBeUndefined();
    leave(ballastBytes + 20 * mebibyte);
    expect(refusal()).toBeNull();
    await Promise.all([reserve.refill(), reserve.refill()]);
    expect(ballast()?.size).toBe(ballastBytes);
    expect(fs.readdirSync(folder)).toEqual(["ballast"]);
  });

  test("a release while the ballast is being made ends the making", async () => {
    const making = reserve.refill();
    await Bun.sleep(1);
    reserve.release();
    await making;
    expect(fs.readdirSync(folder)).toEqual([]);
    await reserve.refill();
    expect(ballast()?.size).toBe(ballastBytes);
  });

  test("a file that cannot be deleted is no error to anybody", async () => {
    // A folder in the file's place: deleting it fails, for root as well.
    for (const name of ["ballast", "ballast.new"]) fs.mkdirSync(join(folder, name));
    expect(() => reserve.release()).not.toThrow();
    await reserve.refill();
    expect(ballast()?.isDirectory()).toBe(true);
  });

  test("a disk that cannot be asked refuses nothing", async () => {
    await reserve.close();
    reserve = createDiskReserve({
      folder,
      clock,
      statfs: () => {
        throw new Error("unknown");
      },
    });
    expect(refusal()).toBeNull();
  });
});
