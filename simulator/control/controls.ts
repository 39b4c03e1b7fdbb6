import type { Clock } from "../clock.ts";
import type { Faults } from "../faults/faults.ts";
import type { RequestLog } from "../rest/request-log.ts";
import type { Sessions } from "../rest/sessions.ts";
import type { Version } from "../version.ts";

/** What can be read and turned on a running simulator. */
export interface Controls {
  readonly log: RequestLog;
  readonly faults: Faults;
  readonly clock: Clock;
  readonly sessions: Sessions;
  readonly model: { readonly settings: object };
  setNewest(newest: Version): void;
}
