import { BackendError } from "../../errors.ts";

/** One error of an array's answer; `context` is the object's name. */
export interface ArrayMessage {
  readonly message: string;
  readonly context: string | null;
}

/** The array understood the request and refused it: nothing was done. */
export class ArrayRefusedError extends BackendError {
  override readonly name = "ArrayRefusedError";
  readonly messages: readonly ArrayMessage[];

  constructor(
    what: string,
    messages: readonly ArrayMessage[],
    options?: ErrorOptions,
  ) {
    super("ARRAY_REFUSED", `${what}: ${textOf(messages)}`, options);
    this.messages = messages;
  }

  /** True when one of the messages has this in it; case and the final period do not matter (docs: FlashArray error texts). */
  says(...parts: readonly string[]): boolean {
    return this.messages.some(({ message }) =>
      parts.some((part) => message.toLowerCase().includes(part.toLowerCase())),
    );
  }
}

function textOf(messages: readonly ArrayMessage[]): string {
  return messages
    .map(({ message, context }) =>
      context === null ? message : `${message} (${context})`,
    )
    .join("; ");
}

/** A change was sent and no usable answer came: it may have been done. Resolved by reading, never by sending it again blindly. */
export class UnknownOutcomeError extends BackendError {
  override readonly name = "UnknownOutcomeError";

  constructor(what: string, options?: ErrorOptions) {
    super(
      "ARRAY_OUTCOME_UNKNOWN",
      `${what}: sent, but no usable answer came, so it may have been done; ask again, which looks first, and check the array and the way to it if this is seen often`,
      options,
    );
  }
}
