import type { Json } from "./endpoint.ts";
import { isItem, isList } from "./item-field.ts";

const secret = /password|secret|token/iu;

/** The same value with every secret in it replaced: passwords of CHAP accounts, tokens. */
export function maskSecrets(value: Json): Json {
  if (isList(value)) {
    return value.map(maskSecrets);
  }
  if (!isItem(value)) {
    return value;
  }
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [
      name,
      secret.test(name) && inner !== null ? "***" : maskSecrets(inner),
    ]),
  );
}
