import { beforeEach, describe, expect, it } from "@jest/globals";
import { eventOf, shortTimes, type StoreRig } from "./store-kit.ts";

/** What every outbox has to do. */
export function outboxContract(
  name: string,
  makeRig: () => Promise<StoreRig>,
): void {
  describe(`outbox (${name})`, () => {
    let rig: StoreRig;
    beforeEach(async () => {
      rig = await makeRig();
    });

    it("keeps rows as they are and in order until they are removed", async () => {
      const events = Array.from({ length: 12 }, (_, i) => eventOf(`e${i}`));
      const { outbox } = rig.n1;
      const rows = await outbox.append(events);
      expect(rows.map((row) => row.kind === "event" && row.event)).toEqual(
        events,
      );
      const ids = rows.map((row) => row.id);
      expect(ids).toEqual(ids.toSorted());
      expect(await outbox.depth()).toBe(12);
      expect(await outbox.claimDue(100)).toEqual([]);
      await rig.advance(shortTimes.outboxGraceMs + 50);
      expect(await rig.n2.outbox.claimDue(5)).toEqual(rows.slice(0, 5));
      expect(await outbox.claimDue(100)).toEqual(rows.slice(5));
      expect(await outbox.claimDue(100)).toEqual([]);
      await outbox.remove([...ids.slice(1), "unknown"]);
      await outbox.remove([]);
      expect(await outbox.depth()).toBe(1);
      await rig.advance(shortTimes.outboxGraceMs + 50);
      expect(await outbox.claimDue(100)).toEqual(rows.slice(0, 1));
    });
  });
}
