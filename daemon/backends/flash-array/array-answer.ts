import { z } from "zod";
import { redactText } from "../../redact.ts";
import type { ArrayMessage } from "./array-errors.ts";
import type { Exchange } from "./exchange.ts";

/** What an array's answer means, before anybody looks into its items. */
export type ArrayAnswer =
  /** `body` is null when it is empty. */
  | { readonly kind: "ok"; readonly body: unknown }
  /** Understood and not done. */
  | { readonly kind: "refused"; readonly messages: readonly ArrayMessage[] }
  /** No session: not executed. */
  | { readonly kind: "unauthorized"; readonly says: string }
  | { readonly kind: "forbidden"; readonly says: string }
  /** Too many requests: not executed. */
  | { readonly kind: "busy"; readonly waitMs: number }
  /** An unknown path or version: an object that is absent is `refused`. */
  | { readonly kind: "unknown-path" }
  /** An answer that nobody can read. */
  | { readonly kind: "unusable"; readonly why: string }
  /** The array or what stands before it is out of order. */
  | { readonly kind: "broken"; readonly why: string }
  /** No answer. */
  | {
      readonly kind: "lost";
      readonly why: string;
      readonly mayHaveArrived: boolean;
      readonly isUntrusted: boolean;
    };

/** True when what was asked for may have been done all the same, so that a change must not be sent again. */
export function mayBeDone(
  answer: Exclude<ArrayAnswer, { readonly kind: "ok" }>,
): answer is Extract<ArrayAnswer, { readonly why: string }> {
  return (
    answer.kind === "unusable" ||
    answer.kind === "broken" ||
    (answer.kind === "lost" && answer.mayHaveArrived)
  );
}

type Reply = Extract<Exchange, { kind: "reply" }>;

/** Arrays write errors so; the gateway before them writes one message. */
const errorBody = z.object({
  errors: z
    .array(
      z.object({
        message: z.string().nullish(),
        context: z.string().nullish(),
      }),
    )
    .nullish(),
  message: z.string().nullish(),
});

/** Tells answers apart by status and body; never assumes JSON. */
export function arrayAnswerOf(result: Exchange): ArrayAnswer {
  if (result.kind === "lost") {
    return result;
  }
  const { status, text } = result;
  if (status >= 200 && status < 300) {
    return successOf(text);
  }
  switch (status) {
    case 401:
      return { kind: "unauthorized", says: wordsOf(result) };
    case 403:
      return { kind: "forbidden", says: wordsOf(result) };
    case 404:
      return { kind: "unknown-path" };
    case 408:
      return { kind: "broken", why: "status 408" };
    case 429:
      return { kind: "busy", waitMs: waitMsOf(result) };
    default:
      return otherOf(result);
  }
}

function successOf(text: string): ArrayAnswer {
  if (text.trim() === "") {
    return { kind: "ok", body: null };
  }
  const body = parse(text);
  if (body === undefined) {
    return { kind: "unusable", why: "its body is not JSON" };
  }
  const messages = messagesIn(body);
  return messages.length === 0
    ? { kind: "ok", body }
    : { kind: "refused", messages };
}

function otherOf(reply: Reply): ArrayAnswer {
  if (reply.status >= 500) {
    return { kind: "broken", why: `status ${reply.status}` };
  }
  if (reply.status < 400) {
    return { kind: "unusable", why: `status ${reply.status}` };
  }
  const messages = messagesIn(parse(reply.text));
  return {
    kind: "refused",
    messages:
      messages.length === 0
        ? [{ message: wordsOf(reply), context: null }]
        : messages,
  };
}

function messagesIn(body: unknown): readonly ArrayMessage[] {
  const { data } = errorBody.safeParse(body);
  return (data?.errors ?? []).map(({ message, context }) => ({
    message: cut(message ?? "(no message)"),
    context: context ?? null,
  }));
}

function wordsOf({ status, text }: Reply): string {
  const body = parse(text);
  const errors = messagesIn(body).map(({ message }) => message);
  const { data } = errorBody.safeParse(body);
  const words =
    errors.join("; ") || (data?.message ?? (body === undefined ? "" : text));
  return words.trim() === ""
    ? `status ${status} without a message`
    : `${cut(words)} (status ${status})`;
}

function cut(words: string): string {
  const clean = redactText(words).replaceAll(/\s+/g, " ").trim();
  return clean.length > 300 ? `${clean.slice(0, 300)}…` : clean;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function waitMsOf({ headers }: Reply): number {
  const after = headers["retry-after"];
  if (typeof after === "string" && after.trim() !== "") {
    const ms = /^\s*\d+\s*$/.test(after)
      ? Number(after) * 1000
      : Date.parse(after) - Date.now();
    if (Number.isFinite(ms)) {
      return Math.max(ms, 0);
    }
  }
  return headers["x-ratelimit-remaining-minute"] === "0" ? 60_000 : 1000;
}
