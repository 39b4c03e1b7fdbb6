import { z } from "zod";
import type { Options } from "../volume-backend.ts";
import { arrayFailureOf } from "./array-failure.ts";
import type { ArrayWire } from "./array-wire.ts";
import { Patience, type PatienceLimits, patiently } from "./patience.ts";
import { type RestVersion, chooseRestVersion } from "./rest-version.ts";

/** Asks the array for its REST versions, which needs no session, and chooses. */
export async function agreeOnVersion(
  wire: ArrayWire,
  {
    where,
    pin,
    patience,
  }: {
    readonly where: string;
    readonly pin: string | null;
    readonly patience: PatienceLimits;
  },
  options: Options,
): Promise<RestVersion> {
  const offer = z.object({ version: z.array(z.string()) });
  const { answer, requestId } = await patiently(
    async () =>
      await wire.send(
        {
          method: "GET",
          path: "api_version",
          target: "/api/api_version",
          headers: {},
          read: (body) => {
            const { data } = offer.safeParse(body);
            if (data === undefined) {
              throw new Error("it lists no versions; is it a FlashArray?");
            }
            return data.version;
          },
          isRead: true,
        },
        options,
      ),
    new Patience(patience, true),
    options,
  );
  if (answer.kind === "ok") {
    return chooseRestVersion(answer.value, pin, where);
  }
  throw arrayFailureOf(answer, {
    where,
    what: `GET api_version (request ${requestId})`,
    version: "(none yet)",
    isRead: true,
  });
}
