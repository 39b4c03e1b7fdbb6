import { changeSettings } from "./change-settings.ts";
import { CommandError } from "./command-error.ts";
import type { Controls } from "./controls.ts";
import { faultRule, shownFault } from "./fault-rule.ts";

/** A request to the control interface. */
export interface Command {
  /** Method and path, such as `GET /log`. */
  readonly name: string;
  readonly query: URLSearchParams;
  readonly bodyText: string;
}

/** No date is later. */
const lastMs = 8_640_000_000_000_000;

type Body = Readonly<Record<string, unknown>>;

const commands: Readonly<
  Record<string, (controls: Controls, command: Command) => unknown>
> = {
  "GET /log": ({ log }, { query }) => {
    const since = query.get("since") ?? "0";
    if (!/^\d{1,15}$/u.test(since)) {
      throw new CommandError(400, "since has to be a mark of this log");
    }
    return { mark: log.mark(), requests: log.since(Number(since)) };
  },
  "GET /faults": ({ faults }) => faults.list().map(shownFault),
  "POST /faults": ({ faults }, command) =>
    shownFault(faults.add(faultRule(bodyOf(command)))),
  "DELETE /faults": ({ faults }) => {
    faults.clear();
    return [];
  },
  "GET /clock": ({ clock }) => ({ now: clock.now() }),
  "POST /clock": ({ clock }, command) => {
    const { advanceMs } = bodyOf(command);
    if (
      typeof advanceMs !== "number" ||
      !Number.isSafeInteger(advanceMs) ||
      advanceMs < 0 ||
      clock.now() + advanceMs > lastMs
    ) {
      throw new CommandError(400, 'need {"advanceMs": <milliseconds>}');
    }
    clock.advance(advanceMs);
    return { now: clock.now() };
  },
  "GET /settings": ({ model }) => model.settings,
  "PATCH /settings": (controls, command) =>
    changeSettings(controls, bodyOf(command)),
  "GET /sessions": ({ sessions }) => ({
    open: sessions.size,
    logins: sessions.logins,
  }),
  "POST /sessions/revoke": ({ sessions }) => {
    sessions.revokeAll();
    return { open: sessions.size, logins: sessions.logins };
  },
};

/**
 * Does what the control interface is asked.
 *
 * @returns what to answer, as JSON
 * @throws {CommandError} it cannot be done
 */
export function runCommand(command: Command, controls: Controls): unknown {
  const run = Object.hasOwn(commands, command.name)
    ? commands[command.name]
    : undefined;
  if (run === undefined) {
    throw new CommandError(
      404,
      `there are ${Object.keys(commands).join(", ")}`,
    );
  }
  return run(controls, command);
}

function bodyOf({ bodyText }: Command): Body {
  try {
    const body: unknown = JSON.parse(bodyText);
    if (typeof body === "object" && body !== null && !Array.isArray(body)) {
      return body as Body;
    }
  } catch (error) {
    throw new CommandError(400, "the body is no JSON", { cause: error });
  }
  throw new CommandError(400, "the body has to be a JSON object");
}
